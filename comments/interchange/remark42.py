"""remark42's backup: lines of JSON, packed or not, first one about users and pages, then one for each comment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from comments.interchange.native import NativeReader, Person
from comments.interchange.records import HTML, Record
from comments.interchange.rows import Row
from comments.interchange.values import Fields


class Remark42Reader(NativeReader):
    """Yields pages with their comments: source `remark42:HOST` of the page, id that of the comment."""

    system: ClassVar = "remark42"

    def __iter__(self) -> Iterator[Record]:
        head = self._lists({"posts"}, comments="")
        for row in head:
            if row.fields.flag("read_only"):
                self._shelf.put("closed", row.fields.line("url"), "yes")
        lines = head.rest()
        for row in lines:
            yield from self._records(row)
        self.complete = head.complete and lines.complete

    def _records(self, row: Row) -> Iterator[Record]:
        fields, page_name = row.fields, row.fields.part("locator").line("url")
        where = f"comment {fields.id('id')[:80]}, line {row.line}"
        key = ""
        if page_name:
            is_open = not self._shelf.get("closed", page_name)
            key, page = self._pages.meet(page_name, where, title=fields.line("title"), is_open=is_open)
            if page is not None:
                yield page
        comment = self._comment(
            where,
            key,
            fields.id("id"),
            fields.id("pid"),
            Person(fields.part("user").line("name")),
            fields.text("text"),
            fields.time("time"),
            "removed" if fields.flag("delete") else "approved",
            markup=HTML,
            edited_at=fields.part("edit").time("time"),
            is_pinned=fields.flag("pin"),
            **self._votes(where, *_counted(fields)),
        )
        if comment is not None:
            yield comment


def _counted(fields: Fields) -> tuple[int, int]:
    """Return the votes for and against: of the voters if they are named, else the score, which is the difference."""
    cast = fields.part("votes")
    named = [cast.flag(voter) for voter in cast]
    if named:
        return named.count(True), named.count(False)
    return fields.number("score"), -fields.number("score")
