"""Artalk's "artrans": a list of comments, or one on each line, each with its author and its page, all values texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from comments.interchange.native import NativeReader, Person
from comments.interchange.records import Record
from comments.interchange.rows import Lists, Row

NO_PAGE = "comments that name no page were skipped"


class ArtalkReader(NativeReader):
    """Yields pages with their comments: source `artalk:HOST`, id that of the comment. A time without a zone is UTC."""

    system: ClassVar = "artalk"

    def __iter__(self) -> Iterator[Record]:
        rows = self._rows()
        for row in rows:
            yield from self._records(row)
        if isinstance(rows, Lists):
            rows.note_rest()
        self.complete = rows.complete

    def _records(self, row: Row) -> Iterator[Record]:
        fields, parent = row.fields, row.fields.id("rid")
        where = f"comment {fields.id('id')[:80]}, line {row.line}"
        if not fields.line("page_key"):
            self.warnings.lose(where, NO_PAGE)
            return
        key, page = self._pages.meet(
            fields.line("page_key"),
            where,
            host=fields.line("site_urls").partition(",")[0].strip(),
            title=fields.line("page_title"),
            is_open=not fields.flag("page_admin_only"),
        )
        if page is not None:
            yield page
        comment = self._comment(
            where,
            key,
            fields.id("id"),
            "" if parent == "0" else parent,
            Person(fields.line("nick"), fields.line("email"), fields.line("link")),
            fields.text("content"),
            fields.time("created_at"),
            "pending" if fields.flag("is_pending") else "approved",
            is_pinned=fields.flag("is_pinned"),
            **self._votes(where, fields.number("vote_up"), fields.number("vote_down")),
        )
        if comment is not None:
            yield comment
