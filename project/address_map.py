"""Where pages have moved: a file of old and new addresses, or one old and one new beginning."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from project.addresses import canonical_url, web_address
from project.errors import Problem

ROWS: Final = 1_000_000
# What ends both addresses of a row that moves every page below.
ALL: Final = "*"


class NoAddressMap(Exception):  # noqa: N818  (a verdict on the file, caught by name)
    """The mapping is refused as a whole; the message is one sentence that names the line."""


@dataclass
class AddressMap:
    """New addresses by old ones, as an operator wrote them.

    `pages` are single pages by their canonical old address; `beginnings` map canonical old beginnings to new ones, and
    the longest that fits decides, but only where no page does. A move is made once: what it leads to is not moved on.
    `unused` are the old addresses, as they were written, that nothing has asked for yet.
    """

    pages: dict[str, str] = field(default_factory=dict)
    beginnings: dict[str, str] = field(default_factory=dict)
    unused: dict[str, str] = field(default_factory=dict)

    def target(self, url: str) -> str:
        """Return the new address of a page, "" where it stays; `url` is an absolute http(s) address that is valid."""
        key = canonical_url(url)
        if key in self.pages:
            self.unused.pop(key, None)
            return self.pages[key]
        path, mark, query = key.partition("?")
        for beginning in _beginnings_of(path):
            if beginning in self.beginnings:
                self.unused.pop(beginning, None)
                return self.beginnings[beginning] + path[len(beginning) :] + mark + query
        return ""

    def add(self, old: str, new: str) -> None:
        """Note one move. Problem: validation_failed, as from `canonical_url`. ValueError: one sentence on the pair."""
        if old.endswith(ALL) != new.endswith(ALL):
            raise ValueError("Either both addresses end in * or neither does.")
        whole = not old.endswith(ALL)
        key, target = (_page if whole else _beginning)(old, new)
        known = (self.pages if whole else self.beginnings).setdefault(key, target)
        if known != target:
            raise ValueError(f"{old} has another new address already.")
        self.unused[key] = old


def one_beginning(old: str, new: str) -> AddressMap:
    """Return the map that moves every page below `old` to below `new`. NoAddressMap for what is no address."""
    moves = AddressMap()
    _add(moves, old.removesuffix(ALL) + ALL, new.removesuffix(ALL) + ALL, "")
    return moves


def read_address_map(path: Path) -> AddressMap:
    """Read a CSV file of two columns, old and new address; a first line without addresses names the columns.

    `https://old.example/*,https://new.example/*` moves all pages below. NoAddressMap: a line that is no such pair, two
    new addresses for one page, no line at all, more than a million. OSError as from opening it.
    """
    moves = AddressMap()
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in _rows(file):
            if number == 1 and not any("://" in cell for cell in row):
                continue
            if len(row) != 2:
                raise NoAddressMap(f"Line {number} of the mapping has not two columns, an old and a new address.")
            if len(moves.unused) >= ROWS:
                raise NoAddressMap(f"The mapping has more than {ROWS:,} lines.")
            _add(moves, row[0].strip(), row[1].strip(), f"Line {number} of the mapping: ")
    if not moves.unused:
        raise NoAddressMap("The mapping has no line with an old and a new address.")
    return moves


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the number of its line."""
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise NoAddressMap(
            f"Line {reader.line_num + 1} of the mapping cannot be read: it is no CSV in UTF-8."
        ) from error


def _add(moves: AddressMap, old: str, new: str, where: str) -> None:
    try:
        moves.add(old, new)
    except Problem as problem:
        raise NoAddressMap(f"{where}{old} to {new}: {problem.errors[0]['message']}") from None
    except ValueError as error:
        raise NoAddressMap(f"{where}{error}") from None


def _page(old: str, new: str) -> tuple[str, str]:
    return canonical_url(old), web_address(new)


def _beginning(old: str, new: str) -> tuple[str, str]:
    """Return both beginnings with one slash at their end, so that `/blog` is no beginning of `/blogroll`."""
    old, new = (address.removesuffix(ALL).rstrip("/") for address in (old, new))
    if "?" in old + new or "#" in old + new:
        raise ValueError("A beginning has neither a question mark nor a fragment.")
    return canonical_url(old).rstrip("/") + "/", web_address(new).rstrip("/") + "/"


def _beginnings_of(path: str) -> Iterator[str]:
    """Yield what a canonical address without its query may begin with, the longest first, down to its host."""
    # The page that a beginning names itself is below it too; its canonical form has no slash at the end.
    beginning = path.rstrip("/") + "/"
    while beginning != "https://":
        yield beginning
        beginning = beginning[: beginning.rfind("/", 0, -1) + 1]
