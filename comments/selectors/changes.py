"""What the public saw change in a thread since a version: enough to bring a page that was read then up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from articles.models import Article
from comments.selectors.rows import COLUMNS, SHOWN, WIDTH, CommentRow, fetch
from comments.selectors.snapshot import snapshot
from project.errors import Problem

MAX_CHANGES: Final = 500

_VERSION: Final = "SELECT coalesce((SELECT version FROM comments_thread WHERE article_id = %(article)s), 0)"

_CHANGED: Final = f"""
    SELECT {COLUMNS}, {SHOWN}, coalesce(c.shown_version > %(since)s, false)
    FROM comments_comment AS c
    WHERE c.article_id = %(article)s AND c.changed_version > %(since)s
    ORDER BY c.changed_version, c.depth, c.id LIMIT {MAX_CHANGES + 1}"""  # noqa: S608  (constants of this package only)


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
    rows = []
    with snapshot():
        version = fetch(_VERSION, {"article": article.pk})[0][0] if article else 0
        if article and since < version:
            rows = fetch(_CHANGED, {"article": article.pk, "since": since})
    if since > version or len(rows) > MAX_CHANGES:
        raise Problem("too_old", "Read the page again.")
    changes = Changes(version, [], [], [])
    for *columns, shown, is_new in rows:
        row = CommentRow._make(columns[:WIDTH])
        if not shown:
            changes.removed.append(row.id)
        else:
            (changes.added if is_new else changes.changed).append(row)
    return changes
