"""One element cut out of a document, and the strict parser for it: lxml with entities, DTDs and network off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from comments.interchange.records import Warnings
from comments.interchange.window import Root

MAX_ATTRIBUTES: Final = 1 << 16
MAX_NAMESPACES: Final = 50

MALFORMED: Final = "malformed elements were skipped"
REFERENCES: Final = "references to characters that XML forbids were removed"
UNREADABLE: Final = "bytes that are no text were replaced by U+FFFD"

REFERENCE: Final = re.compile(r"<!\[CDATA\[.*?\]\]>|&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,10}));", re.DOTALL)
UNDECODED: Final = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A cut-out: its local name, its text from `<` to `>`, and the line on which it begins."""

    name: str
    text: str
    line: int


class PieceParser:
    """Parses pieces as if they stood in their document: with its namespaces, and nothing else of it.

    `comment` is the name of the pieces whose loss is the loss of a comment.
    """

    def __init__(self, root: Root, warnings: Warnings, known: re.Pattern[str], comment: str) -> None:
        declared = {prefix: uri for prefix, uri in root.namespaces.items() if uri and prefix not in {"xml", "xmlns"}}
        if len(declared) > MAX_NAMESPACES:
            declared = {prefix: uri for prefix, uri in declared.items() if known.match(uri)}
        names = "".join(f" xmlns{':' if p else ''}{p}={quoteattr(uri)}" for p, uri in declared.items())
        self._before, self._warnings, self._comment = f"<x{names}>", warnings, comment
        self._parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
            remove_pis=True, encoding="utf-8",
        )  # fmt: skip

    def parse(self, piece: Piece, *, replace: bool = False) -> etree._Element | None:
        """Return the piece's element; None, counted, if it is malformed.

        `replace`: bytes that were no text become U+FFFD; else they make the piece malformed.
        """
        text = piece.text
        if replace and (broken := len(UNDECODED.findall(text))):
            text = UNDECODED.sub("\ufffd", text)
            self._warnings.add(f"line {piece.line}", UNREADABLE, broken)
        element = self._parsed(text)
        if element is None and "&#" in text:
            cleaned, removed = _without_forbidden(text)
            element = self._parsed(cleaned) if removed else None
            self._warnings.add(f"line {piece.line}", REFERENCES, removed if element is not None else 0)
        if element is None or (len(text) > MAX_ATTRIBUTES and _has_giant_tags(element)):
            report = self._warnings.lose if piece.name == self._comment else self._warnings.add
            report(f"line {piece.line}", MALFORMED)
            return None
        return element

    def _parsed(self, text: str) -> etree._Element | None:
        try:
            wrapper = etree.fromstring(f"{self._before}{text}</x>".encode(), self._parser)
        except (etree.XMLSyntaxError, UnicodeEncodeError):
            return None
        return wrapper[0] if len(wrapper) == 1 and not (wrapper[0].tail or wrapper.text) else None


def _without_forbidden(text: str) -> tuple[str, int]:
    """Return the text without references to characters that XML forbids, and how many there were."""
    removed = 0

    def judge(found: re.Match[str]) -> str:
        nonlocal removed
        if found[1] is None and found[2] is None:
            return found[0]
        code = int(found[1], 16) if found[1] else int(found[2])
        allowed = code in {9, 10, 13} or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000
        removed += not allowed
        return found[0] if allowed else ""

    return REFERENCE.sub(judge, text), removed


def _has_giant_tags(element: etree._Element) -> bool:
    return any(
        sum(len(name) + len(value) for name, value in part.attrib.items()) > MAX_ATTRIBUTES
        for part in element.iter()
        if part.attrib
    )
