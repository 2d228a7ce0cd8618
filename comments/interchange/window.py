"""A window that moves forward over the text of a large file, and the head of a document read through it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from comments.interchange.records import NotImportable, Warnings

# How much of the beginning may be searched for the first element, and how long its start tag may be.
MAX_HEAD: Final = 1 << 20
BLANKS: Final = "\ufeff \t\r\n"

OPENING: Final = re.compile(r"<(?:(!--)|(!)|(\?)|([A-Za-z_][\w.-]*(?::[\w.-]+)?)(?=[\s/>]))")
# What follows an element's name up to the end of its start tag; possessive, so that no input makes it slow.
TAG_REST: Final = re.compile(r"""[^<>"']*+(?:"[^"<]*+"[^<>"']*+|'[^'<]*+'[^<>"']*+)*+>""")
DECLARATION: Final = re.compile(r"""\sxmlns(?::([\w.-]+))?\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")


class Window:
    """Text that arrives in chunks; what lies before a dropped position is forgotten, its lines stay counted."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self._counted = 0
        self._line = 1
        self.text = ""

    def drop(self, position: int) -> None:
        """Forget what lies before `position`; every position behind it moves down by that much."""
        self.line_at(position)
        self._counted -= position
        self.text = self.text[position:]

    def more(self) -> bool:
        """Add a chunk; False at the end of the file."""
        for chunk in self._chunks:
            if chunk:
                self.text += chunk
                return True
        return False

    def line_at(self, position: int) -> int:
        """Return the line number (from 1) of a position no smaller than those asked before."""
        if position > self._counted:
            self._line += self.text.count("\n", self._counted, position)
            self._counted = position
        return self._line


def begin(window: Window) -> str:
    """Read on until there is more than blanks, or enough of these; return what there is without them."""
    while not (text := window.text.strip(BLANKS)) and len(window.text) < MAX_HEAD and window.more():
        pass
    return text


@dataclass(frozen=True, slots=True)
class Root:
    """The outermost element: its local name and the namespaces that it declares, by prefix ("" is the default)."""

    name: str
    namespaces: dict[str, str]
    is_empty: bool


def read_root(window: Window, warnings: Warnings) -> Root:
    """Read up to the end of the root's start tag; junk before the document is left out and counted.

    NotImportable: a DOCTYPE or an entity declaration, or no element within the first mebibyte.
    """
    position = junk = 0
    while True:
        found = OPENING.search(window.text, position)
        if found is None:
            _read_on(window)
            continue
        junk += len(window.text[position : found.start()].strip(BLANKS))
        if found[4] is None:
            position = _after_markup(window, found)
            continue
        rest = TAG_REST.match(window.text, found.end())
        if rest is None:
            _read_on(window)
            position, junk = found.start(), junk
            continue
        warnings.add("line 1", "characters before the beginning of the XML were left out", junk)
        declared = {prefix: double or single for prefix, double, single in DECLARATION.findall(rest[0])}
        window.drop(rest.end())
        return Root(found[4].rpartition(":")[2], declared, rest[0].endswith("/>"))


def _after_markup(window: Window, found: re.Match[str]) -> int:
    """Return the position behind a comment or processing instruction before the root."""
    if found[2]:
        raise NotImportable("The file has a DOCTYPE or declares entities; such files are not read.")
    mark = "-->" if found[1] else "?>"
    while (end := window.text.find(mark, found.end())) < 0:
        _read_on(window)
    return end + len(mark)


def _read_on(window: Window) -> None:
    if len(window.text) > MAX_HEAD or not window.more():
        raise NotImportable("The file is in no known export format: it does not begin as one.")
