"""A large XML file taken apart into small elements, each parsed strictly and on its own (`pieces`).

A scanner cuts the text at the tags that matter. So memory holds one element, never the file; damage in one element
cannot touch the next; and no piece can hold a DOCTYPE, which only the head of a document may: no entity is ever
declared, no file opened, no address fetched.

For well-formed text the cuts are exact: `<` never stands in an attribute's value, and comments, CDATA sections
and processing instructions are passed over whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Final

from comments.interchange.pieces import MALFORMED, MAX_ATTRIBUTES, Piece
from comments.interchange.records import NotImportable, Warnings
from comments.interchange.window import TAG_REST, Root, Window

MAX_ELEMENT: Final = 8 << 20
# No token that the scanner looks for is longer than this, so a chunk may end within one.
TAIL: Final = 256

OVERLONG: Final = "elements longer than 8 MiB were skipped"
UNFINISHED: Final = "the file ends within an element, which was left out"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to cut out of a document, by local names.

    `comment` is the element that holds a comment. `elements` come whole. An element named `container` comes in parts:
    each `inner` element in it, then everything else of it as one piece. `nested[x]` are names that may stand
    inside x as something else.
    """

    comment: str
    elements: Set[str]
    container: str = ""
    inner: str = ""
    nested: Mapping[str, Set[str]] | None = None

    def tokens(self, root: Root) -> re.Pattern[str]:
        """Return what the scanner stops at: markup to pass over, and tags of the names that matter."""
        names = {*self.elements, self.container, self.inner, root.name} - {""}
        marks = "|".join(sorted(map(re.escape, names)))
        return re.compile(rf"<(?:(!--)|(!\[CDATA\[)|(\?)|(![A-Z])|(/?)(?:[\w.-]{{1,100}}:)?({marks})(?=[\s/>]))")


class Scanner:
    """Cuts pieces out of a document whose root has been read; `complete` once the root's end tag was met."""

    def __init__(self, window: Window, root: Root, plan: Plan, warnings: Warnings) -> None:
        self._window, self._root, self._plan, self._warnings = window, root, plan, warnings
        self._tokens = plan.tokens(root)
        self._nested = plan.nested or {}
        self._at = 0
        self._open = ""  # the name of the element being cut out, and where and on which line it began
        self._start = self._line = 0
        self._overlong = False
        self._parts: list[str] | None = None  # of the container, whose text is not yet collected after `_from`
        self._from = self._parts_line = self._parts_size = 0
        self._tag = ""
        self.complete = root.is_empty

    def __iter__(self) -> Iterator[Piece]:
        if self.complete:
            return
        while (found := self._next()) is not None:
            if found[6] is None:
                self._pass_over(found)
            elif found[6] == self._root.name:
                self._at = found.end()
                if found[5]:
                    self.complete = True
                    break
            elif (piece := self._take(found)) is not None:
                yield piece
        if self._open:
            self._abandon(MALFORMED if self.complete else UNFINISHED)
        if self._parts is not None:
            yield self._leave(self._from if self.complete else len(self._window.text), closed=False)
        if self.complete:
            self._note_rest()

    def _next(self) -> re.Match[str] | None:
        while (found := self._tokens.search(self._window.text, self._at)) is None:
            self._at = max(self._at, len(self._window.text) - TAIL)
            if not self._more():
                return None
        return found

    def _more(self) -> bool:
        """Read on, keeping what belongs to an open element unless that has become too long."""
        keep = self._at
        if self._open and not self._overlong:
            keep = min(keep, self._start)
            if len(self._window.text) - keep > MAX_ELEMENT:
                self._overlong, keep = True, self._at
        if self._parts is not None and not self._open:
            self._collect(keep)
        self._window.drop(keep)
        self._at -= keep
        self._start, self._from = max(0, self._start - keep), max(0, self._from - keep)
        return self._window.more()

    def _pass_over(self, found: re.Match[str]) -> None:
        outside = not self._open and self._parts is None
        self._at = found.end()
        if found[4]:
            if outside:
                raise NotImportable("The file has a DOCTYPE or declares entities; such files are not read.")
            return
        mark = "-->" if found[1] else "]]>" if found[2] else "?>"
        body = self._at
        while (end := self._window.text.find(mark, self._at)) < 0:
            body = -1
            self._at = max(self._at, len(self._window.text) - len(mark) + 1)
            if not self._more():
                self._at = len(self._window.text)
                return
        self._at = end + len(mark)
        if outside and found[1] and "--" in self._window.text[body if body >= 0 else end : end]:
            self._warnings.add(f"line {self._window.line_at(end)}", MALFORMED)

    def _take(self, found: re.Match[str]) -> Piece | None:
        """Act on a start or end tag; return the piece that it completes."""
        name, ends = found[6], bool(found[5])
        if self._open:
            if ends and name == self._open:
                self._at = found.end()
                return self._close(self._tag_end())
            if name in self._nested.get(self._open, ()) or (ends and name != self._plan.container):
                self._at = found.end()
                return None
            self._abandon(MALFORMED, found.start())
        if name == self._plan.container:
            return self._cross(found, ends)
        wanted = name in self._plan.elements if self._parts is None else name == self._plan.inner
        if ends or not wanted:
            self._at = found.end()
            return None
        if self._parts is not None:
            self._collect(found.start())
        self._open, self._start, self._overlong = name, found.start(), False
        self._line = self._window.line_at(self._start)
        self._at = found.end()
        end = self._tag_end()
        return self._close(end) if self._window.text[end - 2 : end] == "/>" else None

    def _tag_end(self) -> int:
        """Return the position behind the tag that `_at` stands in, and move there."""
        while (rest := TAG_REST.match(self._window.text, self._at)) is None:
            following = self._window.text.find("<", self._at)
            if following >= 0 or len(self._window.text) - self._at > MAX_ATTRIBUTES or not self._more():
                # A tag without an end: the parser will refuse the piece.
                self._at = following if following >= 0 else len(self._window.text)
                return self._at
        self._at = rest.end()
        return self._at

    def _close(self, end: int) -> Piece | None:
        text = "" if self._overlong else self._window.text[self._start : end]
        piece = Piece(self._open, text, self._line)
        overlong, self._open, self._overlong, self._from = self._overlong, "", False, end
        if overlong or len(text) > MAX_ELEMENT:
            self._report(piece.name, piece.line, OVERLONG)
            return None
        return piece

    def _report(self, name: str, line: int, reason: str) -> None:
        report = self._warnings.lose if name == self._plan.comment else self._warnings.add
        report(f"line {line}", reason)

    def _abandon(self, reason: str, position: int = 0) -> None:
        self._report(self._open, self._line, reason)
        self._open, self._overlong, self._from = "", False, position or len(self._window.text)

    def _cross(self, found: re.Match[str], ends: bool) -> Piece | None:
        """Enter or leave the container."""
        left = None
        if self._parts is not None:
            self._collect(found.start())
            if ends:
                self._at = found.end()
                return self._leave(self._tag_end(), closed=True)
            # The container before was never closed; what there is of it is taken.
            left = self._leave(self._from, closed=False)
        elif ends:
            self._at = found.end()
            return None
        self._start, self._at = found.start(), found.end()
        self._open = found[6]  # so that the tag is kept while it is read
        end = self._tag_end()
        tag = self._window.text[self._start : end]
        self._open, self._parts, self._parts_size, self._from = "", [tag], len(tag), end
        self._parts_line = self._window.line_at(self._start)
        self._tag = re.split(r"[\s/>]", tag[1:], maxsplit=1)[0]
        if tag.endswith("/>"):
            self._parts = None
            return left or Piece(found[6], tag, self._parts_line)
        return left

    def _collect(self, position: int) -> None:
        if self._parts is not None and position > self._from:
            self._parts_size += position - self._from
            if self._parts_size <= MAX_ELEMENT:
                self._parts.append(self._window.text[self._from : position])
            self._from = position

    def _leave(self, position: int, *, closed: bool) -> Piece:
        self._collect(position)
        parts, self._parts = self._parts or [], None
        if self._parts_size > MAX_ELEMENT:
            self._warnings.add(f"line {self._parts_line}", OVERLONG)
            parts = []
        return Piece(self._plan.container, "".join(parts) + ("" if closed else f"</{self._tag}>"), self._parts_line)

    def _note_rest(self) -> None:
        rest = self._window.text[self._window.text.find(">", self._at) + 1 :]
        if rest.strip() or (self._window.more() and self._window.text[len(rest) :].strip()):
            self._warnings.add("the file", "what follows the end of the document was not read")
