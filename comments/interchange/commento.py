"""Exports of Commento (version 1) and Comentario (versions 1 and 3): comments with the people and pages they name.

People, and in version 1 nothing before, stand behind the comments. So the file is read twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from comments.interchange.native import NOBODY, NativeReader, Person
from comments.interchange.records import HTML, MARKDOWN, ArticleRecord, Record
from comments.interchange.rows import Row
from comments.interchange.values import Fields

STATUSES: Final = {"approved": "approved", "unapproved": "pending", "flagged": "pending"}
# What stands for nothing: Commento's word for a missing link, its root, and what it left of a deleted text.
UNDEFINED: Final = "undefined"
ROOT: Final = "root"
DELETED: Final = "[deleted]"


class CommentoReader(NativeReader):
    """Yields pages with their comments: source `commento:HOST`, id that of the comment."""

    system: ClassVar = "commento"

    def __iter__(self) -> Iterator[Record]:
        self._learn()
        rows = self._lists({"comments"}, comments="comments")
        for row in rows:
            yield from self._records(row)
        rows.note_rest()
        self.complete = rows.complete

    def _learn(self) -> None:
        """Keep the people and the pages."""
        for row in self._learned({"commenters", "pages"}):
            fields = row.fields
            if row.path == "pages":
                page = [fields.line("path"), fields.line("title"), fields.flag("isReadonly")]
                self._shelf.put("page", fields.id("id"), json.dumps(page))
            else:
                link = fields.line("link", "websiteUrl")
                who = [fields.line("name"), fields.line("email"), "" if link == UNDEFINED else link]
                self._shelf.put("person", fields.id("commenterHex", "id"), json.dumps(who))

    def _records(self, row: Row) -> Iterator[Record]:
        fields, own_id = row.fields, row.fields.id("commentHex", "id")
        where = f"comment {own_id[:80]}, line {row.line}"
        key, page = self._page(fields, where)
        if page is not None:
            yield page
        parent = fields.id("parentHex", "parentId")
        text, status = fields.text("markdown"), _status(fields)
        comment = self._comment(
            where,
            key,
            own_id,
            "" if parent == ROOT else parent,
            self._author(fields),
            "" if status == "removed" and text == DELETED else text or fields.text("html"),
            fields.time("creationDate", "createdTime"),
            status,
            markup=MARKDOWN if text else HTML,
            edited_at=fields.time("editedTime"),
            is_pinned=fields.flag("isSticky"),
            **self._votes(where, fields.number("score"), -fields.number("score")),
        )
        if comment is not None:
            yield comment

    def _page(self, fields: Fields, where: str) -> tuple[str, ArticleRecord | None]:
        """Return the key of a comment's page ("" for none) and its record the first time."""
        if "pageId" in fields:
            found: list[Any] = json.loads(self._shelf.get("page", fields.id("pageId")) or "[]")
            if not found:
                return "", None
            path, title, is_readonly = found
            return self._pages.meet(path or "/", where, title=title, is_open=not is_readonly)
        return self._pages.meet(fields.line("path", "url") or "/", where, host=fields.line("domain", "host"))

    def _author(self, fields: Fields) -> Person:
        found = self._shelf.get("person", fields.id("commenterHex", "userCreated"))
        author = Person(*json.loads(found)) if found else NOBODY
        return author if author.name else author._replace(name=fields.line("authorName"))


def _status(fields: Fields) -> str | None:
    if fields.flag("deleted") or fields.flag("isDeleted") or fields.text("markdown") == DELETED:
        return "removed"
    if "state" in fields:
        return STATUSES.get(fields.line("state"))
    if fields.flag("isPending"):
        return "pending"
    return "approved" if fields.flag("isApproved") else "rejected"
