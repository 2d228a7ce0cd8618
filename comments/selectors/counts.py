"""Numbers for many pages at once, the same few SELECTs for one and for a hundred."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from articles.models import Article, ArticleKey
from comments.models import Provider
from comments.selectors.rows import fetch
from project.addresses import canonical_url
from project.errors import Problem

ShareCounts = Callable[[Collection[int]], Mapping[int, int]]

_share_counts: list[ShareCounts] = []

_COUNTS: Final = f"""
    SELECT key.key, article.id, counted.provider, counted.count
    FROM articles_site AS site
    LEFT JOIN articles_articlekey AS key
        ON key.site_id = site.id AND key.kind = '{ArticleKey.Kind.URL}' AND key.key = ANY(%(keys)s)
    LEFT JOIN articles_article AS article
        ON article.id = key.article_id AND article.visibility = '{Article.Visibility.PUBLIC}'
    LEFT JOIN comments_threadcount AS counted ON counted.article_id = article.id
    WHERE site.slug = %(site)s"""  # noqa: S608  (constants of the models only)


@dataclass(slots=True)
class PageCounts:
    """Public comments of one page by provider, and how often it was shared."""

    url: str
    comments: dict[str, int] = field(default_factory=lambda: {provider.value: 0 for provider in Provider})
    shares: int = 0

    @property
    def total(self) -> int:
        return sum(self.comments.values())


def register_share_counts(count: ShareCounts) -> None:
    """Let an upper app say how often articles were shared: ids of articles in, {id: number} out, in one SELECT.

    Called once, while apps are loaded; without it all shares are 0.
    """
    _share_counts[:] = [count]


def page_counts(site: str, urls: Sequence[str]) -> list[PageCounts]:
    """Return the counts of each address in the order asked; unknown, foreign and impossible ones are zeros.

    Problem: unknown_site.
    """
    keys = [_key(url) for url in urls]
    rows = fetch(_COUNTS, {"site": site, "keys": sorted({key for key in keys if key})})
    if not rows:
        raise Problem("unknown_site", f"There is no site {site}.")
    comments: dict[str, dict[str, int]] = {}
    articles: dict[str, int] = {}
    for key, article, provider, count in rows:
        if article is not None:
            articles[key] = article
            comments.setdefault(key, {})[provider] = count
    shares = _shares(sorted(set(articles.values())))
    pages = [PageCounts(url) for url in urls]
    for page, key in zip(pages, keys, strict=True):
        if key in articles:
            page.comments.update((name, comments[key].get(name, 0)) for name in page.comments)
            page.shares = shares.get(articles[key], 0)
    return pages


def _key(url: str) -> str | None:
    try:
        return canonical_url(url)
    except Problem:
        return None


def _shares(articles: Sequence[int]) -> Mapping[int, int]:
    return _share_counts[0](articles) if _share_counts else {}
