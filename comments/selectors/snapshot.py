"""One picture of the database for everything that an answer shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from project.errors import Problem

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


@contextmanager
def in_time(milliseconds: int, **settings: str) -> Iterator[None]:
    """Let no statement of the transaction inside go on for longer; further `settings` of PostgreSQL hold as long.

    Problem: search_too_broad.
    """
    pairs = {"statement_timeout": str(milliseconds), **settings}
    try:
        with connection.cursor() as cursor:
            calls = ", ".join(["set_config(%s, %s, true)"] * len(pairs))
            cursor.execute(f"SELECT {calls}", [part for pair in pairs.items() for part in pair])
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise Problem("search_too_broad", "Look for rarer words.") from error
        raise
