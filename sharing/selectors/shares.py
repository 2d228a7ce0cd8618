"""How often something was shared, where it can be shared to, and what the networks are told of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, TypedDict

from django.conf import settings
from django.db import connection
from django.db.models import Sum

from articles.models import Article, Site
from comments.models import Comment
from sharing import networks, references
from sharing.cards.card import article_card, comment_address, drawn_of
from sharing.models import ShareCount
from sharing.networks import Kind, Network, Shareable

SUMMARY_LENGTH: Final = 300  # characters of a comment that a mail quotes

# Of a window with more shares than this the latest decide, so that a list costs no more on the largest site.
MOST: Final = 100_000

MOST_SHARED: Final = f"""
    SELECT article.id, article.url, article.title, found.recent,
        (SELECT coalesce(sum(counter.count), 0) FROM sharing_sharecount AS counter
         WHERE counter.article_id = article.id AND counter.comment_id IS NULL)
    FROM (
        SELECT s.article_id, sum(s.count)::bigint AS recent FROM (
            (SELECT s.article_id, 1 AS count FROM sharing_share AS s
            WHERE s.site_id = %(site)s AND s.comment_id IS NULL
                AND s.created_at > now() - %(days)s * interval '1 day'
            ORDER BY s.created_at DESC, s.id DESC LIMIT {MOST})
            UNION ALL
            (SELECT d.article_id, d.count FROM sharing_shareday AS d
            WHERE d.site_id = %(site)s AND d.comment_id IS NULL
                AND d.day > (now() AT TIME ZONE 'UTC')::date - %(days)s
            ORDER BY d.day DESC LIMIT {MOST})
        ) AS s GROUP BY s.article_id
    ) AS found JOIN articles_article AS article ON article.id = found.article_id
    WHERE article.visibility = '{Article.Visibility.PUBLIC}'
    ORDER BY found.recent DESC, article.published_at DESC NULLS LAST, article.id DESC
    LIMIT %(limit)s"""  # noqa: S608  (constants only)


@dataclass(frozen=True, slots=True)
class SharedArticle:
    """A public article, with its shares of a window and altogether."""

    article: Article
    recent: int
    total: int


class ShareLink(TypedDict):
    """One button: `url` is our counting redirect (None for a device), `target` the network's own address."""

    network: str
    label: str
    url: str | None
    target: str


class ShareLinks(TypedDict):
    """Every button of a page, and how often each was used."""

    links: list[ShareLink]
    counts: dict[str, int]
    total: int


def share_counts(article: Article, comment: Comment | None = None) -> dict[str, int]:
    """Shares by network key, most first; of the article itself, or of one comment. One query."""
    rows = ShareCount.objects.filter(article=article, comment=comment, count__gt=0)
    return dict(rows.order_by("-count", "network").values_list("network", "count"))


def share_totals(articles: Collection[int]) -> dict[int, int]:
    """How often each of the articles was shared, those without a share left out. One query."""
    rows = ShareCount.objects.filter(article__in=articles, comment=None, count__gt=0)
    return dict(rows.values_list("article").annotate(Sum("count")))


def most_shared(site: Site, *, days: int, limit: int) -> list[SharedArticle]:
    """Return the public articles of a site that were shared most in the last `days`, in one SELECT.

    Shares of single comments do not count. Among equals the newest article comes first.
    """
    with connection.cursor() as cursor:
        cursor.execute(MOST_SHARED, {"site": site.pk, "days": days, "limit": limit})
        rows = cursor.fetchall()
    return [
        SharedArticle(Article(pk=article, url=url, title=title), recent, int(total))
        for article, url, title, recent, total in rows
    ]


def share_links(article: Article, comment: Comment | None = None) -> ShareLinks:
    """The buttons of an article (with `site` loaded) or of one comment of it, with counts. One query."""
    shared = shareable(article, comment)
    counts = share_counts(article, comment)
    links = [_link(network, shared, article, comment) for network in networks.listed()]
    return {"links": links, "counts": counts, "total": sum(counts.values())}


def share_links_of_unknown_page(site: Site, url: str) -> ShareLinks:
    """The buttons of a page that nobody has written to: no redirect of ours yet, and no counts. No query."""
    shared = Shareable(url=url, site_name=site.name)
    links: list[ShareLink] = [
        {"network": network.key, "label": network.label, "url": None, "target": networks.target(network, shared)}
        for network in networks.listed()
        if not network.asks_instance
    ]
    return {"links": links, "counts": {}, "total": 0}


def target_of(network: Network, article: Article, comment: Comment | None = None) -> str:
    """The network's own address for the article or comment; our page that asks for it where each reader has another."""
    if network.asks_instance:
        return redirect_url(network, article, comment)
    return networks.target(network, shared_over(network, article, shareable(article, comment)))


def redirect_url(network: Network, article: Article, comment: Comment | None = None) -> str:
    """Our address that counts the share and leads to the network, absolute."""
    path = f"/s/{network.key}/{article.pk}" + (f"/{comment.pk}" if comment else "")
    return f"{settings.PUBLIC_URL}{path}"


def shareable(article: Article, comment: Comment | None = None) -> Shareable:
    """What the networks are told of an article (with `site` loaded), or of a comment of it. No query.

    An article whose address is none that a browser can open is shared by our own page of it. A comment always is:
    networks fetch an address without its fragment, and only our page has the comment's own card.
    """
    if comment is not None:
        return _of_comment(article, comment)
    return Shareable(
        url=networks.web_address(article.public_url) or article.page_url,
        title=article.title,
        summary=article.summary,
        image=article_card(article).picture.url,
        site_name=article.site.name,
    )


def shared_over(network: Network, article: Article, shared: Shareable) -> Shareable:
    """The same with the address that this network is given: it carries where its visitors come from."""
    return replace(shared, url=references.carrying(shared.url, article.pk, network))


def _of_comment(article: Article, comment: Comment) -> Shareable:
    return Shareable(
        url=f"{comment_address(article, comment.pk)}{comment.fragment}",
        title=f"{comment.author_name}: {article.title or article.site.name}",
        summary=comment.text[:SUMMARY_LENGTH],
        image=drawn_of(article, comment).picture().url,
        site_name=article.site.name,
    )


def _link(network: Network, shared: Shareable, article: Article, comment: Comment | None) -> ShareLink:
    redirect, told = redirect_url(network, article, comment), shared_over(network, article, shared)
    return {
        "network": network.key,
        "label": network.label,
        "url": None if network.kind is Kind.DEVICE else redirect,
        "target": redirect if network.asks_instance else networks.target(network, told),
    }
