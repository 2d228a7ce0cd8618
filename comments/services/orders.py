"""Keeping the order that a reader's pages go on in, and forgetting orders that no page goes on in any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db import DatabaseError, connection

from comments.models import ThreadOrder
from comments.selectors import ThreadPage
from project.errors import Problem

# For how long a reader may stay on a page and still go on in its order, once there is a newer one.
KEPT_FOR: Final = timedelta(hours=1)

_PRUNE: Final = """
    DELETE FROM comments_threadorder WHERE id IN (
        SELECT old.id FROM comments_threadorder AS old
        WHERE old.created_at < now() - %(age)s AND EXISTS (
            SELECT FROM comments_threadorder AS newer
            WHERE newer.article_id = old.article_id AND newer.sort = old.sort AND newer.provider = old.provider
              AND newer.version > old.version AND newer.created_at < now() - %(age)s)
        ORDER BY old.created_at LIMIT %(limit)s
        FOR UPDATE OF old SKIP LOCKED)"""


def keep_order(page: ThreadPage) -> None:
    """Write the order that the page's `next` leads on in, in a transaction of its own, if it is not there yet.

    It was read together with the page, so it is the order of that version whatever has changed since; and whoever
    read the same version has the same order, so the first one to write it is as good as any.
    Problem: unavailable, where nothing can be written now: a cursor without its order would lead nowhere.
    """
    if page.order is None:
        return
    try:
        ThreadOrder.objects.bulk_create([page.order], ignore_conflicts=True)
    except DatabaseError as error:
        raise Problem(
            "unavailable", "The order of the comments cannot be kept at the moment.", headers={"Retry-After": "1"}
        ) from error


def prune_orders(limit: int) -> int:
    """Delete at most `limit` orders for which there has been a newer one for an hour, and return how many it were."""
    parameters: dict[str, Any] = {"age": KEPT_FOR, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, parameters)
        return int(cursor.rowcount)
