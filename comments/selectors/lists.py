"""Flat lists: the latest comments of a site, and its most discussed articles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from articles.models import Article, Site
from comments.selectors.rows import COLUMNS, WIDTH, CommentRow
from comments.selectors.snapshot import snapshot
from project.statements import fetch

_RECENT: Final = f"""
    SELECT {COLUMNS}, c.article_id
    FROM comments_comment AS c JOIN articles_article AS article ON article.id = c.article_id
    WHERE c.site_id = %(site)s AND c.status = 'approved' AND article.visibility = '{Article.Visibility.PUBLIC}'
    ORDER BY c.created_at DESC, c.id DESC LIMIT %(limit)s OFFSET %(start)s"""  # noqa: S608  (constants only)

_OF_ARTICLE: Final = f"""
    SELECT {COLUMNS} FROM comments_comment AS c
    WHERE c.article_id = %(article)s AND c.status = 'approved'
    ORDER BY c.id DESC LIMIT %(limit)s OFFSET %(start)s"""  # noqa: S608  (constants only)

_SITE_CHANGED: Final = """
    SELECT greatest(
        (SELECT max(changed_at) FROM comments_thread WHERE site_id = %(site)s),
        (SELECT max(updated_at) FROM articles_article WHERE site_id = %(site)s))"""

_ARTICLE_CHANGED: Final = "SELECT max(changed_at) FROM comments_thread WHERE article_id = %(article)s"

# Of a window with more comments than this the latest decide, so that a list costs no more on the largest site.
MOST: Final = 100_000

_DISCUSSED: Final = f"""
    SELECT article.id, article.url, article.title, found.recent,
        (SELECT coalesce(sum(counted.count), 0) FROM comments_threadcount AS counted
         WHERE counted.article_id = article.id)
    FROM (
        SELECT e.article_id, count(*) AS recent FROM (
            SELECT e.article_id FROM comments_searchentry AS e
            WHERE e.site_id = %(site)s AND e.created_at > now() - %(days)s * interval '1 day'
            ORDER BY e.created_at DESC, e.comment_id DESC LIMIT {MOST}
        ) AS e GROUP BY e.article_id
    ) AS found JOIN articles_article AS article ON article.id = found.article_id
    WHERE article.visibility = '{Article.Visibility.PUBLIC}'
    ORDER BY found.recent DESC, article.published_at DESC NULLS LAST, article.id DESC
    LIMIT %(limit)s"""  # noqa: S608  (constants only)


@dataclass(frozen=True, slots=True)
class DiscussedArticle:
    """A public article, with its public comments of a window and altogether."""

    article: Article
    recent: int
    total: int


@dataclass(frozen=True, slots=True)
class RecentComment:
    """A public comment and the article that it stands below."""

    comment: CommentRow
    article: Article


def recent_comments(site: Site, limit: int, start: int = 0) -> list[RecentComment]:
    """Return the latest public comments of a site's public articles from the `start`-th on, newest first.

    Two SELECTs.
    """
    with snapshot():
        rows = fetch(_RECENT, {"site": site.pk, "limit": limit, "start": start})
        articles = Article.objects.in_bulk({row[WIDTH] for row in rows})
    return [RecentComment(CommentRow._make(row[:WIDTH]), articles[row[WIDTH]]) for row in rows]


def recent_of_article(article: Article, limit: int, start: int = 0) -> list[RecentComment]:
    """Return the latest public comments of a public article from the `start`-th on, those that came last first.

    One SELECT.
    """
    rows = fetch(_OF_ARTICLE, {"article": article.pk, "limit": limit, "start": start})
    return [RecentComment(CommentRow._make(row), article) for row in rows]


def site_changed_at(site: Site) -> datetime:
    """Return when an article of the site, or what the public sees of a thread, was last changed, in one SELECT."""
    ((changed_at,),) = fetch(_SITE_CHANGED, {"site": site.pk})
    found: datetime = changed_at or site.created_at
    return found


def article_changed_at(article: Article) -> datetime:
    """Return when the article, or what the public sees of its thread, was last changed, in one SELECT."""
    ((changed_at,),) = fetch(_ARTICLE_CHANGED, {"article": article.pk})
    found: datetime = max(changed_at or article.updated_at, article.updated_at)
    return found


def most_discussed(site: Site, *, days: int, limit: int) -> list[DiscussedArticle]:
    """Return the public articles with the most public comments written in the last `days`, in one SELECT.

    Imported comments count on the day on which they were written. Among equals the newest article comes first.
    """
    rows = fetch(_DISCUSSED, {"site": site.pk, "days": days, "limit": limit})
    return [
        DiscussedArticle(Article(pk=article, url=url, title=title), recent, int(total))
        for article, url, title, recent, total in rows
    ]
