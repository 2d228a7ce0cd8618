"""Counting shares: once for each article (or comment), network, visitor and day, and telling the author hourly."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection

from articles.models import Article
from comments.models import Comment
from project.transactions import in_transaction
from project.visitors import Visitor
from sharing.models import Notification
from sharing.networks import Network
from sharing.services import outbox

SALT_BYTES: Final = 32
SALT_DAYS: Final = 2  # today's, and yesterday's until the last share that began before midnight has ended

FIND_SALT: Final = "SELECT day, salt FROM sharing_sharesalt WHERE day = (now() AT TIME ZONE 'UTC')::date"
MAKE_SALT: Final = """
    INSERT INTO sharing_sharesalt (day, salt) VALUES ((now() AT TIME ZONE 'UTC')::date, %s) ON CONFLICT DO NOTHING
"""
PRUNE_SALTS: Final = "DELETE FROM sharing_sharesalt WHERE day <= (now() AT TIME ZONE 'UTC')::date - %s"
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
        day, salt = _salt_of_today()
        hour = _count(article, network, day, _visitor_hash(salt, visitor, article), comment)
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


def prune_salts() -> int:
    """Forget the salts of past days, and with them who shared what; return how many went. Twice does no more."""
    with connection.cursor() as cursor:
        cursor.execute(PRUNE_SALTS, [SALT_DAYS])
        return int(cursor.rowcount)


def _salt_of_today() -> tuple[date, bytes]:
    """The day by the database's clock and its secret, made by whoever comes first."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(FIND_SALT)
            found = cursor.fetchone()
            if found is not None:
                return found[0], bytes(found[1])
            # Waits for a twin that makes it at the same moment; the next look sees whichever won.
            cursor.execute(MAKE_SALT, [secrets.token_bytes(SALT_BYTES)])


def _visitor_hash(salt: bytes, visitor: Visitor, article: Article) -> str:
    text = "\n".join((visitor.prefix, visitor.user_agent, str(article.pk)))
    return hmac.digest(salt, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hex()


def _count(
    article: Article, network: Network, day: date, visitor_hash: str, comment: Comment | None
) -> datetime | None:
    """Write the event and move its counter; return the hour (UTC) of the share, None if it was counted before."""
    values = {
        "site": article.site_id,
        "article": article.pk,
        "comment": comment.pk if comment else None,
        "network": network.key,
        "day": day,
        "visitor": visitor_hash,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SHARE, values)
        row = cursor.fetchone()
    return row[0] if row else None
