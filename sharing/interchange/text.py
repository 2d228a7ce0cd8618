"""From the bytes of a CSV file to its rows, each with the number of its line, in bounded memory."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, TextIO

CHUNK: Final = 1 << 18
# No row of a list of addresses comes near it; a file of one endless line must not fill the memory.
MAX_LINE: Final = 1 << 20
MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
UNREADABLE: Final = "the line is no CSV, or longer than any address needs"


class Row(NamedTuple):
    """The cells of a row and the line at which it begins (1 is the first); no cells where `error` says why."""

    line: int
    cells: list[str]
    error: str = ""


def encoding_of(path: Path) -> str:
    """Return how the file is to be decoded: UTF-16 or UTF-8 by their marks, UTF-8 if all of it is, else Latin-1.

    Reads the whole file. OSError as from opening it.
    """
    with path.open("rb") as file:
        head = file.read(CHUNK)
        for mark, encoding in MARKS:
            if head.startswith(mark):
                return encoding
        # In UTF-16 every second byte of an ASCII letter is zero, which no text in another encoding has.
        if b"\0" in head[:64]:
            return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while head:
                decoder.decode(head)
                head = file.read(CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def first_line(path: Path, encoding: str) -> str:
    """Return the first line that is not empty, "" where there is none."""
    with path.open(encoding=encoding, errors="replace", newline=None) as file:
        while line := file.readline(MAX_LINE):
            if line.strip():
                return line.rstrip("\n")
    return ""


def rows_of(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    """Yield the rows that are not empty; one that cannot be read stands for itself and harms no other."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=delimiter)
        while True:
            begins = lines.number + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield Row(begins, [], UNREADABLE)
                continue
            if any(cell.strip() for cell in cells):
                yield Row(begins, cells)


class _Lines:
    """Lines of a file, counted; csv.Error for one that is too long, and then the next."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) < MAX_LINE or line.endswith(("\n", "\r")):
            return line
        while line and not line.endswith(("\n", "\r")):
            line = self._file.readline(MAX_LINE)
        raise csv.Error
