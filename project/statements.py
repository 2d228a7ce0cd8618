"""SQL that is sent as it stands: for what is asked so often that an ORM query, put together anew each time, would cost
more than its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.utils import CursorWrapper
from psycopg.pq import Format

if TYPE_CHECKING:
    from django.db.models import Model

M = TypeVar("M", bound="Model")
Row = tuple[Any, ...]
Parameters = Mapping[str, Any] | Sequence[Any]


def prepare_statements() -> None:
    """Let this process, and those that it forks, keep the plans of `fetch_prepared`; before the first query."""
    # Times that a connection runs a statement before it keeps the plan.
    settings.DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 1 if settings.PREPARED_STATEMENTS else None


def fetch(sql: str, parameters: Parameters) -> list[Row]:
    """Run one statement and return all its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Row] = cursor.fetchall()
    return rows


def fetch_prepared(sql: str, parameters: Parameters) -> list[Row]:
    """Run one statement whose parameters travel beside it, and return all its rows.

    Web processes and workers prepare it (PREPARED_STATEMENTS): PostgreSQL plans it once for a connection, for
    parameters of any value. So `sql` must be such that one plan is right for all of them: what a parameter would
    switch on and off belongs into a statement of its own.
    """
    with _prepared() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Row] = cursor.fetchall()
    return rows


def fetch_behind(lock: str, key: Parameters, sql: str, parameters: Parameters) -> list[Row]:
    """Run a statement that waits for a lock, then another as `fetch_prepared` does, in one message; return its rows.

    The second sees whatever was committed before the lock was had, which one statement that did both would not.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline(), _prepared() as first, _prepared() as second:
        first.execute(lock, key)
        second.execute(sql, parameters)
        rows: list[Row] = second.fetchall()
    return rows


def _prepared() -> CursorWrapper:
    """Return a cursor that sends parameters beside the statement: Django's own write them into it."""
    connection.ensure_connection()
    bare: Any = psycopg.Cursor(connection.connection)
    # Times that come as text are read by Python code, and a page may have two thousand.
    bare.format = Format.BINARY
    return connection.make_debug_cursor(bare) if connection.queries_logged else connection.make_cursor(bare)


class Columns(Generic[M]):
    """The columns of a model in a SELECT of ours, and the way back from a row to an object.

    `sql` names them below `alias`; fields named in `without` are read from the database when they are asked for, as
    `QuerySet.defer` has it. For models whose values come from the driver as they are.
    """

    def __init__(self, model: type[M], alias: str, *, without: Sequence[str] = ()) -> None:
        fields = [field for field in model._meta.concrete_fields if field.attname not in without]
        self.model: Final = model
        self.names: Final = [field.attname for field in fields]
        self.sql: Final = ", ".join(f'{alias}."{field.column}"' for field in fields)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, values: Sequence[Any]) -> M:
        """Return the object of these values, which are in the order of `sql`."""
        return self.model.from_db(DEFAULT_DB_ALIAS, self.names, values)
