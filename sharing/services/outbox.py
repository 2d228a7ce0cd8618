"""The two ends of the outbox: noting that something happened, in the transaction in which it happened, and forgetting
the messages that told of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from project.statements import fetch_prepared
from sharing.models import Delivery, Notification
from sharing.tokens import MAX_NAMED_FOLLOWS

# Longer than reports of mail servers, answers by mail and digests look back.
KEPT: Final = timedelta(days=90)
PAGE: Final = 5_000

# One statement, and it never queries the comment: its row may be written later in the same transaction.
NOTE: Final = """
    INSERT INTO sharing_notification (site_id, kind, cause_key, article_id, comment_id, due_at)
    VALUES (%s, %s, %s, %s, %s, COALESCE(%s, statement_timestamp()))
    ON CONFLICT (cause_key) DO NOTHING
    RETURNING id
"""
FORGET: Final = """
    DELETE FROM sharing_delivery WHERE id IN (
        SELECT id FROM sharing_delivery
        WHERE created_at < statement_timestamp() - %(kept)s
            AND status <> ALL (%(waiting)s) AND cardinality(follow_ids) <= %(named)s
        LIMIT %(page)s FOR UPDATE SKIP LOCKED)
"""
_UNSETTLED: Final = [Delivery.Status.QUEUED, Delivery.Status.SENDING, Delivery.Status.AWAITING_RETRY]


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


def prune_deliveries() -> int:
    """Forget messages of three months ago that went out or were given up; return how many.

    What a message told of stays noted, so that nothing is told again. A message whose leave link is of use only while
    its row is there stays too: such a link names the message, not its follows.
    """
    forgotten: int = 0
    parameters: dict[str, Any] = {"kept": KEPT, "waiting": _UNSETTLED, "named": MAX_NAMED_FOLLOWS, "page": PAGE}
    with connection.cursor() as cursor:
        while True:
            cursor.execute(FORGET, parameters)
            forgotten += cursor.rowcount
            if cursor.rowcount < PAGE:
                return forgotten
