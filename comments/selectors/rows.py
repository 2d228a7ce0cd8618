"""Comments as the public may see them, fetched without building models: a page can have a thousand."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

SHOWN: Final = "(c.status = 'approved' OR c.shown_replies > 0)"

# What a tombstone must not show never leaves the database.
COLUMNS: Final = """
    c.id, c.parent_id, c.root_id, c.depth, c.provider,
    CASE WHEN c.status = 'approved' THEN c.author_name END,
    CASE WHEN c.status = 'approved' THEN c.author_url END,
    CASE WHEN c.status = 'approved' THEN c.author_role END,
    CASE WHEN c.status = 'approved' THEN c.html END,
    c.created_at,
    CASE WHEN c.status = 'approved' THEN c.edited_at END,
    CASE WHEN c.status = 'approved' THEN c.status ELSE 'removed' END,
    CASE WHEN c.status = 'approved' THEN c.pinned_at END,
    c.up, c.down, c.reply_count, c.shown_replies"""


class CommentRow(NamedTuple):
    """A comment of the public tree, in the order of COLUMNS; a tombstone has neither author nor text."""

    id: int
    parent_id: int | None
    root_id: int
    depth: int
    provider: str
    author_name: str | None
    author_url: str | None
    author_role: str | None
    html: str | None
    created_at: datetime
    edited_at: datetime | None
    status: str
    pinned_at: datetime | None
    up: int
    down: int
    reply_count: int
    shown_replies: int

    @property
    def is_approved(self) -> bool:
        return self.status == "approved"

    @property
    def fragment(self) -> str:
        """The anchor of the comment on its page."""
        return f"#comment-{self.id}"


WIDTH: Final = len(CommentRow._fields)
