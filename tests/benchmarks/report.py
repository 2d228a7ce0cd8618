"""The table: one line a target, goals beside what they are about."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.benchmarks.measure import Results, Series
from tests.benchmarks.rows.row import Row

HEAD = (
    "| work | server | a second (least – most) | p50 / p99 ms | of its neighbour | memory, errors | goal | met |",
    "|---|---|---|---|---|---|---|---|",
)


def table(rows: Iterable[tuple[Row, Results]]) -> str:
    """Return the table in Markdown."""
    lines = list(HEAD)
    for row, results in rows:
        for name, series in results.items():
            work = f"**{row.title}**" if name == next(iter(results)) else ""
            lines.append(f"| {' | '.join([work, name, *_cells(row, results, name, series)])} |")
    return "\n".join(lines)


def write(path: Path, place: str, machine: str, measured: str) -> None:
    """Put the table between the marks of its place in a document; what stands around it stays."""
    first, last = f"<!-- {place}: begin -->", f"<!-- {place}: end -->"
    document = path.read_text(encoding="utf-8")
    before, begin, rest = document.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"{path} has no place for the table: a line {first} and a line {last}")
    path.write_text(f"{before}{first}\n{machine}\n\n{measured}\n{last}{after}", encoding="utf-8")


def unmet(rows: Iterable[tuple[Row, Results]]) -> list[str]:
    """Return a sentence for each goal that was not reached."""
    return [
        f"{row.title}: {goal.of} {goal.sentence()}"
        for row, results in rows
        for goal in row.goals
        if not goal.is_met(results)
    ]


def _cells(row: Row, results: Results, name: str, series: Series) -> Sequence[str]:
    least, most = series.range
    neighbour = row.beside.get(name)
    share = f"{_percent(series.share_of(results[neighbour]))} of {neighbour}" if neighbour else ""
    goals = [goal for goal in row.goals if goal.of == name]
    return (
        f"{series.rate:,.0f} ({least:,.0f} – {most:,.0f})",
        f"{_milliseconds(series.p50)} / {_milliseconds(series.p99)}",
        share,
        _facts(series),
        "; ".join(goal.sentence() for goal in goals),
        "; ".join("yes" if goal.is_met(results) else "**no**" for goal in goals),
    )


def _facts(series: Series) -> str:
    memory = f"{series.memory:,.0f} MiB" if series.memory is not None else ""
    errors = f"**{series.errors:,} errors**" if series.errors else ""
    return ", ".join(part for part in (memory, errors, series.note) if part)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.2 else f"{share:.1%}"


def _milliseconds(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"
