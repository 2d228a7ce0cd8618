"""The lossless format: JSON lines, a head with name and version first, a foot with the totals last."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

NAME: Final = "afterword"
VERSION: Final = 1


def to_lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a file, each with its end; the last one says how many records of each type there are."""
    yield _line({"type": "head", "format": NAME, "version": VERSION})
    totals: Counter[str] = Counter()
    for record in records:
        totals[record["type"]] += 1
        yield _line(record)
    yield _line({"type": "foot", "totals": dict(sorted(totals.items()))})


def _line(record: dict[str, Any]) -> str:
    # ASCII only: no line separator of Unicode can break a line, whatever reads the file.
    return json.dumps(record, separators=(",", ":")) + "\n"
