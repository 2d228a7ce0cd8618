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

# The event decides whether the counter moves, in one statement: they cannot differ after a commit. Its time is that
# of the statement, as `created_at` is, so that the share and its notice are of one hour.
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
    RETURNING date_trunc('hour', statement_timestamp(), 'UTC')
"""
# Nobody shares between the look and the last write: whoever does waits for the COMMIT.
HOLD_SHARES: Final = "LOCK TABLE sharing_share IN SHARE MODE"
REBUILD: Final = """
    WITH truth AS (
        SELECT site_id, article_id, comment_id, network, sum(count)::bigint AS count FROM (
            SELECT site_id, article_id, comment_id, network, count(*) AS count FROM sharing_share
            GROUP BY site_id, article_id, comment_id, network
            UNION ALL
            SELECT site_id, article_id, comment_id, network, count FROM sharing_shareday
            UNION ALL
            SELECT site_id, article_id, comment_id, network, 0 FROM sharing_sharecount
        ) AS known GROUP BY site_id, article_id, comment_id, network
    ), changed AS (
        INSERT INTO sharing_sharecount AS counter (site_id, article_id, comment_id, network, count)
        SELECT site_id, article_id, comment_id, network, count FROM truth
        ON CONFLICT (article_id, comment_id, network) DO UPDATE SET count = excluded.count
        WHERE counter.count <> excluded.count
        RETURNING id
    )
    SELECT count(*) FROM changed
"""

# Days of which each share is known singly: longer than a notice, a post or a summary of two weeks looks back.
SHARE_DAYS: Final = 30
PAGE: Final = 5_000
# What is deleted is what is counted, in one statement: a crash or a twin loses and doubles nothing.
FOLD: Final = """
    WITH old AS (
        SELECT id FROM sharing_share WHERE day <= (now() AT TIME ZONE 'UTC')::date - %(days)s
        LIMIT %(page)s FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM sharing_share WHERE id IN (SELECT id FROM old)
        RETURNING site_id, article_id, comment_id, network, day
    ), folded AS (
        INSERT INTO sharing_shareday AS known (site_id, article_id, comment_id, network, day, count)
        SELECT site_id, article_id, comment_id, network, day, count(*) FROM gone
        GROUP BY site_id, article_id, comment_id, network, day
        ORDER BY article_id, comment_id, network, day
        ON CONFLICT (article_id, comment_id, network, day) DO UPDATE SET count = known.count + excluded.count
    )
    SELECT count(*) FROM gone
"""


def fold_shares() -> int:
    """Turn the shares of a month ago into numbers by the day, page by page; return how many. Twice does no more."""
    total = 0
    while True:
        with transaction.atomic():
            ((folded,),) = fetch(FOLD, {"days": SHARE_DAYS, "page": PAGE})
        total += int(folded)
        if folded < PAGE:
            return total


def rebuild_counts() -> int:
    """Make every counter anew from the shares and the numbers of past days; return how many were wrong.

    Shares wait meanwhile.
    """
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
