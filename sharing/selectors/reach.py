"""What came of shares in some days: shares, visits, comments and follows, by article and network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from datetime import date
from typing import Final

from articles.models import Article, Site
from project.statements import fetch
from sharing import networks

MAX_ROWS: Final = 10_000  # of article and network; more are no report

# A visit is counted where it is: singly while its day's salt lives, and then in the numbers of its day; a share
# likewise, singly for a month.
_REACH: Final = f"""
    WITH happened AS (
        SELECT article_id, network, count(*) AS shares, 0 AS visits, 0 AS comments, 0 AS follows
        FROM sharing_share WHERE site_id = %(site)s AND day > %(today)s - %(days)s GROUP BY 1, 2
        UNION ALL
        SELECT article_id, network, sum(count), 0, 0, 0
        FROM sharing_shareday WHERE site_id = %(site)s AND day > %(today)s - %(days)s GROUP BY 1, 2
        UNION ALL
        SELECT article_id, network, 0, count(*), 0, 0
        FROM sharing_visit WHERE site_id = %(site)s AND day > %(today)s - %(days)s GROUP BY 1, 2
        UNION ALL
        SELECT article_id, network, 0, sum(visits), 0, sum(follows)
        FROM sharing_reachday WHERE site_id = %(site)s AND day > %(today)s - %(days)s GROUP BY 1, 2
        UNION ALL
        SELECT credit.article_id, credit.network, 0, 0, count(*), 0
        FROM sharing_creditedcomment credit JOIN comments_comment c ON c.id = credit.comment_id
        WHERE credit.site_id = %(site)s AND credit.day > %(today)s - %(days)s AND c.status = 'approved' GROUP BY 1, 2
    )
    SELECT article_id, network, sum(shares)::bigint, sum(visits)::bigint, sum(comments)::bigint, sum(follows)::bigint
    FROM happened WHERE %(article)s::bigint IS NULL OR article_id = %(article)s
    GROUP BY article_id, network
    ORDER BY 4 DESC, 3 DESC, article_id DESC, network LIMIT {MAX_ROWS}
"""  # noqa: S608  (constants only)
_TODAY: Final = "SELECT (now() AT TIME ZONE 'UTC')::date"


@dataclass
class Numbers:
    """How often, in the order in which one leads to the next."""

    shares: int = 0
    visits: int = 0
    comments: int = 0
    follows: int = 0

    def add(self, other: Numbers) -> None:
        self.shares += other.shares
        self.visits += other.visits
        self.comments += other.comments
        self.follows += other.follows


@dataclass(frozen=True)
class OfNetwork:
    """What one network brought; `label` is its name for people."""

    network: str
    label: str
    numbers: Numbers


@dataclass(frozen=True)
class OfArticle:
    """What shares brought to one article, all in all and by network."""

    article: Article
    numbers: Numbers = field(default_factory=Numbers)
    networks: list[OfNetwork] = field(default_factory=list)


@dataclass(frozen=True)
class Reach:
    """What shares brought to a site between two days, both included; most visits first, then most shares."""

    since: date
    until: date
    total: Numbers
    networks: list[OfNetwork]
    articles: list[OfArticle]


def reach_of(site: Site, *, days: int, article: Article | None = None) -> Reach:
    """Return what came of the shares of a site, or of one article of it, in the last `days`; three queries."""
    ((today,),) = fetch(_TODAY, ())
    values = {"site": site.pk, "days": days, "today": today, "article": article.pk if article else None}
    rows = fetch(_REACH, values)
    found = Article.objects.filter(site=site).in_bulk({row[0] for row in rows})
    total, by_network, by_article = Numbers(), dict[str, Numbers](), dict[int, OfArticle]()
    for article_id, network, *counts in rows:
        if article_id not in found:
            continue
        numbers = Numbers(*counts)
        one = by_article.setdefault(article_id, OfArticle(found[article_id]))
        one.networks.append(OfNetwork(network, _label(network), numbers))
        for sum_of in (one.numbers, by_network.setdefault(network, Numbers()), total):
            sum_of.add(numbers)
    through = [OfNetwork(network, _label(network), numbers) for network, numbers in by_network.items()]
    return Reach(
        since=date.fromordinal(today.toordinal() - days + 1),
        until=today,
        total=total,
        networks=sorted(through, key=lambda one: _rank(one.numbers)),
        articles=sorted(by_article.values(), key=lambda one: _rank(one.numbers)),
    )


def most_of(each: Iterable[Numbers]) -> int:
    """Return the largest number of them all: as long as a bar can be."""
    return max((number for one in each for number in astuple(one)), default=0)


def rows_of(reach: Reach) -> Iterable[tuple[Article, OfNetwork]]:
    """Return every article with each network that brought it something."""
    return ((one.article, through) for one in reach.articles for through in one.networks)


def _rank(numbers: Numbers) -> tuple[int, int]:
    return -numbers.visits, -numbers.shares


def _label(key: str) -> str:
    return found.label if (found := networks.find(key)) else key
