"""What an edit changed, as plain text in pieces: whoever shows them writes text, never markup.

Python's own `difflib` takes minutes for some texts of 10,000 characters that somebody may well write; here the work is
bounded by the product of what differs, and what is beyond the bound is compared more coarsely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby, takewhile
from typing import Final, Literal, NamedTuple

WORDS: Final = re.compile(r"\s+|\w+|[^\w\s]")
LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
MOST_WORK: Final = 250_000

Op = Literal["equal", "delete", "insert"]


class Piece(NamedTuple):
    """Text that stayed, went or came."""

    op: Op
    text: str


def diff(old: str, new: str) -> list[Piece]:
    """Return pieces, by words where that is affordable: all but `insert` are the old text, all but `delete` the new."""
    for pattern in (WORDS, LINES):
        before, after = pattern.findall(old), pattern.findall(new)
        start = _alike(before, after)
        end = _alike(before[start:][::-1], after[start:][::-1])
        inner = before[start : len(before) - end], after[start : len(after) - end]
        if len(inner[0]) * len(inner[1]) <= MOST_WORK:
            head, tail = "".join(before[:start]), "".join(before[len(before) - end :])
            return _joined([("equal", head), *_steps(*inner), ("equal", tail)])
    return _joined([("delete", old), ("insert", new)])


def _alike(one: list[str], other: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _steps(before: list[str], after: list[str]) -> Iterator[tuple[Op, str]]:
    """Walk along a longest common subsequence, what went ahead of what came."""
    common = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i in range(len(before) - 1, -1, -1):
        row, below = common[i], common[i + 1]
        for j in range(len(after) - 1, -1, -1):
            row[j] = below[j + 1] + 1 if before[i] == after[j] else max(below[j], row[j + 1])
    i = j = 0
    while i < len(before) or j < len(after):
        if i < len(before) and j < len(after) and before[i] == after[j]:
            yield "equal", before[i]
            i, j = i + 1, j + 1
        elif i < len(before) and (j == len(after) or common[i + 1][j] >= common[i][j + 1]):
            yield "delete", before[i]
            i += 1
        else:
            yield "insert", after[j]
            j += 1


def _joined(steps: list[tuple[Op, str]]) -> list[Piece]:
    runs = ((op, "".join(text for _, text in run)) for op, run in groupby(steps, key=lambda step: step[0]))
    return [Piece(op, text) for op, text in runs if text]
