"""A week of a site in numbers, beside those of the week before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext

from articles.models import Article
from project.statements import fetch
from sharing import networks

WEEK: Final = timedelta(days=7)
MOST_DISCUSSED: Final = 5
# Whatever is settled in a week was planned so many days before at most.
PLANNED_BEFORE: Final = timedelta(days=8)

# Each statement gives (what, this week, the week before). A comment was published when its notification was written,
# so that what an import brought is not counted; followers who left are those who had confirmed.
# Summaries are no mails here: they would give themselves something to tell.
_COMMENTS: Final = """
    WITH noted AS (
        SELECT n.kind, n.comment_id, c.status, n.created_at >= %(start)s AS lately
        FROM sharing_notification n JOIN comments_comment c ON c.id = n.comment_id
        WHERE n.site_id = %(site)s AND n.created_at >= %(before)s AND n.created_at < %(end)s
            AND n.kind IN ('comment', 'held')
    ), refused AS (
        SELECT created_at >= %(start)s AS lately FROM comments_comment
        WHERE site_id = %(site)s AND status IN ('rejected', 'spam')
            AND created_at >= %(before)s AND created_at < %(end)s
    )
    SELECT 'published', count(DISTINCT comment_id) FILTER (WHERE lately),
        count(DISTINCT comment_id) FILTER (WHERE NOT lately)
    FROM noted WHERE kind = 'comment' AND status = 'approved'
    UNION ALL
    SELECT 'held', count(DISTINCT comment_id) FILTER (WHERE lately),
        count(DISTINCT comment_id) FILTER (WHERE NOT lately)
    FROM noted WHERE kind = 'held'
    UNION ALL
    SELECT 'refused', count(*) FILTER (WHERE lately), count(*) FILTER (WHERE NOT lately) FROM refused
"""
_FOLLOWS: Final = """
    SELECT c.event, count(*) FILTER (WHERE c.happened_at >= %(start)s),
        count(*) FILTER (WHERE c.happened_at < %(start)s)
    FROM sharing_consent c
    WHERE c.site_id = %(site)s AND c.happened_at >= %(before)s AND c.happened_at < %(end)s
        AND (c.event = 'confirmed' OR (c.event = 'unsubscribed' AND EXISTS (
            SELECT FROM sharing_consent e WHERE e.site_id = c.site_id AND e.address_key = c.address_key AND e.id < c.id
                AND e.target_kind = c.target_kind AND e.target_key = c.target_key AND e.event = 'confirmed')))
    GROUP BY c.event
"""
_SHARES: Final = """
    SELECT s.network, count(*) FILTER (WHERE s.created_at >= %(start)s),
        count(*) FILTER (WHERE s.created_at < %(start)s)
    FROM articles_article a JOIN sharing_share s ON s.article_id = a.id
    WHERE a.site_id = %(site)s AND s.created_at >= %(before)s AND s.created_at < %(end)s
    GROUP BY s.network ORDER BY 2 DESC, 3 DESC, 1
"""
_MAILS: Final = """
    SELECT status, count(*) FILTER (WHERE settled_at >= %(start)s), count(*) FILTER (WHERE settled_at < %(start)s)
    FROM sharing_delivery
    WHERE site_id = %(site)s AND status IN ('sent', 'failed') AND kind NOT IN ('summary', 'post')
        AND created_at >= %(before)s::timestamptz - %(planned)s AND created_at < %(end)s
        AND settled_at >= %(before)s AND settled_at < %(end)s
    GROUP BY status
    UNION ALL
    SELECT 'bounced', count(DISTINCT delivery_id) FILTER (WHERE happened_at >= %(start)s),
        count(DISTINCT delivery_id) FILTER (WHERE happened_at < %(start)s)
    FROM sharing_mailevent
    WHERE site_id = %(site)s AND kind IN ('hard', 'soft') AND happened_at >= %(before)s AND happened_at < %(end)s
"""
_DISCUSSED: Final = """
    SELECT n.article_id, count(DISTINCT n.comment_id)
    FROM sharing_notification n
    JOIN comments_comment c ON c.id = n.comment_id AND c.status = 'approved'
    JOIN articles_article a ON a.id = n.article_id AND a.visibility = 'public'
    WHERE n.site_id = %(site)s AND n.kind = 'comment' AND n.created_at >= %(start)s AND n.created_at < %(end)s
    GROUP BY n.article_id ORDER BY 2 DESC, n.article_id DESC LIMIT %(most)s
"""


@dataclass(frozen=True)
class Number:
    """How often in the week, and in the week before."""

    now: int = 0
    before: int = 0

    def __str__(self) -> str:
        return gettext("%(now)s (%(before)s the week before)") % {"now": self.now, "before": self.before}


@dataclass(frozen=True)
class Summary:
    """A week: `comments` has published, held and refused; `follows` confirmed and unsubscribed; `mails` sent, failed
    and bounced; `shares` are by the networks' labels, `discussed` articles with their comments, most first."""

    comments: dict[str, Number]
    follows: dict[str, Number]
    mails: dict[str, Number]
    shares: list[tuple[str, Number]] = field(default_factory=list)
    discussed: list[tuple[Article, int]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all happened, in this week and the one before."""
        shares = (number for _, number in self.shares)
        numbers = (*self.comments.values(), *self.follows.values(), *self.mails.values(), *shares)
        return not any(number.now or number.before for number in numbers)


def summary_of(site_id: int, start: datetime, end: datetime) -> Summary:
    """Count a site's week, [`start`, `end`), and the seven days before it; six statements, whatever happened."""
    window: dict[str, Any] = {"site": site_id, "before": start - WEEK, "start": start, "end": end}
    found = fetch(_DISCUSSED, window | {"most": MOST_DISCUSSED})
    articles = Article.objects.filter(site_id=site_id).in_bulk([row[0] for row in found])
    shares = fetch(_SHARES, window)
    return Summary(
        comments=_numbers(_COMMENTS, window, ("published", "held", "refused")),
        follows=_numbers(_FOLLOWS, window, ("confirmed", "unsubscribed")),
        mails=_numbers(_MAILS, window | {"planned": PLANNED_BEFORE}, ("sent", "failed", "bounced")),
        shares=[(_label(network), Number(now, before)) for network, now, before in shares],
        discussed=[(articles[pk], count) for pk, count in found],
    )


def _numbers(sql: str, window: dict[str, Any], names: tuple[str, ...]) -> dict[str, Number]:
    found = {name: Number(now, before) for name, now, before in fetch(sql, window)}
    return {name: found.get(name, Number()) for name in names}


def _label(key: str) -> str:
    network = networks.find(key)
    return network.label if network else key
