"""Waline's export, and the rows of Valine and Twikoo, whose comments have the same names.

Waline writes one document of tables, LeanCloud (Valine) a list called `results`, Twikoo a list or a row on each line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import ClassVar, Final

from comments.interchange.native import NOBODY, NativeReader, Person
from comments.interchange.records import Record
from comments.interchange.rows import Lists, Row
from comments.interchange.values import Fields

STATUSES: Final = {"": "approved", "approved": "approved", "waiting": "pending", "spam": "spam"}
COMMENTS: Final = "data.Comment"
RESULTS: Final = "results"
USERS: Final = "data.Users"


class WalineReader(NativeReader):
    """Yields pages with their comments: source `waline:HOST`, id that of the comment."""

    system: ClassVar = "waline"
    # Which list the document has; "" for one that is a list, or lines.
    comments: ClassVar = COMMENTS

    def __iter__(self) -> Iterator[Record]:
        rows = self._lists({self.comments}, comments=self.comments) if self.comments else self._rows()
        if self.comments == COMMENTS:
            self._learn()
        for row in rows:
            yield from self._records(row)
        if isinstance(rows, Lists):
            rows.note_rest()
        self.complete = rows.complete

    def _learn(self) -> None:
        """Keep the names of those who signed in: of their rows nothing else is read."""
        for row in self._learned({USERS}):
            fields = row.fields
            who = [fields.line("display_name"), fields.line("email"), fields.line("url")]
            self._shelf.put("person", fields.id("objectId", "id"), json.dumps(who))

    def _records(self, row: Row) -> Iterator[Record]:
        fields, own_id = row.fields, row.fields.id("objectId", "_id", "id")
        where = f"comment {own_id[:80]}, line {row.line}"
        key, page = self._pages.meet(fields.line("href", "url") or "/", where)
        if page is not None:
            yield page
        likes = fields.number("like") or len(fields.parts("like"))
        parent = fields.id("pid", "rid")
        comment = self._comment(
            where,
            key,
            own_id,
            "" if parent == "0" else parent,
            self._author(fields),
            fields.text("comment"),
            fields.time("insertedAt", "createdAt", "created"),
            "spam" if fields.flag("isSpam") else STATUSES.get(fields.line("status")),
            is_pinned=fields.flag("sticky") or fields.flag("top"),
            **self._votes(where, likes, -likes),
        )
        if comment is not None:
            yield comment

    def _author(self, fields: Fields) -> Person:
        """Return who wrote it: what the comment says, and where it is silent what the account of its author says."""
        found = self._shelf.get("person", fields.id("user_id")) if "user_id" in fields else ""
        account = Person(*json.loads(found)) if found else NOBODY
        own = Person(fields.line("nick"), fields.line("mail"), fields.line("link"))
        return Person(own.name or account.name, own.email or account.email, own.url or account.url)


class ValineReader(WalineReader):
    """Reads what LeanCloud exports for Valine."""

    comments: ClassVar = RESULTS


class TwikooReader(WalineReader):
    """Reads what Twikoo and others export: a list of rows, or lines."""

    comments: ClassVar = ""
