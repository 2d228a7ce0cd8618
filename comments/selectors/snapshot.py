"""One picture of the database for everything that an answer shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection, transaction

# One message. Statements that are prepared (`statements.fetch_prepared`) keep their plan: left to itself, PostgreSQL
# plans those whose LIMIT it does not know each time anew, which takes longer than to carry them out.
_BEGIN: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan"
)


@contextmanager
def snapshot() -> Iterator[None]:
    """Let all reads inside see one and the same state, so that a page's version is that of its comments.

    Inside a transaction nothing is begun: its owner has chosen what she sees, her own writes among it.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_BEGIN)
        yield
