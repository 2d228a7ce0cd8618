"""Numbers for many pages at once, the same few SELECTs for one and for a hundred."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from articles.models import Article, ArticleKey
from comments.models import Provider
from project.addresses import canonical_url
from project.errors import Problem
from project.statements import fetch

ShareCounts = Callable[[Collection[int]], Mapping[int, int]]

_share_counts: list[ShareCounts] = []

_COUNTS: Final = f"""
    SELECT site.id, site.version, key.key, article.id, thread.version, counted.provider, counted.count
    FROM articles_site AS site
    LEFT JOIN articles_articlekey AS key
        ON key.site_id = site.id AND key.kind = '{ArticleKey.Kind.URL}' AND key.key = ANY(%(keys)s)
    LEFT JOIN articles_article AS article
        ON article.id = key.article_id AND article.visibility = '{Article.Visibility.PUBLIC}'
    LEFT JOIN comments_thread AS thread ON thread.article_id = article.id
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


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of some pages in the order asked, and the versions of site (id, version) and threads that they show.

    `all_known` says that every address has a public article.
    """

    pages: list[PageCounts]
    site: tuple[int, int]
    versions: dict[int, int]
    all_known: bool


def register_share_counts(count: ShareCounts) -> None:
    """Let an upper app say how often articles were shared: ids of articles in, {id: number} out, in one SELECT.

    Called once, while apps are loaded; without it all shares are 0.
    """
    _share_counts[:] = [count]


def page_counts(site: str, urls: Sequence[str]) -> Counts:
    """Return the counts of each address in the order asked; unknown, foreign and impossible ones are zeros.

    Problem: unknown_site.
    """
    keys = [_key(url) for url in urls]
    rows = fetch(_COUNTS, {"site": site, "keys": sorted({key for key in keys if key})})
    if not rows:
        raise Problem("unknown_site", f"There is no site {site}.")
    comments: dict[str, dict[str, int]] = {}
    articles: dict[str, int] = {}
    versions: dict[int, int] = {}
    for _, _, key, article, version, provider, count in rows:
        if article is not None:
            articles[key], versions[article] = article, version or 0
            comments.setdefault(key, {})[provider] = count
    shares = _shares(sorted(versions))
    pages = [PageCounts(url) for url in urls]
    for page, key in zip(pages, keys, strict=True):
        if key in articles:
            page.comments.update((name, comments[key].get(name, 0)) for name in page.comments)
            page.shares = shares.get(articles[key], 0)
    return Counts(pages, rows[0][:2], versions, all_known=all(key in articles for key in keys))


def _key(url: str) -> str | None:
    try:
        return canonical_url(url)
    except Problem:
        return None


def _shares(articles: Sequence[int]) -> Mapping[int, int]:
    return _share_counts[0](articles) if _share_counts else {}
