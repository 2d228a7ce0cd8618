"""A page of a thread, the replies of a comment, a comment with its ancestors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

import orjson

from articles.models import Article, Site
from comments.models import Comment, Provider
from comments.selectors.branches import (
    Listing,
    Position,
    pack,
    position_of,
    replies_scope,
    unpack,
    with_branches,
)
from comments.selectors.rows import COLUMNS, SHOWN, WIDTH, CommentRow, fetch
from comments.selectors.snapshot import snapshot
from comments.threads import Branch
from project import cursors
from project.errors import Problem

PINNED: Final = 5
ANCESTORS: Final = 50
DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100

_HEAD: Final = """
    SELECT coalesce((SELECT version FROM comments_thread WHERE article_id = %(article)s), 0),
        (SELECT json_object_agg(provider, count)::text FROM comments_threadcount WHERE article_id = %(article)s)"""

# Pinned roots take places of the first page; its cursor names them, so that the later pages leave out just these.
_ROOTS: Final = """
    pinned AS MATERIALIZED (
        SELECT c.id, row_number() OVER (ORDER BY c.pinned_at DESC, c.id DESC) AS place
        FROM comments_comment AS c
        WHERE %(first)s AND c.article_id = %(article)s AND c.parent_id IS NULL AND c.status = 'approved'
          AND c.pinned_at IS NOT NULL AND (%(provider)s::text IS NULL OR c.provider = %(provider)s::text)
        ORDER BY place LIMIT least({pinned}, %(limit)s)
    ),
    ordinary AS MATERIALIZED (
        SELECT c.id, c.created_at FROM comments_comment AS c
        WHERE c.article_id = %(article)s AND c.parent_id IS NULL AND {shown}
          AND (%(provider)s::text IS NULL OR c.provider = %(provider)s::text)
          AND (%(id)s::bigint IS NULL OR (c.created_at, c.id) {after} (%(created_at)s::timestamptz, %(id)s::bigint))
          AND c.id <> ALL(CASE WHEN %(first)s THEN ARRAY(SELECT id FROM pinned) ELSE %(pinned)s::bigint[] END)
        ORDER BY c.created_at {order}, c.id {order}
        LIMIT %(limit)s + 1
    ),
    top (id, place) AS (
        SELECT id, place FROM pinned
      UNION ALL
        SELECT id, (SELECT count(*) FROM pinned) + row_number() OVER (ORDER BY created_at {order}, id {order})
        FROM ordinary
    )"""

_TOPS: Final = {
    Site.Sort.NEWEST: _ROOTS.format(pinned=PINNED, shown=SHOWN, after="<", order="DESC"),
    Site.Sort.OLDEST: _ROOTS.format(pinned=PINNED, shown=SHOWN, after=">", order="ASC"),
}

_REPLIES: Final = f"""
    top (id, place) AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY created_at, id)
        FROM (
            SELECT c.id, c.created_at FROM comments_comment AS c
            WHERE c.parent_id = %(parent)s AND {SHOWN}
              AND (%(id)s::bigint IS NULL OR (c.created_at, c.id) > (%(created_at)s::timestamptz, %(id)s::bigint))
            ORDER BY c.created_at, c.id LIMIT %(limit)s + 1
        ) AS reply
    )"""  # noqa: S608  (constants of this package only)

_ONE: Final = "top (id, place) AS (SELECT %(comment)s::bigint, 1::bigint)"

_ANCESTORS: Final = f"""
    WITH RECURSIVE path (id, step) AS (
        SELECT %(parent)s::bigint, 1
      UNION ALL
        SELECT c.parent_id, path.step + 1 FROM path JOIN comments_comment AS c ON c.id = path.id
        WHERE path.step < {ANCESTORS}
    )
    SELECT row.*
    FROM path CROSS JOIN LATERAL (
        SELECT {COLUMNS} FROM comments_comment AS c WHERE c.id = path.id OFFSET 0
    ) AS row
    ORDER BY path.step DESC"""  # noqa: S608  (constants of this package only)


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """One page of a thread, all of it from one state of the database.

    `article` is None for a page that nobody has written on. `counts` has the public comments of every provider.
    `is_behind` says that the caller has heard of a later version than this one, so nobody should keep the page.
    """

    article: Article | None
    version: int
    sort: str
    counts: dict[str, int]
    branches: list[Branch[CommentRow]]
    next: str | None = None
    is_behind: bool = False

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class ReplyPage:
    """Some direct replies of a comment, each with its branch, and the cursor to the rest."""

    article: Article
    branches: list[Branch[CommentRow]]
    next: str | None


@dataclass(frozen=True, slots=True)
class Permalink:
    """A comment with its branch, and its nearest ancestors, the outermost first."""

    article: Article
    branch: Branch[CommentRow]
    ancestors: list[CommentRow]


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a page of roots begins, and the roots that its first page has shown ahead of the order."""

    position: Position | None
    pinned: list[int] | None


def read_thread(
    article: Article | None,
    *,
    sort: str = Site.Sort.NEWEST,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    provider: str | None = None,
    at_least: int | None = None,
) -> ThreadPage:
    """Return a page of `limit` (1 to 100) roots in the order `sort`, with their branches, in two SELECTs.

    `provider` keeps only branches whose root came from there. Whether the article is public is the caller's affair.
    Problem: sort_unknown; cursor_invalid for a cursor of another thread, sort or provider.
    """
    if sort not in _TOPS:
        raise Problem("sort_unknown", f"Comments can be sorted by {', '.join(_TOPS)}.")
    scope = f"thread:{article.pk if article else None}:{sort}:{provider or ''}"
    start = _start(scope, cursor)
    if article is None:
        return ThreadPage(None, 0, sort, _every_provider({}), [], None, is_behind=bool(at_least))
    with snapshot():
        version, counts = _head(article)
        listing = _roots(article, sort, start, limit, provider)
    next_cursor = _next_roots(scope, start, listing) if listing.has_more else None
    behind = at_least is not None and at_least > version
    return ThreadPage(article, version, sort, counts, listing.tops, next_cursor, behind)


def thread_counts(article: Article) -> dict[str, int]:
    """Return the number of public comments for each provider, zeros included, in one SELECT."""
    return _head(article)[1]


def read_replies(comment_id: int, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> ReplyPage:
    """Return the direct replies of a comment, oldest first, from `cursor` on, in two SELECTs.

    Problem: not_found for a comment that the public may not see; cursor_invalid.
    """
    scope = replies_scope(comment_id)
    position = unpack(*cursors.decode(scope, cursor)) if cursor is not None else None
    with snapshot():
        article = _article_of(comment_id)
        listing = with_branches(_REPLIES, {"parent": comment_id, **_behind(position)}, limit)
    last = position_of(listing.tops[-1].comment) if listing.has_more else None
    return ReplyPage(article, listing.tops, cursors.encode(scope, *pack(last)) if last else None)


def read_comment(comment_id: int) -> Permalink:
    """Return a comment with its branch and its 50 nearest ancestors, in three SELECTs.

    Problem: not_found for a comment that the public may not see.
    """
    with snapshot():
        article = _article_of(comment_id)
        branch = with_branches(_ONE, {"comment": comment_id}, 1).tops[0]
        ancestors = _ancestors(branch.comment.parent_id)
    return Permalink(article, branch, ancestors)


def _start(scope: str, cursor: str | None) -> _Start:
    if cursor is None:
        return _Start(None, None)
    microseconds, comment_id, *pinned = cursors.decode(scope, cursor)
    return _Start(unpack(microseconds, comment_id), pinned)


def _head(article: Article) -> tuple[int, dict[str, int]]:
    version, counts = fetch(_HEAD, {"article": article.pk})[0]
    return version, _every_provider(orjson.loads(counts or "{}"))


def _every_provider(counts: dict[str, int]) -> dict[str, int]:
    return {provider.value: counts.get(provider.value, 0) for provider in Provider}


def _roots(article: Article, sort: str, start: _Start, limit: int, provider: str | None) -> Listing:
    parameters = {
        "article": article.pk,
        "provider": provider,
        "first": start.pinned is None,
        "pinned": start.pinned or [],
        **_behind(start.position),
    }
    return with_branches(_TOPS[Site.Sort(sort)], parameters, limit)


def _behind(position: Position | None) -> dict[str, Any]:
    return {"created_at": position.created_at, "id": position.id} if position else {"created_at": None, "id": None}


def _next_roots(scope: str, start: _Start, listing: Listing) -> str:
    """Return the cursor behind the page; its position is that of the last root in the order, pinned ones aside."""
    rows = [branch.comment for branch in listing.tops]
    pinned = start.pinned if start.pinned is not None else _ahead(rows)
    ordinary = rows if start.pinned is not None else rows[len(pinned) :]
    position = position_of(ordinary[-1]) if ordinary else start.position
    return cursors.encode(scope, *pack(position), *pinned)


def _ahead(rows: Iterable[CommentRow]) -> list[int]:
    """Return the ids of the roots that stand before the order: the pinned ones with which a first page begins."""
    first = list(rows)[:PINNED]
    return [row.id for row in takewhile(lambda row: row.pinned_at is not None, first)]


def _article_of(comment_id: int) -> Article:
    shown = Comment.objects.shown().filter(pk=comment_id, article__visibility=Article.Visibility.PUBLIC)
    article = Article.objects.filter(pk__in=shown.values("article")).select_related("site").first()
    if article is None:
        raise Problem("not_found", f"There is no comment {comment_id}.")
    return article


def _ancestors(parent_id: int | None) -> list[CommentRow]:
    if parent_id is None:
        return []
    return [CommentRow._make(row[:WIDTH]) for row in fetch(_ANCESTORS, {"parent": parent_id})]
