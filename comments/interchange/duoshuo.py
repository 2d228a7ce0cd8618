"""Duoshuo's export: the threads of a site, then their posts, which name all their ancestors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from comments.interchange.native import NativeReader, Person
from comments.interchange.records import HTML, CommentRecord, Record
from comments.interchange.rows import Row
from comments.interchange.values import id_of

STATUSES: Final = {"": "approved", "approved": "approved", "pending": "pending", "spam": "spam", "deleted": "removed"}
ROOTS: Final = frozenset({"", "0"})


class DuoshuoReader(NativeReader):
    """Yields threads and posts: source `duoshuo:HOST` of the page, id that of the post."""

    system: ClassVar = "duoshuo"

    def __iter__(self) -> Iterator[Record]:
        rows = self._lists({"threads", "posts"}, comments="posts")
        for row in rows:
            record = self._thread(row) if row.path == "threads" else self._post(row)
            if record is not None:
                yield record
        rows.note_rest()
        self.complete = rows.complete

    def _thread(self, row: Row) -> Record | None:
        fields, key = row.fields, row.fields.id("thread_id")
        where = f"thread {key[:80]}, line {row.line}"
        if not key:
            self.warnings.add(where, "threads without an id were skipped")
            return None
        _, page = self._pages.meet(
            fields.line("url", "thread_key") or "/",
            where,
            key=key,
            title=fields.line("title"),
            published_at=fields.time("created_at"),
        )
        return page

    def _post(self, row: Row) -> CommentRecord | None:
        fields, own_id = row.fields, row.fields.id("post_id")
        where = f"post {own_id[:80]}, line {row.line}"
        parents = fields.parts("parents")
        parent = id_of(parents[-1]) if parents else fields.id("parent_id")
        return self._comment(
            where,
            fields.id("thread_id"),
            own_id,
            "" if parent in ROOTS else parent,
            Person(fields.line("author_name"), fields.line("author_email"), fields.line("author_url")),
            fields.text("message"),
            fields.time("created_at"),
            STATUSES.get(fields.line("status")),
            markup=HTML,
            **self._votes(where, fields.number("likes"), 0),
        )
