"""Flat lists of comments: the latest of a site, and what one guest has waiting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from articles.models import Article, Site
from comments.models import Comment
from comments.selectors.rows import COLUMNS, WIDTH, CommentRow, fetch
from comments.selectors.snapshot import snapshot

_RECENT: Final = f"""
    SELECT {COLUMNS}, c.article_id
    FROM comments_comment AS c JOIN articles_article AS article ON article.id = c.article_id
    WHERE c.site_id = %(site)s AND c.status = 'approved' AND article.visibility = '{Article.Visibility.PUBLIC}'
    ORDER BY c.created_at DESC, c.id DESC LIMIT %(limit)s"""  # noqa: S608  (constants only)


@dataclass(frozen=True, slots=True)
class RecentComment:
    """A public comment and the article that it stands below."""

    comment: CommentRow
    article: Article


def recent_comments(site: Site, limit: int) -> list[RecentComment]:
    """Return the latest public comments of a site's public articles, newest first, in two SELECTs."""
    with snapshot():
        rows = fetch(_RECENT, {"site": site.pk, "limit": limit})
        articles = Article.objects.in_bulk({row[WIDTH] for row in rows})
    return [RecentComment(CommentRow._make(row[:WIDTH]), articles[row[WIDTH]]) for row in rows]


def held_comments(article: Article, ids: Iterable[int]) -> list[Comment]:
    """Return those of the comments `ids` that wait for a moderator below this article, oldest first."""
    pending = Comment.objects.of(article).filter(pk__in=list(ids), status=Comment.Status.PENDING)
    return list(pending.order_by("created_at", "id"))
