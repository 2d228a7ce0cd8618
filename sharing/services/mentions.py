"""Whoever is named in a comment (`@Name`) and wants to hear of replies to what she said in the same thread."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Any, Final

from django.db import connection

from sharing.models import Delivery, Notification, Suppression

# Only who follows what she wrote herself: her confirmed address is the one under which she wrote. A name proves nothing
# and is no more than a way to call somebody who has asked to be called.
_NAMED: Final = """
    SELECT f.id, r.id, r.address_key, r.address, c.author_name
    FROM sharing_follow f
    JOIN sharing_follower r ON r.id = f.follower_id
    JOIN comments_comment c ON c.id = f.comment_id
    WHERE f.article_id = %(article)s AND f.target_kind = 'comment' AND f.status = 'confirmed'
      AND f.frequency = 'immediate' AND f.confirmed_at <= %(since)s
      AND c.status = 'approved' AND c.author_key = r.address_key AND r.address_key <> %(author)s
      AND NOT EXISTS (
        SELECT FROM sharing_suppression s
        WHERE s.site_id = %(site)s AND s.address_key = r.address_key AND s.kind = ANY(%(total)s))
    ORDER BY f.id
    FOR KEY SHARE OF r"""


def plan_mentioned(notification: Notification, *, author: str, expires_at: datetime) -> None:
    """Plan one mail for each follower named in a new comment who gets none otherwise; `author` hears nothing.

    A mail of the same cause that was planned for her before is the one that she gets.
    """
    comment = notification.comment
    if comment is None or "@" not in comment.text:
        return
    parameters: dict[str, Any] = {
        "article": comment.article_id,
        "site": comment.site_id,
        "since": notification.created_at,
        "author": author,
        "total": sorted(Suppression.TOTAL),
    }
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, parameters)
        rows = cursor.fetchall()
    said = _folded(comment.text)
    Delivery.objects.bulk_create(
        (
            Delivery(
                site_id=notification.site_id,
                kind=notification.kind,
                cause_key=notification.cause_key,
                target_key=address_key,
                notification=notification,
                follower_id=follower,
                follow_ids=[follow],
                why=Delivery.Why.FOLLOW,
                address=address,
                expires_at=expires_at,
            )
            for follow, follower, address_key, address, name in rows
            if names(said, name)
        ),
        ignore_conflicts=True,
    )


def names(said: str, name: str) -> bool:
    """Say whether a folded text has `@` and the whole name in it, in whatever letter case."""
    wanted = _folded(name).strip()
    return bool(wanted) and re.search(rf"(?<!\w)@{re.escape(wanted)}(?!\w)", said) is not None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
