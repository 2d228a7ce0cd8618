"""Noting that something happened, in the transaction in which it happened: the first half of the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from project.statements import fetch_prepared
from sharing.models import Notification

# One statement, and it never queries the comment: its row may be written later in the same transaction.
NOTE: Final = """
    INSERT INTO sharing_notification (site_id, kind, cause_key, article_id, comment_id, due_at)
    VALUES (%s, %s, %s, %s, %s, COALESCE(%s, statement_timestamp()))
    ON CONFLICT (cause_key) DO NOTHING
    RETURNING id
"""


def note(
    *,
    kind: str,
    cause_key: str,
    site_id: int,
    article_id: int,
    comment_id: int | None = None,
    due_at: datetime | None = None,
) -> Notification | None:
    """Write down, once per `cause_key`, that people may have to be told; return the row, None if it was there.

    `kind` is one of `Notification.Kind`; `due_at` is when the fan-out may begin, now if None. Only ids are
    written, so that `comment_id` may be that of a row which is inserted later in this transaction. Call it inside the
    transaction of the cause: both are committed, or neither.
    """
    rows = fetch_prepared(NOTE, [site_id, kind, cause_key, article_id, comment_id, due_at])
    if not rows:
        return None
    return Notification(
        id=rows[0][0], site_id=site_id, kind=kind, cause_key=cause_key, article_id=article_id, comment_id=comment_id
    )
