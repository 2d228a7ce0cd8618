"""A document from somebody else's server as lxml's tree: strict, with entities, DTDs and network off.

What is often wrong with feeds and has one meaning is put right: blanks before the declaration, ampersands that stand
for themselves, HTML's names of characters, control characters, an encoding that is not the one declared. Everything
else is refused: a parser that guesses makes addresses that nobody has.
"""

from __future__ import annotations

import codecs
import re
import zlib
from html import entities
from typing import Any, Final

from lxml import etree

from project.text import FORBIDDEN

MAX_BYTES: Final = 5_000_000

DOCTYPE: Final = re.compile(r"<!DOCTYPE[^\[<>]{0,1000}>")
DECLARATION: Final = re.compile(r"^\ufeff?\s*<\?xml[^>]{0,300}\?>")
DECLARED: Final = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})""")
BYTE_ORDER_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
AMPERSAND: Final = re.compile(r"&(?!#[0-9]{1,7};|#x[0-9A-Fa-f]{1,6};)([A-Za-z][A-Za-z0-9]{1,30};)?")
OWN_TO_XML: Final = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})
# Codecs of Python that no document has, and that take time with the square of a text's length, or read code.
NO_ENCODINGS: Final = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape"})


class SourceError(Exception):
    """Nothing could be read; the text says why, for operators, in one sentence."""


def read_root(body: bytes, charset: str = "") -> etree._Element:
    """Return the root of a document, unpacked where it is gzip; it declares no entities and names none.

    `charset` is what its server calls the encoding, for a document that does not say. SourceError.
    """
    return _root(_unpacked(body), charset)


def _unpacked(body: bytes) -> bytes:
    """Return the body, unpacked if it is gzip, however small a bomb was."""
    if body[:2] == b"\x1f\x8b":
        unpacker = zlib.decompressobj(wbits=31)
        try:
            body = unpacker.decompress(body, MAX_BYTES + 1)
        except zlib.error as error:
            raise SourceError("It is packed with gzip, and broken.") from error
        if len(body) <= MAX_BYTES and not unpacker.eof:
            raise SourceError("It is packed with gzip, and cut off.")
    if len(body) > MAX_BYTES:
        raise SourceError(f"It is longer than {MAX_BYTES:,} bytes.")
    return body


def _root(body: bytes, charset: str) -> etree._Element:
    """Return the root of a document without entities, whose stray ampersands and HTML names are put right."""
    body = body.lstrip()
    if not body:
        raise SourceError("It is empty.")
    is_told = DECLARED.match(body) or any(body.startswith(mark) for mark, _ in BYTE_ORDER_MARKS)
    try:
        root = _parsed(body, "" if is_told else charset)
    except (etree.XMLSyntaxError, LookupError, ValueError):
        root = None
    if root is not None and _is_plain(root):
        return root
    try:
        root = _parsed(_repaired(_decoded(body, charset)).encode(), "utf-8")
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SourceError(f"It is not well-formed XML: {' '.join(str(error).split())[:200]}") from error
    if not _is_plain(root):
        raise SourceError("It declares entities; such documents are not read.")
    return root


def _parsed(body: bytes, encoding: str) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
        remove_pis=True, encoding=encoding or None,
    )  # fmt: skip
    return etree.fromstring(body, parser)


def _is_plain(root: etree._Element) -> bool:
    """Say whether a document declares no entity and names none."""
    subset: Any = root.getroottree().docinfo.internalDTD
    if subset is not None and next(subset.iterentities(), None) is not None:
        return False
    return next(root.iter(etree.Entity), None) is None


def _decoded(body: bytes, charset: str) -> str:
    declared = DECLARED.match(body)
    names = [name for mark, name in BYTE_ORDER_MARKS if body.startswith(mark)]
    names += [declared[1].decode("ascii")] if declared else []
    for name in (*names, charset, "utf-8"):
        try:
            if name and codecs.lookup(name).name not in NO_ENCODINGS:
                return body.decode(name)
        except (LookupError, ValueError):
            continue
    # What browsers take for text of an unknown encoding.
    return body.decode("windows-1252", "replace")


def _repaired(text: str) -> str:
    """Return the text as UTF-8 would declare it: HTML's names as characters, ampersands escaped, CDATA untouched."""
    text = DECLARATION.sub("", text, count=1)
    head, *sections = FORBIDDEN.sub("", DOCTYPE.sub("", text, count=1)).split("<![CDATA[")
    parts = [AMPERSAND.sub(_ampersand, head)]
    for section in sections:
        data, end, rest = section.partition("]]>")
        parts.append(f"<![CDATA[{data}{end}{AMPERSAND.sub(_ampersand, rest)}")
    return "".join(parts)


def _ampersand(found: re.Match[str]) -> str:
    name = found[1] or ""
    if name in OWN_TO_XML:
        return found[0]
    known = entities.html5.get(name, "")
    return "".join(f"&#{ord(letter)};" for letter in known) if known else f"&amp;{name}"
