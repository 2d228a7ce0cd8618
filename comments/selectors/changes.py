"""What the public saw change in a thread since a version: enough to bring a page that was read then up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from articles.models import Article
from comments.selectors.rows import COLUMNS, SHOWN, WIDTH, CommentRow
from comments.selectors.snapshot import snapshot
from project.errors import Problem
from project.statements import fetch

MAX_CHANGES: Final = 500

_VERSION: Final = "SELECT coalesce((SELECT version FROM comments_thread WHERE article_id = %(article)s), 0)"

_CHANGED: Final = f"""
    SELECT {COLUMNS}, {SHOWN}, coalesce(c.shown_version > %(since)s, false), c.changed_version
    FROM comments_comment AS c
    WHERE c.article_id = %(article)s AND c.changed_version > %(since)s
    ORDER BY c.changed_version, c.depth, c.id LIMIT {MAX_CHANGES + 1}"""  # noqa: S608  (constants of this package only)


@dataclass(frozen=True, slots=True)
class Changed:
    """A comment that changed, as it is now, and the version in which it last did; `is_new` became visible since."""

    row: CommentRow
    is_shown: bool
    is_new: bool
    version: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Comments in the order of their change, parents before their replies.

    `added` became visible since the version asked for, `changed` look different, `removed` are ids of those that are
    to be seen no longer, some of which a reader of that version may never have seen.
    """

    version: int
    added: list[CommentRow]
    changed: list[CommentRow]
    removed: list[int]


def thread_changes(article: Article | None, *, since: int) -> Changes:
    """Return what changed in a thread since version `since`, in two SELECTs.

    Problem: too_old, where more than 500 comments changed or `since` is above the current version.
    """
    with snapshot():
        version = thread_version(article) if article else 0
        found = changed_since(article, since, version) if article else []
    if found is None or since > version:
        raise Problem("too_old", "Read the page again.")
    return Changes(
        version,
        added=[each.row for each in found if each.is_shown and each.is_new],
        changed=[each.row for each in found if each.is_shown and not each.is_new],
        removed=[each.row.id for each in found if not each.is_shown],
    )


def thread_version(article: Article) -> int:
    """Return how far a thread has come, 0 where nothing has happened yet."""
    return int(fetch(_VERSION, {"article": article.pk})[0][0])


def changed_since(article: Article, since: int, version: int) -> list[Changed] | None:
    """Return the comments that changed after `since`, in the order of their change and parents before their replies.

    `version` is the thread's own, read in the same snapshot. None: more than 500 changed, or `since` is above it.
    """
    if since == version:
        return []
    rows = fetch(_CHANGED, {"article": article.pk, "since": since}) if since < version else None
    if rows is None or len(rows) > MAX_CHANGES:
        return None
    return [Changed(CommentRow._make(row[:WIDTH]), *row[WIDTH:]) for row in rows]
