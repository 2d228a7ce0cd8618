"""A large JSON file taken apart into small rows, each parsed strictly and on its own.

Everything that is wanted of a file are the objects of some lists, or of its lines. So memory holds one row, never the
file, and damage in one row that is closed costs that row alone. Brackets within texts are passed over, for the cuts are
made outside of texts only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from comments.interchange.decoding import is_cut_short
from comments.interchange.pieces import UNDECODED, UNREADABLE
from comments.interchange.records import Warnings
from comments.interchange.values import Fields
from comments.interchange.window import Window

MAX_ROW: Final = 8 << 20
MAX_DEPTH: Final = 50
MAX_OUTER: Final = 8

MALFORMED: Final = "rows that are no JSON were skipped"
OVERLONG: Final = "rows longer than 8 MiB, or nested too deep, were skipped"
UNFINISHED: Final = "the file ends within a row, which was left out"
DAMAGED: Final = "the file is damaged and could be read only to that place"
# What is said of single rows, whatever list they stand in.
OF_ROWS: Final = frozenset({MALFORMED, OVERLONG, UNREADABLE})
REST: Final = "what follows the end of the document was not read"

# The next token outside of a row: a whole text, a quotation mark whose end has not been read yet, or a sign.
TOKEN: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{}:]', re.DOTALL)
# All up to the next bracket, or to a quotation mark whose end has not been read yet.
TO_BRACKET: Final = re.compile(r'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+', re.DOTALL)
TO_QUOTE: Final = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
CLOSING: Final = {"[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Row:
    """One object: the path of the list that it stands in ("" for the outermost, or a line), and its line."""

    path: str
    fields: Fields
    line: int


def parse(text: str) -> Fields | None:
    """Return the object that a text is; None for anything else. Of two members of a name the last counts."""
    try:
        found = DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return Fields(found) if isinstance(found, dict) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


# Line ends and tabs within a text are let through, as some exporters write them.
DECODER: Final = json.JSONDecoder(parse_constant=_refuse, strict=False)


class _Reading:
    """The window with a place in it, and the reports of rows that were no good."""

    def __init__(self, window: Window, warnings: Warnings, comments: str) -> None:
        self._window, self._warnings, self._comments = window, warnings, comments
        self._at = 0
        self.complete = False

    def _more(self, keep: int) -> bool:
        """Read on, forgetting what lies before `keep`."""
        self._window.drop(keep)
        self._at = max(0, self._at - keep)
        return self._window.more()

    def _row(self, path: str, text: str, line: int) -> Row | None:
        if broken := len(UNDECODED.findall(text)):
            self._warnings.add(f"line {line}", UNREADABLE, broken)
            text = UNDECODED.sub("\ufffd", text)
        fields = parse(text)
        if fields is None:
            self._lose(path, line, MALFORMED)
            return None
        return Row(path, fields, line)

    def _lose(self, path: str, line: int, reason: str) -> None:
        report = self._warnings.lose if path == self._comments else self._warnings.add
        report(f"line {line}", reason)


class Lists(_Reading):
    """Yields the objects of the lists at `paths` of one document (`posts`, `data.Comment`, "" for the document).

    A document that is damaged between two rows ends there. `comments` is the path of the rows whose loss is the loss of
    a comment.
    """

    def __init__(self, window: Window, warnings: Warnings, paths: Collection[str], comments: str) -> None:
        super().__init__(window, warnings, comments)
        self._paths = frozenset(paths)
        self._inner = tuple(path for path in paths if path)

    def __iter__(self) -> Iterator[Row]:
        outer: list[tuple[str, str]] = []  # the bracket that closes each open container, and its path
        text = key = ""
        while sign := self._token():
            if sign == ":":
                key = text
            elif sign in "]}":
                if not outer or outer.pop()[0] != sign:
                    self._warnings.add(f"line {self._window.line_at(self._at)}", DAMAGED)
                    return
                if not outer:
                    self.complete = True
                    return
            elif sign in "[{":
                kind, path = outer[-1] if outer else ("", "")
                if kind == "]" and path in self._paths:
                    if (row := self._cut(path)) is not None:
                        yield row
                    continue
                path = ".".join(filter(None, (path, key if kind == "}" else "")))
                if outer and (kind == "]" or len(outer) > MAX_OUTER or not self._leads(path)):
                    self._cut(None)
                    continue
                outer.append((CLOSING[sign], path))
                key = ""
            else:
                text = sign[1:-1]

    def _leads(self, path: str) -> bool:
        return path in self._paths or any(wanted.startswith(f"{path}.") for wanted in self._inner)

    def _token(self) -> str:
        """Return the next text or sign and stand behind it, before a bracket that opens; "" at the end."""
        while True:
            found = TOKEN.search(self._window.text, self._at)
            if found is not None and found[0] != '"':
                self._at = found.end()
                return found[0]
            self._at = len(self._window.text) if found is None else found.start()
            if found is not None and len(self._window.text) - self._at > MAX_ROW:
                self._at += 1
                self._pass_text()
            elif not self._more(self._at):
                return ""

    def _cut(self, path: str | None) -> Row | None:
        """Cut out what the bracket before the place opens; None for a row that is no good, and for no `path`."""
        start, line = self._at - 1, self._window.line_at(self._at - 1)
        keeps, depth, deepest = path is not None, 1, 1
        while depth:
            found = TO_BRACKET.match(self._window.text, self._at)
            self._at = found.end() if found else self._at
            sign = self._window.text[self._at : self._at + 1]
            if sign in {"", '"'}:
                if len(self._window.text) - (start if keeps else self._at) > MAX_ROW:
                    keeps = False
                    if sign:
                        self._at += 1
                        self._pass_text()
                        continue
                kept = start if keeps else self._at
                if not self._more(kept):
                    self._at = len(self._window.text)
                    if path is not None:
                        self._lose(path, line, UNFINISHED)
                    return None
                start -= kept
                continue
            depth += 1 if sign in "[{" else -1
            deepest = max(deepest, depth)
            self._at += 1
        if path is None:
            return None
        if not keeps or deepest > MAX_DEPTH or self._at - start > MAX_ROW:
            self._lose(path, line, OVERLONG)
            return None
        return self._row(path, self._window.text[start : self._at], line)

    def _pass_text(self) -> None:
        """Go behind the end of a text that is too long to be kept."""
        while True:
            found = TO_QUOTE.match(self._window.text, self._at)
            self._at = found.end() if found else self._at
            if self._window.text[self._at : self._at + 1] == '"':
                self._at += 1
                return
            if not self._more(self._at):
                self._at = len(self._window.text)
                return

    def rest(self) -> Lines:
        """Return what follows the document, by lines."""
        return Lines(self._window, self._warnings, self._at)

    def note_rest(self) -> None:
        """Read the file to its end, and note what follows the document there."""
        while not self._window.text[self._at :].strip():
            if not self._more(len(self._window.text)):
                return
            self._at = 0
        self._warnings.add("the file", REST)


class Lines(_Reading):
    """Yields an object for each line; the last line may be without its end, and is missing it if it is no object."""

    def __init__(self, window: Window, warnings: Warnings, at: int = 0) -> None:
        super().__init__(window, warnings, comments="")
        self._at = at

    def __iter__(self) -> Iterator[Row]:
        is_overlong, is_last = False, False
        while not is_last:
            end = self._window.text.find("\n", self._at)
            if end < 0:
                if len(self._window.text) - self._at > MAX_ROW:
                    is_overlong, self._at = True, len(self._window.text)
                if self._more(self._at):
                    continue
                end, is_last = len(self._window.text), True
            line, text = self._window.line_at(self._at), self._window.text[self._at : end]
            self._at = end + 1
            if is_last:
                self._at = end
            if is_overlong or nests_too_deep(text):
                self._lose("", line, OVERLONG)
            elif is_last and text.strip() and parse(text) is None:
                self._lose("", line, UNFINISHED)
                return
            elif text.strip() and (row := self._row("", text, line)) is not None:
                yield row
            is_overlong = False
        self.complete = not is_cut_short(self._warnings)


def nests_too_deep(text: str) -> bool:
    """Say whether a parser would have to go deeper than any row of an export does."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = at = 0
    while (found := TO_BRACKET.match(text, at)) and (sign := text[found.end() : found.end() + 1]) not in {"", '"'}:
        depth += 1 if sign in "[{" else -1
        if depth > MAX_DEPTH:
            return True
        at = found.end() + 1
    return False


def outline(text: str, most: int = 400) -> list[str]:
    """Return the paths of the members that the beginning of a document names (`posts.post_id`), each once.

    Lists are no level of a path. Only the first document is looked at, and not deeper than a few levels.
    """
    found: dict[str, None] = {}
    outer: list[tuple[str, str]] = []
    last = key = ""
    for token in TOKEN.finditer(text):
        sign = token[0]
        if sign == ":":
            path = ".".join(filter(None, (outer[-1][1] if outer else "", last)))
            found[path] = None
            key = last
        elif sign in CLOSING:
            kind, path = outer[-1] if outer else ("", "")
            outer.append((CLOSING[sign], ".".join(filter(None, (path, key if kind == "}" else "")))))
            key = ""
        elif sign in "]}":
            if not outer or outer.pop()[0] != sign or not outer:
                break
        elif sign == '"' or len(outer) > MAX_OUTER or len(found) > most:
            break
        else:
            last = sign[1:-1]
    return list(found)
