"""A page of a thread, the replies of a comment, a comment with its ancestors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from articles.models import Article, Site
from comments.models import Comment, Provider, ThreadOrder
from comments.selectors.branches import Position, pack, position_of, replies_scope, unpack, with_branches
from comments.selectors.orders import RootList, read_head, read_ranked_head, to_be_kept
from comments.selectors.roots import next_cursor, read_cursor, read_roots
from comments.selectors.rows import COLUMNS, SHOWN, WIDTH, CommentRow
from comments.selectors.snapshot import snapshot
from comments.threads import Branch
from project import cursors
from project.errors import Problem
from project.statements import fetch_prepared

ANCESTORS: Final = 50
DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100

_REPLIES: Final = f"""
    top (id, place) AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY created_at, id)
        FROM (
            SELECT c.id, c.created_at FROM comments_comment AS c
            WHERE (c.parent_id, c.created_at, c.id) > (%(parent)s, %(created_at)s::timestamptz, %(id)s::bigint)
              AND c.parent_id <= %(parent)s AND {SHOWN}
            ORDER BY c.parent_id, c.created_at, c.id LIMIT %(limit)s + 1
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


@dataclass(slots=True)
class ThreadPage:
    """One page of a thread, all of it from one state of the database.

    `article` is None for a page that nobody has written on. `counts` has the public comments of every provider.
    `next` leads on only while the database has the order that it goes on in: `order` is that order where it is still
    to be written. `is_behind` says that the caller has heard of a later version than this one, so nobody should keep
    the page.
    """

    article: Article | None
    version: int
    sort: str
    counts: dict[str, int]
    branches: list[Branch[CommentRow]]
    next: str | None = None
    order: ThreadOrder | None = None
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

    `provider` keeps only branches whose root came from there. Whether the article is public is the caller's affair,
    and so is the page's `order`, where it has one: `comments.services.orders.keep_order` before `next` is given out.
    Problem: sort_unknown; cursor_invalid for a cursor of another thread, sort or provider; cursor_expired.
    """
    if sort not in Site.Sort:
        raise Problem("sort_unknown", f"Comments can be sorted by {', '.join(Site.Sort)}.")
    if article is None:
        if cursor is not None:
            raise Problem("cursor_invalid")
        return ThreadPage(None, 0, sort, _every_provider({}), [], is_behind=bool(at_least))
    roots = RootList(article, Site.Sort(sort), provider or "")
    start = read_cursor(roots, cursor)
    with snapshot():
        head = read_ranked_head(roots, start.order) if roots.is_ranked else read_head(article)
        listing = read_roots(roots, start, head.order, limit)
    page = ThreadPage(article, head.version, sort, _every_provider(head.counts), listing.tops)
    if listing.has_more:
        page.next, page.order = next_cursor(roots, start, head.order, listing), to_be_kept(roots, head.order)
    page.is_behind = at_least is not None and at_least > head.version
    return page


def thread_counts(article: Article) -> dict[str, int]:
    """Return the number of public comments for each provider, zeros included, in one SELECT."""
    return _every_provider(read_head(article).counts)


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


def _every_provider(counts: dict[str, int]) -> dict[str, int]:
    return {provider.value: counts.get(provider.value, 0) for provider in Provider}


def _behind(position: Position | None) -> dict[str, Any]:
    return {"created_at": position.created_at, "id": position.id} if position else {"created_at": "-infinity", "id": 0}


def _article_of(comment_id: int) -> Article:
    shown = Comment.objects.shown().filter(pk=comment_id, article__visibility=Article.Visibility.PUBLIC)
    article = Article.objects.filter(pk__in=shown.values("article")).select_related("site", "thread").first()
    if article is None:
        raise Problem("not_found", f"There is no comment {comment_id}.")
    return article


def _ancestors(parent_id: int | None) -> list[CommentRow]:
    if parent_id is None:
        return []
    return [CommentRow._make(row[:WIDTH]) for row in fetch_prepared(_ANCESTORS, {"parent": parent_id})]
