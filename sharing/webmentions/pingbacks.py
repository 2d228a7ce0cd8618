"""Pingback 1.0: the one call of XML-RPC that is taken here, read strictly, and its answers.

Only `pingback.ping` with its two strings is understood. A document type is refused, whatever it says, and no entity is
resolved on the way; answers are written by Python's own library.
"""

from __future__ import annotations

import xmlrpc.client
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from lxml import etree

MAX_BYTES: Final = 16_384
METHOD: Final = "pingback.ping"


class Fault(IntEnum):
    """Codes of the specifications: of Pingback, and of XML-RPC's own faults where nothing could be called.

    Those about what the source says (17 no link, 50 not to be read) are not known yet when a ping is answered, and
    32, no such target, would tell hidden articles from those that there never were.
    """

    GENERIC = 0
    NO_SOURCE = 16
    NOT_A_TARGET = 33
    KNOWN = 48
    DENIED = 49
    NOT_XML = -32700
    NO_METHOD = -32601
    BAD_PARAMETERS = -32602


class PingFault(Exception):  # noqa: N818 — the answer that the caller gets
    """A ping that is refused, with a code that the caller understands."""

    def __init__(self, code: Fault, says: str) -> None:
        super().__init__(says)
        self.code, self.says = code, says


@dataclass(frozen=True)
class Ping:
    source: str
    target: str


def read_ping(body: bytes) -> Ping:
    """Return what a call says. PingFault for every other document."""
    if len(body) > MAX_BYTES:
        raise PingFault(Fault.NOT_XML, "The call is too long.")
    root = _root(body)
    if root.tag != "methodCall":
        raise PingFault(Fault.NOT_XML, "This is no method call.")
    if (root.findtext("methodName") or "").strip() != METHOD:
        raise PingFault(Fault.NO_METHOD, f"Only {METHOD} can be called here.")
    values = [_string(value) for value in root.findall("params/param/value")]
    if len(values) != 2 or None in values:
        raise PingFault(Fault.BAD_PARAMETERS, f"{METHOD} takes two strings.")
    source, target = (value or "" for value in values)
    return Ping(source.strip(), target.strip())


def answer_of(text: str) -> bytes:
    """Return the document of a call that has succeeded."""
    return xmlrpc.client.dumps((text,), methodresponse=True, encoding="utf-8").encode()


def fault_of(fault: PingFault) -> bytes:
    """Return the document of a call that has failed; it goes with the status 200."""
    document = xmlrpc.client.Fault(int(fault.code), fault.says)
    return xmlrpc.client.dumps(document, methodresponse=True, encoding="utf-8").encode()


def _root(body: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, LookupError, ValueError) as error:
        raise PingFault(Fault.NOT_XML, "The call is not well-formed XML.") from error
    info: Any = root.getroottree().docinfo
    if info.doctype:
        raise PingFault(Fault.NOT_XML, "A call has no document type.")
    return root


def _string(value: etree._Element) -> str | None:
    """Return the text of a string, with or without its element; None for another type."""
    children = list(value)
    if not children:
        return value.text or ""
    only = children[0]
    return (only.text or "") if len(children) == 1 and only.tag == "string" and not len(only) else None
