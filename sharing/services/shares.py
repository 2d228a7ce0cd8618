"""Counting shares: once for each article (or comment), network, visitor and day, and telling the author hourly."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection, transaction

from articles.models import Article
from comments.models import Comment
from project.statements import fetch
from project.transactions import in_transaction
from project.visitors import Visitor
from sharing.models import Notification
from sharing.networks import Network
from sharing.selectors.outbox import NOTICE_HOUR
from sharing.services import outbox
from sharing.services.salts import Sight, seen_today

# The event decides whether the counter moves, in one statement: they cannot differ after a commit.
COUNT_SHARE: Final = """
    WITH event AS (
        INSERT INTO sharing_share (site_id, article_id, comment_id, network, day, visitor_hash)
        VALUES (%(site)s, %(article)s, %(comment)s, %(network)s, %(day)s, %(visitor)s)
        ON CONFLICT DO NOTHING
        RETURNING site_id, article_id, comment_id, network
    )
    INSERT INTO sharing_sharecount AS counter (site_id, article_id, comment_id, network, count)
    SELECT site_id, article_id, comment_id, network, 1 FROM event
    ON CONFLICT (article_id, comment_id, network) DO UPDATE SET count = counter.count + 1
    RETURNING date_trunc('hour', now(), 'UTC')
"""
# Nobody shares between the look and the last write: whoever does waits for the COMMIT.
HOLD_SHARES: Final = "LOCK TABLE sharing_share IN SHARE MODE"
REBUILD: Final = """
    WITH truth AS (
        SELECT site_id, article_id, comment_id, network, count(*) AS count FROM sharing_share
        GROUP BY site_id, article_id, comment_id, network
        UNION ALL
        SELECT site_id, article_id, comment_id, network, 0 FROM sharing_sharecount AS old
        WHERE NOT EXISTS (SELECT FROM sharing_share AS s WHERE s.article_id = old.article_id
            AND s.comment_id IS NOT DISTINCT FROM old.comment_id AND s.network = old.network)
    ), changed AS (
        INSERT INTO sharing_sharecount AS counter (site_id, article_id, comment_id, network, count)
        SELECT site_id, article_id, comment_id, network, count FROM truth
        ON CONFLICT (article_id, comment_id, network) DO UPDATE SET count = excluded.count
        WHERE counter.count <> excluded.count
        RETURNING id
    )
    SELECT count(*) FROM changed
"""


def rebuild_counts() -> int:
    """Make every counter anew from the shares themselves; return how many were wrong. Shares wait meanwhile."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(HOLD_SHARES)
        ((wrong,),) = fetch(REBUILD, ())
    return int(wrong)


def record_share(article: Article, network: Network, visitor: Visitor, comment: Comment | None = None) -> bool:
    """Count that `visitor` shares the article, or one comment of it; tell whether the counter moved.

    Nothing is counted twice within a UTC day, nor for automatic clients. One notification tells of all shares of an
    article in an hour, when it is over; with it comes any milestone that they reached.
    """
    if visitor.is_automatic:
        return False

    def work() -> bool:
        hour = _count(article, network, seen_today(visitor, article), comment)
        if hour is not None:
            outbox.note(
                kind=Notification.Kind.SHARES,
                cause_key=f"shares:{article.pk}:{hour:%Y-%m-%dT%H}",
                site_id=article.site_id,
                article_id=article.pk,
                due_at=hour + NOTICE_HOUR,
            )
        return hour is not None

    return in_transaction(work, joins=True)


def _count(article: Article, network: Network, sight: Sight, comment: Comment | None) -> datetime | None:
    """Write the event and move its counter; return the hour (UTC) of the share, None if it was counted before."""
    values = {
        "site": article.site_id,
        "article": article.pk,
        "comment": comment.pk if comment else None,
        "network": network.key,
        "day": sight.day,
        "visitor": sight.visitor_hash,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SHARE, values)
        row = cursor.fetchone()
    return row[0] if row else None
