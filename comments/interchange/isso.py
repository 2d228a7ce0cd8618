"""Isso's database: SQLite with its threads, named by path, and their comments.

It is opened for reading only, without locks, so that nothing is written beside it. Its schema is somebody else's: only
plain tables are read, only by names of columns, and no row may take longer or be larger than a comment could be.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar, Final

from comments.interchange.native import NativeReader, Person
from comments.interchange.pages import Base
from comments.interchange.records import CommentRecord, NotImportable, Record, Warnings
from comments.interchange.rows import DAMAGED
from comments.interchange.values import Fields

MAGIC: Final = b"SQLite format 3\x00"
MAX_VALUE: Final = 8 << 20
# A row may cost so many steps of SQLite's machine, counted in portions.
PORTION: Final = 100_000
MOST_PORTIONS: Final = 2_000

THREAD: Final = ("id", "uri", "title")
COMMENT: Final = (
    *("id", "tid", "parent", "created", "modified", "mode", "text"),
    *("author", "email", "website", "likes", "dislikes"),
)
NEEDED: Final = {"threads": {"id", "uri"}, "comments": {"id", "tid", "created", "mode", "text"}}
STATUSES: Final = {1: "approved", 2: "pending", 4: "removed"}

NOT_ISSO: Final = "The file is a SQLite database, but not Isso's."


def is_sqlite(path: Path) -> bool:
    """Say whether a file begins as a SQLite database does. OSError."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class IssoReader(NativeReader):
    """Yields threads with their comments: source `isso:HOST`, id that of the comment.

    NotImportable: another database, or one that has a journal beside it.
    """

    system: ClassVar = "isso"

    def __init__(self, path: Path, base: Base, warnings: Warnings) -> None:
        super().__init__(path, base, warnings)
        for suffix in ("-wal", "-journal"):
            beside = path.with_name(path.name + suffix)
            if beside.exists() and beside.stat().st_size:
                raise NotImportable(
                    f"{beside.name} lies beside the database, so Isso has not finished writing: stop it first."
                )
        self._portions = 0
        self._columns = self._look()

    def __iter__(self) -> Iterator[Record]:
        try:
            with closing(self._open()) as database:
                for fields in self._rows_of(database, "threads"):
                    self._shelf.put("uri", fields.id("id"), fields.line("uri"))
                    self._shelf.put("title", fields.id("id"), fields.line("title"))
                for fields in self._rows_of(database, "comments"):
                    yield from self._records(fields)
            self.complete = True
        except sqlite3.Error:
            self.warnings.add("the file", DAMAGED)

    def _records(self, fields: Fields) -> Iterator[Record]:
        own_id, thread = fields.id("id"), fields.id("tid")
        where = f"comment {own_id}"
        key = ""
        if uri := self._shelf.get("uri", thread):
            key, page = self._pages.meet(uri, where, title=self._shelf.get("title", thread))
            if page is not None:
                yield page
        comment = self._read(fields, own_id, where, key)
        if comment is not None:
            yield comment

    def _read(self, fields: Fields, own_id: str, where: str, key: str) -> CommentRecord | None:
        parent = fields.id("parent")
        return self._comment(
            where,
            key,
            own_id,
            "" if parent == "0" else parent,
            Person(fields.line("author"), fields.line("email"), fields.line("website")),
            fields.text("text"),
            fields.time("created"),
            STATUSES.get(fields.number("mode")),
            edited_at=fields.time("modified"),
            **self._votes(where, fields.number("likes"), fields.number("dislikes")),
        )

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
        database.set_progress_handler(self._is_too_long, PORTION)
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA cell_size_check = ON")
        return database

    def _is_too_long(self) -> bool:
        self._portions += 1
        return self._portions > MOST_PORTIONS

    def _look(self) -> dict[str, list[str]]:
        """Return which columns of ours its tables have. NotImportable."""
        try:
            with closing(self._open()) as database:
                found = {
                    table: [name for name in wanted if name in _plain_columns(database, table)]
                    for table, wanted in (("threads", THREAD), ("comments", COMMENT))
                }
        except sqlite3.Error:
            raise NotImportable("The file is a SQLite database that cannot be read.") from None
        if any(not needed <= set(found[table]) for table, needed in NEEDED.items()):
            raise NotImportable(NOT_ISSO)
        return found

    def _rows_of(self, database: sqlite3.Connection, table: str) -> Iterator[Fields]:
        """Yield a table's rows by id; one that is too large is counted and left out. sqlite3.Error for damage."""
        names = self._columns[table]
        # One by one: the module reads a row ahead, and a row that is too large would take the one before with it.
        one = f"SELECT {', '.join(names)} FROM main.{table} WHERE id = ?"  # noqa: S608  (own names)
        for (number,) in database.execute(f"SELECT id FROM main.{table} ORDER BY id"):  # noqa: S608
            self._portions = 0
            try:
                row = database.execute(one, [number]).fetchone()
            except sqlite3.DataError:
                report = self.warnings.lose if table == "comments" else self.warnings.add
                report(f"{table[:-1]} {number}", "rows larger than 8 MiB were skipped")
                continue
            if row is not None:
                yield Fields(dict(zip(names, row, strict=True)))


def _plain_columns(database: sqlite3.Connection, table: str) -> set[str]:
    """Return the stored columns of a table that counts its rows by `id`; none of a view or anything more cunning."""
    kind = database.execute("SELECT type, sql FROM main.sqlite_master WHERE name = ?", [table]).fetchone()
    if kind is None or kind[0] != "table" or not str(kind[1]).upper().startswith("CREATE TABLE"):
        return set()
    columns = database.execute("SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)", [table]).fetchall()
    if not any(name == "id" and str(kind).upper() == "INTEGER" and pk == 1 for name, kind, pk, _ in columns):
        return set()
    return {name for name, _, _, hidden in columns if hidden == 0}
