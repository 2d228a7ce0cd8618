"""Cells of CSV files that people open in spreadsheets.

A spreadsheet runs a cell that begins like a formula, whatever the quotes around it. Such a cell gets an apostrophe in
front, which the programs take for "this is text" (OWASP, "CSV Injection"). One that begins with an apostrophe of its
own gets a second, so that the way back is exact.
"""

from __future__ import annotations

from typing import Final

# Excel and Calc read the full-width signs as the plain ones, and skip a leading tab or line end.
BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
TEXT: Final = "'"


def guarded(cell: str) -> str:
    """Return the cell as it may stand in a spreadsheet."""
    return TEXT + cell if cell.startswith((*BEGINS_A_FORMULA, TEXT)) else cell


def unguarded(cell: str) -> str:
    """Return what `guarded` was given; any other cell stays as it is."""
    rest = cell.removeprefix(TEXT)
    return rest if rest != cell and guarded(rest) == cell else cell
