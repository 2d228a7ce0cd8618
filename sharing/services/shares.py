"""Counting shares: once for each article (or comment), network, visitor and day, and telling the author hourly."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from articles.models import Article
from comments.models import Comment
from project.transactions import in_transaction
from project.visitors import Visitor
from sharing.models import Notification
from sharing.networks import Network
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


def record_share(article: Article, network: Network, visitor: Visitor, comment: Comment | None = None) -> bool:
    """Count that `visitor` shares the article, or one comment of it; tell whether the counter moved.

    Nothing is counted twice within a UTC day, nor for automatic clients. The article's author, where we know an
    address, is told in one notice at the end of the hour.
    """
    if visitor.is_automatic:
        return False

    def work() -> bool:
        hour = _count(article, network, seen_today(visitor, article), comment)
        if hour is not None and article.author_email:
            outbox.note(
                kind=Notification.Kind.SHARES,
                cause_key=f"shares:{article.pk}:{hour:%Y-%m-%dT%H}",
                site_id=article.site_id,
                article_id=article.pk,
                due_at=hour + timedelta(hours=1),
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
