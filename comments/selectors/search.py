"""Full-text search in the public comments of one site, newest first.

The work of one answer is bounded, however common the words. It looks at the newest comments first, which answers for
common words. Rare words are found by their index, all of them. What is left are words that thousands of comments have
and the newest do not: for these it walks back so many comments and no more; the answer may then be short or empty, and
its cursor goes on from there. Order and cursors are by the immutable (created_at, id), so whichever way an answer was
found, the next goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from articles.models import Article
from comments.searching import Question, Words, conjunction, marked_excerpt, read_question, whole
from comments.selectors.branches import Position, pack, unpack
from comments.selectors.rows import COLUMNS, WIDTH, CommentRow
from comments.selectors.snapshot import in_time, snapshot
from project import cursors
from project.errors import Problem, refused_field
from project.statements import fetch

NEAR: Final = 1_000
FEW: Final = 5_000
FAR: Final = 20_000
TIMEOUT: Final = 3_000  # milliseconds; nothing that the tests know comes near

_SITE_AND_WORDS: Final = """
    SELECT site.id, found.number, found.words
    FROM articles_site AS site LEFT JOIN LATERAL (
        SELECT given.number, array_agg(word.lexeme ORDER BY place) AS words
        FROM unnest(%(terms)s::text[]) WITH ORDINALITY AS given (term, number),
            unnest(to_tsvector('pg_catalog.simple', comments_search_text(given.term))) AS word,
            unnest(word.positions) AS place
        GROUP BY given.number
    ) AS found ON true
    WHERE site.slug = %(site)s"""

_BEFORE_CURSOR: Final = """(e.created_at, e.comment_id)
        < (coalesce(%(created_at)s::timestamptz, 'infinity'), coalesce(%(id)s::bigint, 9223372036854775807))"""

# A scalar subquery, so that it is asked only of comments that have the words, one by one until there are enough.
_PUBLIC: Final = f"""(
        SELECT c.status = 'approved' AND article.visibility = '{Article.Visibility.PUBLIC}'
        FROM comments_comment AS c JOIN articles_article AS article ON article.id = c.article_id
        WHERE c.id = e.comment_id)"""  # noqa: S608  (constants only)

_NEWEST_FIRST: Final = "ORDER BY e.created_at DESC, e.comment_id DESC"


def _walk(length: int, condition: str) -> str:
    """Return the SELECT that looks at so many comments of the site, the newest first, until a page is full."""
    return f"""
        SELECT e.comment_id FROM (
            SELECT e.comment_id, e.created_at, e.terms FROM comments_searchentry AS e
            WHERE e.site_id = %(site)s AND {_BEFORE_CURSOR} AND {condition}
            {_NEWEST_FIRST} LIMIT {length}
        ) AS e
        WHERE e.terms @@ %(whole)s::tsquery AND {_PUBLIC}
        {_NEWEST_FIRST} LIMIT %(limit)s + 1"""  # noqa: S608  (constants only)


def _end_of_walk(length: int, condition: str) -> str:
    """Return the SELECT of the last comment that such a walk can look at; none where the site has no more."""
    return f"""
        SELECT e.created_at, e.comment_id FROM comments_searchentry AS e
        WHERE e.site_id = %(site)s AND {_BEFORE_CURSOR} AND {condition}
        {_NEWEST_FIRST} OFFSET {length - 1} LIMIT 1"""  # noqa: S608  (constants only)


_MANY: Final = "(SELECT are_many FROM many)"


def _page_sql(near: int, few: int, far: int) -> str:
    """Return the SELECT of a page that looks so far in each of its three ways."""
    return f"""
    WITH near AS MATERIALIZED ({_walk(near, "true")}),
    near_end AS MATERIALIZED ({_end_of_walk(near, "true")}),
    near_is_enough AS MATERIALIZED (
        SELECT (SELECT count(*) FROM near) > %(limit)s OR NOT EXISTS (SELECT FROM near_end) AS enough),
    few AS MATERIALIZED (
        SELECT e.comment_id, e.created_at, e.terms FROM comments_searchentry AS e
        WHERE e.terms @@ %(needed)s::tsquery AND NOT (SELECT enough FROM near_is_enough) LIMIT {few} + 1),
    many AS MATERIALIZED (SELECT count(*) > {few} AS are_many FROM few),
    rare AS MATERIALIZED (
        SELECT e.comment_id FROM (
            SELECT e.comment_id, e.created_at FROM few AS e
            WHERE NOT {_MANY} AND {_BEFORE_CURSOR} AND e.terms @@ %(whole)s::tsquery {_NEWEST_FIRST} OFFSET 0
        ) AS e WHERE {_PUBLIC} LIMIT %(limit)s + 1),
    far AS MATERIALIZED ({_walk(far, _MANY)}),
    far_end AS MATERIALIZED ({_end_of_walk(far, _MANY)}),
    found AS (
        SELECT comment_id FROM near WHERE (SELECT enough FROM near_is_enough)
        UNION ALL SELECT comment_id FROM rare UNION ALL SELECT comment_id FROM far)
    SELECT row.*, far_end.created_at, far_end.comment_id
    FROM (SELECT) AS one LEFT JOIN far_end ON true LEFT JOIN (
        SELECT {COLUMNS}, c.text, c.article_id, article.url, article.title
        FROM found JOIN comments_comment AS c ON c.id = found.comment_id
            JOIN articles_article AS article ON article.id = c.article_id
    ) AS row ON true
    ORDER BY row.created_at DESC, row.id DESC"""  # noqa: S608  (constants only)


_PAGE: Final = _page_sql(NEAR, FEW, FAR)


@dataclass(frozen=True)
class Hit:
    """A comment that was found, its article, and an excerpt in HTML with the words marked."""

    comment: CommentRow
    article: Article
    excerpt: str


@dataclass(frozen=True)
class SearchPage:
    """Comments that were found, newest first, and the cursor behind them, None at the end."""

    hits: list[Hit]
    next: str | None


def search_comments(site: str, query: str, *, cursor: str | None, limit: int) -> SearchPage:
    """Return a page of the public comments of a site that have what `query` asks for, in three statements.

    Problem: unknown_site, validation_failed on `q`, cursor_invalid, search_too_broad.
    """
    question = read_question(query)
    with snapshot(), _bounded():
        site_id, wanted, unwanted = _words(site, question)
        scope = f"search:{site_id}:{question.text}"
        position = unpack(*cursors.decode(scope, cursor)) if cursor is not None else None
        rows = fetch(_PAGE, _parameters(site_id, wanted, unwanted, position, limit))
    walked_to = Position(*rows[0][-2:]) if rows[0][-1] is not None else None
    found = [row for row in rows if row[0] is not None]
    hits = [_hit(row, wanted) for row in found[:limit]]
    if len(found) > limit:
        last = Position(hits[-1].comment.created_at, hits[-1].comment.id)
        return SearchPage(hits, cursors.encode(scope, *pack(last)))
    return SearchPage(hits, cursors.encode(scope, *pack(walked_to)) if walked_to else None)


@contextmanager
def _bounded() -> Iterator[None]:
    """Use the indexes, whatever the planner believes of words that it has no numbers for, and end in any case.

    Problem: search_too_broad.
    """
    with in_time(TIMEOUT, enable_seqscan="off", jit="off"):
        yield


def _words(site: str, question: Question) -> tuple[int, list[Words], list[Words]]:
    """Return the site's id and the words of each wanted and unwanted term.

    Problem: unknown_site; validation_failed where there is no word to look for.
    """
    terms = [*question.wanted, *question.unwanted]
    rows = fetch(_SITE_AND_WORDS, {"site": site, "terms": terms})
    if not rows:
        raise Problem("unknown_site", "There is no such site.")
    words = {number: found for _, number, found in rows if found}
    count = len(question.wanted)
    wanted = [words[number] for number in range(1, count + 1) if number in words]
    unwanted = [words[number] for number in range(count + 1, len(terms) + 1) if number in words]
    if not wanted:
        raise refused_field("q", "blank", "Give at least one word to look for.")
    return rows[0][0], wanted, unwanted


def _parameters(
    site_id: int, wanted: list[Words], unwanted: list[Words], position: Position | None, limit: int
) -> dict[str, Any]:
    created_at, comment_id = position or (None, None)
    return {
        "site": site_id,
        "needed": conjunction([f"@{site_id}", *(word for words in wanted for word in words)]),
        "whole": whole(wanted, unwanted),
        "created_at": created_at,
        "id": comment_id,
        "limit": limit,
    }


def _hit(row: tuple[Any, ...], wanted: list[Words]) -> Hit:
    text, article_id, url, title = row[WIDTH : WIDTH + 4]
    return Hit(
        CommentRow._make(row[:WIDTH]), Article(pk=article_id, url=url, title=title), marked_excerpt(text, wanted)
    )
