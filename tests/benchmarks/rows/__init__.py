"""The rows of the table: each module's `ROWS` makes some, in the order in which they are shown."""

from __future__ import annotations

from tests.benchmarks.rows import beside, cold, importing, kept, mailing, memory, sharing, writing
from tests.benchmarks.rows.row import Row

ROWS: tuple[Row, ...] = (
    *kept.ROWS,
    *cold.ROWS,
    *beside.ROWS,
    *writing.ROWS,
    *memory.ROWS,
    *mailing.ROWS,
    *sharing.ROWS,
    *importing.ROWS,
)
