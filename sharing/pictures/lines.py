"""From a text to lines that fit: visible characters, the font of each, where a line may end, and which way it runs.

Pillow with raqm shapes what is in one font and one direction (HarfBuzz, FriBidi). A line of several fonts is put in
order here, by the levels of the Unicode Bidirectional Algorithm (UAX 9, rule L2), whose explicit marks are left out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from wcwidth import iter_graphemes

from project.text import BIDI, FORBIDDEN
from sharing.pictures.fonts import Face, find, sized
from sharing.pictures.words import MOST

# Code points of one visible character, and marks above and below it; more is written to climb over other lines.
LONGEST_CLUSTER: Final = 16
MOST_MARKS: Final = 4
ELLIPSIS: Final = "…"
# What must not begin a line of Chinese or Japanese, and what must not end one.
CLOSING: Final = frozenset("、。，．！？；：）」』】〉》〕］｝・ー…,.!?;:)]}»”’%")
OPENING: Final = frozenset("（「『【〈《〔［｛([{«“‘")
IDEOGRAPHS: Final = ((0x2E80, 0x30FF), (0x31F0, 0x9FFF), (0xF900, 0xFAFF), (0xFF00, 0xFFEF), (0x20000, 0x3FFFF))
RIGHT: Final = frozenset({"R", "AL"})
NUMBERS: Final = frozenset({"EN", "AN"})


@dataclass(frozen=True)
class Style:
    """How a text is set: the size of its letters in pixels, and their weight (400 or 700)."""

    size: int
    weight: int
    language: str = ""


@dataclass(frozen=True)
class Cluster:
    """One visible character with its font; `level` is even where it runs to the right."""

    text: str
    face: Face
    level: int = 0


@dataclass(frozen=True)
class Run:
    """Some neighbouring characters of one font and one direction."""

    text: str
    face: Face
    level: int

    @property
    def direction(self) -> str:
        return "rtl" if self.level % 2 else "ltr"

    def width(self, style: Style) -> float:
        font = sized(self.face.path, style.size, style.weight)
        return font.getlength(self.text, direction=self.direction, language=style.language or None)


@dataclass(frozen=True)
class Line:
    """One line: its runs from left to right, its width in pixels, and whether the text runs to the left."""

    runs: tuple[Run, ...]
    width: float
    is_rtl: bool


def set_lines(text: str, style: Style, width: int, most: int) -> list[Line]:
    """Return a text as at most `most` lines of `width` pixels, with an ellipsis where it goes on.

    What no font has is left out; a text with letters that none has is left out whole, rather than told with gaps.
    """
    clusters = read(text)
    is_rtl = _runs_left(clusters)
    rows = _wrapped(clusters, style, width)
    if len(rows) > most:
        rows = [*rows[: most - 1], _ended(rows[most - 1], style, width)]
    return [_line(row, style, is_rtl=is_rtl) for row in rows]


def read(text: str) -> list[Cluster]:
    """Return the visible characters of a text with their fonts; none where a letter has none."""
    line = " ".join(BIDI.sub("", FORBIDDEN.sub("", unicodedata.normalize("NFC", text[:MOST]))).split())
    found: list[Cluster] = []
    for grapheme in iter_graphemes(line):
        cluster = _tamed(grapheme)
        face = _face(cluster, found[-1].face if found else None)
        if face is not None:
            found.append(Cluster(cluster, face))
        elif cluster and unicodedata.category(cluster[0])[0] in "LN":
            return []
    return found


def language_of(text: str) -> str:
    """Return whose forms of the ideographs a text is drawn with: Japanese, Korean, else Chinese."""
    if any("\u3040" <= each <= "\u30ff" for each in text):
        return "ja"
    return "ko" if any("\uac00" <= each <= "\ud7a3" for each in text) else "zh-Hans"


def _tamed(grapheme: str) -> str:
    marks = 0
    kept = []
    for each in grapheme[: LONGEST_CLUSTER * 4]:
        marks += unicodedata.category(each) in {"Mn", "Me"}
        if marks <= MOST_MARKS or unicodedata.category(each) not in {"Mn", "Me"}:
            kept.append(each)
    return "".join(kept[:LONGEST_CLUSTER])


def _face(cluster: str, before: Face | None) -> Face | None:
    """Return the font of a character; blanks and points stay in the one before them, so that words hang together."""
    if not cluster:
        return None
    stays = before is not None and not before.is_emoji and unicodedata.category(cluster[0])[0] in "PZ"
    return before if before and stays and before.has(cluster) else find(cluster)


def _runs_left(clusters: Iterable[Cluster]) -> bool:
    """Say whether a text runs to the left: what its first letter says (UAX 9, P2)."""
    strong = (unicodedata.bidirectional(each.text[0]) for each in clusters)
    return next((kind in RIGHT for kind in strong if kind == "L" or kind in RIGHT), False)


def _wrapped(clusters: list[Cluster], style: Style, width: int) -> list[list[Cluster]]:
    rows: list[list[Cluster]] = [[]]
    left = float(width)
    for word in _words(clusters):
        need = _width(word, style)
        if need > left and rows[-1]:
            rows.append([])
            left = float(width)
        for part in _parts(word, style, width) if need > width else [word]:
            if part is not word and _width(part, style) > left and rows[-1]:
                rows.append([])
                left = float(width)
            rows[-1].extend(part)
            left -= _width(part, style)
    return [row for row in (_stripped(row) for row in rows) if row]


def _words(clusters: list[Cluster]) -> Iterator[list[Cluster]]:
    """Yield what must stay on one line: up to a blank, or to where Chinese and Japanese may be broken."""
    word: list[Cluster] = []
    for each in clusters:
        if word and _may_break(word[-1].text, each.text):
            yield word
            word = []
        word.append(each)
    if word:
        yield word


def _may_break(before: str, after: str) -> bool:
    if before.isspace():
        return not after.isspace()
    if after[0] in CLOSING or before[0] in OPENING or after.isspace():
        return False
    return _is_ideograph(before) or _is_ideograph(after)


def _is_ideograph(cluster: str) -> bool:
    return any(first <= ord(cluster[0]) <= last for first, last in IDEOGRAPHS)


def _parts(word: list[Cluster], style: Style, width: int) -> Iterator[list[Cluster]]:
    """Yield a word that is wider than a line in pieces that are not."""
    part: list[Cluster] = []
    left = float(width)
    for each in word:
        need = _width([each], style)
        if need > left and part:
            yield part
            part, left = [], float(width)
        part.append(each)
        left -= need
    yield part


def _ended(row: list[Cluster], style: Style, width: int) -> list[Cluster]:
    """Return the last line with an ellipsis, without what that takes the place of."""
    face = find(ELLIPSIS)
    end = [Cluster(ELLIPSIS, face)] if face else []
    row = _stripped(row)
    while row and _width(row + end, style) > width:
        row = _stripped(row[:-1])
    return row + end


def _stripped(row: list[Cluster]) -> list[Cluster]:
    while row and row[-1].text.isspace():
        row = row[:-1]
    return row


def _width(clusters: list[Cluster], style: Style) -> float:
    return sum(run.width(style) for run in _runs(clusters))


def _line(row: list[Cluster], style: Style, *, is_rtl: bool) -> Line:
    runs = _ordered(_runs(_levelled(row, is_rtl=is_rtl)))
    return Line(tuple(runs), sum(run.width(style) for run in runs), is_rtl)


def _levelled(row: list[Cluster], *, is_rtl: bool) -> list[Cluster]:
    """Give each character its level; what has no direction takes that of both its neighbours, else the line's."""
    base = 1 if is_rtl else 0
    levels: list[int | None] = []
    # With which letters each goes: a number among letters that run left goes with them, although it runs right.
    sides: list[int | None] = []
    strong = base
    for each in row:
        kind = unicodedata.bidirectional(each.text[0])
        if kind in RIGHT or kind == "L":
            strong = 1 if kind in RIGHT else 2 * base
        known = kind in RIGHT | NUMBERS or kind == "L"
        sides.append(strong if known else None)
        levels.append(2 if kind in NUMBERS and strong == 1 else sides[-1])
    before = _filled(sides, base)
    after = list(_filled(reversed(sides), base))[::-1]
    found = [
        level if level is not None else (left if left == right else base)
        for level, left, right in zip(levels, before, after, strict=True)
    ]
    return [Cluster(each.text, each.face, level) for each, level in zip(row, found, strict=True)]


def _filled(sides: Iterable[int | None], base: int) -> Iterator[int]:
    """Yield for each place the last side that was known there."""
    known = base
    for side in sides:
        known = known if side is None else side
        yield known


def _runs(clusters: Iterable[Cluster]) -> list[Run]:
    groups = groupby(clusters, key=lambda each: (each.face, each.level))
    return [Run("".join(each.text for each in group), face, level) for (face, level), group in groups]


def _ordered(runs: list[Run]) -> list[Run]:
    """Return runs from left to right (UAX 9, L2)."""
    for level in range(max((run.level for run in runs), default=0), 0, -1):
        ordered: list[Run] = []
        for reaches, group in groupby(runs, key=lambda run: run.level >= level):
            members = list(group)
            ordered += reversed(members) if reaches else members
        runs = ordered
    return runs
