"""What waits in the outbox, and whom a notification concerns."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Final, TypedDict

from django.db import connection
from django.db.models import Count
from django.db.models.functions import Now

from project.statements import fetch
from sharing import networks
from sharing.models import Notification, Share
from sharing.targets import Target, of_article, of_author, of_comment, of_site, of_tag

NOTICE_HOUR: Final = timedelta(hours=1)

# The way up from a comment, itself left out, nearest first.
ANCESTORS: Final = """
    WITH RECURSIVE way_up AS (
        SELECT parent_id, 1 AS step FROM comments_comment WHERE id = %s
        UNION ALL
        SELECT c.parent_id, step + 1 FROM way_up JOIN comments_comment c ON c.id = way_up.parent_id
    )
    SELECT parent_id FROM way_up WHERE parent_id IS NOT NULL ORDER BY step
"""
# The same for many comments at once, of which only some ancestors matter.
ANCESTORS_AMONG: Final = """
    WITH RECURSIVE way_up AS (
        SELECT id AS below, parent_id FROM comments_comment WHERE id = ANY(%(comments)s::bigint[])
        UNION ALL
        SELECT below, c.parent_id FROM way_up JOIN comments_comment c ON c.id = way_up.parent_id
    )
    SELECT below, parent_id FROM way_up WHERE parent_id = ANY(%(among)s::bigint[])
"""
# Queues and sites with a due mail, unless they are paused; channels (`selectors.channels`) take turns apart, and one of
# a site's that does not answer is no fault of ours. The index is asked for one site after the other, so that
# it costs the same whether one of them has ten rows or a million.
DUE_SITES: Final = """
    RECURSIVE waiting AS (
        (SELECT queue, site_id FROM sharing_delivery
        WHERE status IN ('queued', 'awaiting_retry') ORDER BY queue, site_id LIMIT 1)
        UNION ALL
        SELECT further.queue, further.site_id FROM waiting CROSS JOIN LATERAL (
            SELECT d.queue, d.site_id FROM sharing_delivery d
            WHERE d.status IN ('queued', 'awaiting_retry') AND (d.queue, d.site_id) > (waiting.queue, waiting.site_id)
            ORDER BY d.queue, d.site_id LIMIT 1
        ) AS further
    ), due_site AS (
        SELECT waiting.queue, waiting.site_id, oldest.next_attempt_at FROM waiting CROSS JOIN LATERAL (
            SELECT d.next_attempt_at FROM sharing_delivery d
            WHERE d.queue = waiting.queue AND d.site_id = waiting.site_id AND d.status IN ('queued', 'awaiting_retry')
                AND d.next_attempt_at <= statement_timestamp()
            ORDER BY d.next_attempt_at LIMIT 1
        ) AS oldest
        WHERE waiting.queue <> 'channels' AND NOT EXISTS (
            SELECT FROM sharing_sendingpause p WHERE p.site_id IS NULL OR p.site_id = waiting.site_id)
    )"""
# A planned delivery, or a notification whose fan-out is due, whichever has waited longest.
OLDEST: Final = f"""
    WITH {DUE_SITES} SELECT EXTRACT(EPOCH FROM statement_timestamp() - LEAST(
        (SELECT min(next_attempt_at) FROM due_site),
        (SELECT min(due_at) FROM sharing_notification WHERE fanned_out_at IS NULL AND due_at <= statement_timestamp())
    ))::float8
"""  # noqa: S608  (parts of ours)


class OutboxHealth(TypedDict):
    """`oldest_due_seconds` is None where nothing is due; what is paused is not due."""

    oldest_due_seconds: float | None


def outbox_health() -> OutboxHealth:
    """How long the oldest due work has waited, by the database's clock. One query, whatever waits."""
    ((oldest,),) = fetch(OLDEST, ())
    return {"oldest_due_seconds": oldest}


def due_notifications(limit: int, *, without: Collection[int] = ()) -> list[int]:
    """Ids of the notifications whose fan-out is due and not finished, oldest first, without some."""
    waiting = Notification.objects.filter(fanned_out_at__isnull=True, due_at__lte=Now()).exclude(pk__in=without)
    return list(waiting.order_by("due_at", "pk").values_list("pk", flat=True)[:limit])


def due_queues() -> list[str]:
    """The queues in which a delivery is due."""
    sql = f"WITH {DUE_SITES} SELECT DISTINCT queue FROM due_site ORDER BY queue"  # noqa: S608  (parts of ours)
    return [row[0] for row in fetch(sql, ())]


def targets_of(notification: Notification) -> list[Target]:
    """Whatever a follower may follow to hear of this notification, the most specific target first.

    A comment: each comment above it, nearest first, then its article. An article: its author, its tags, its site.
    Notices to authors and members have no followers.
    """
    article = notification.article
    if article is None:
        return []
    if notification.kind == Notification.Kind.COMMENT:
        return [*(of_comment(one, article.pk) for one in _ancestors(notification.comment_id)), of_article(article.pk)]
    if notification.kind == Notification.Kind.ARTICLE:
        named = [of_author(article.author_name), *map(of_tag, article.tags)]
        # A blank name is nobody's and nothing's; two spellings of a tag are one.
        return [*dict.fromkeys(target for target in named if target.key), of_site()]
    return []


def ancestors_among(comment_ids: list[int], among: list[int]) -> dict[int, set[int]]:
    """Return, for each of some comments, those of `among` that stand above it; one query, none above: no entry."""
    above: dict[int, set[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(ANCESTORS_AMONG, {"comments": comment_ids, "among": among})
        for below, ancestor in cursor.fetchall():
            above.setdefault(below, set()).add(ancestor)
    return above


def milestone_of(notification: Notification) -> int:
    """Return the number of shares that a milestone tells of; the last part of its cause."""
    return int(notification.cause_key.rpartition(":")[2])


def shares_of_notice(notification: Notification) -> list[tuple[str, int]]:
    """Labels of the networks and how often each was used in the hour before the notice was due, most first."""
    end = notification.due_at
    shares = Share.objects.filter(article=notification.article, created_at__gte=end - NOTICE_HOUR, created_at__lt=end)
    counted = shares.values_list("network").annotate(n=Count("pk")).order_by("-n", "network")
    return [(found.label if (found := networks.find(key)) else key, n) for key, n in counted]


def _ancestors(comment_id: int | None) -> Iterable[int]:
    with connection.cursor() as cursor:
        cursor.execute(ANCESTORS, [comment_id])
        return [row[0] for row in cursor.fetchall()]
