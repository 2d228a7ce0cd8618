"""The last statement of every transaction that changes what the public sees of a thread.

One statement raises the thread's version by one and stamps every changed comment with it. It locks the thread's row,
which all writers of a thread share, for no longer than the COMMIT that follows: so versions are commit order. Locks are
taken in one order everywhere: comments from the deepest up, then counters, then the thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db import transaction

from articles.models import Article
from comments import ranking
from comments.models import Comment
from project.snapshots.push import announce
from project.statements import fetch_prepared


@dataclass
class Change:
    """What one transaction changes in a thread.

    `counted` adds to the public comments of a provider; `changed` are ids of comments that look different now;
    `shown` those among them that became visible; `new` is a comment still to be inserted. Web processes are told at
    once, unless it is not `pushed`: then they see it when they next read versions, within a second.
    """

    article: Article
    counted: dict[str, int] = field(default_factory=dict)
    changed: list[int] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    new: Comment | None = None
    pushed: bool = True


_ADDED = "SELECT provider, added FROM unnest(%s::text[], %s::int[]) AS given (provider, added)"

# A row's check is made before its conflict is found, so a new row must not begin below zero.
_COUNT = """
    INSERT INTO comments_threadcount AS tc (site_id, article_id, provider, count)
    SELECT %s, %s, provider, greatest(added, 0) FROM added ORDER BY provider
    ON CONFLICT (article_id, provider)
    DO UPDATE SET count = tc.count + (SELECT added.added FROM added WHERE added.provider = tc.provider)
    RETURNING 1"""

# Reading `counted` first makes the counters' locks come before the thread's.
_MOVE = """
    INSERT INTO comments_thread AS t (site_id, article_id, version, changed_at)
    SELECT %s, %s, 1, now() FROM (SELECT count(*) FROM counted) AS locked
    ON CONFLICT (article_id) DO UPDATE SET version = t.version + 1, changed_at = now()
    RETURNING version"""

_STAMP = """
    UPDATE comments_comment AS c
    SET changed_version = moved.version,
        shown_version = CASE WHEN c.id = ANY(%s) THEN moved.version ELSE c.shown_version END
    FROM moved WHERE c.id = ANY(%s)"""


def commit_change(change: Change) -> int:
    """Write the change's counters, version and stamps (and its new comment) and return the new version.

    Nothing may be written after it in the same transaction.
    """
    site_id, article_id = change.article.site_id, change.article.pk
    providers = list(change.counted)
    parameters: list[Any] = [providers, [change.counted[p] for p in providers], site_id, article_id]
    parameters += [site_id, article_id, change.shown, change.changed]
    steps = [f"added AS ({_ADDED})", f"counted AS ({_COUNT})", f"moved AS ({_MOVE})", f"stamped AS ({_STAMP})"]
    if change.new is not None:
        sql, values = _insertion(change.new, versioned=True)
        steps.append(f"inserted AS ({sql} FROM moved RETURNING 1)")
        parameters += values
    statement = f"WITH {', '.join(steps)} SELECT version, now() FROM moved"  # noqa: S608 (parts are constants)
    ((version, now),) = fetch_prepared(statement, parameters)
    if change.new is not None:
        _know_times(change.new, now)
    if change.pushed:
        transaction.on_commit(partial(announce, article_id, version), robust=True)
    return int(version)


def insert(comment: Comment) -> None:
    """Write a comment that the public does not see yet: no version moves."""
    sql, values = _insertion(comment)
    ((now,),) = fetch_prepared(f"{sql} RETURNING now()", values)
    _know_times(comment, now)


def _know_times(comment: Comment, now: datetime) -> None:
    comment.created_at = now
    comment.published_at = now if comment.is_approved else None


def _insertion(comment: Comment, *, versioned: bool = False) -> tuple[str, list[Any]]:
    """Return `INSERT … SELECT …` and its parameters for a comment whose id is already drawn.

    Where it is `versioned` its versions are the new one of `moved`; the time is the database's, and so is the score
    that hangs on it.
    """
    sql, names = _insertion_sql(versioned, comment.is_approved)
    return sql, [getattr(comment, name) for name in names]


@cache
def _insertion_sql(versioned: bool, approved: bool) -> tuple[str, list[str]]:
    """Return the statement, and the attributes of a comment that are its parameters."""
    computed = {"created_at": "now()", "hot": ranking.unvoted_hot_sql("now()")}
    if approved:
        computed["published_at"] = "now()"
    if versioned:
        computed |= dict.fromkeys(("changed_version", "shown_version"), "moved.version")
    fields = [field.attname for field in Comment._meta.concrete_fields]
    expressions = ", ".join(computed.get(name, "%s") for name in fields)
    sql = f"INSERT INTO comments_comment ({', '.join(fields)}) SELECT {expressions}"
    return sql, [name for name in fields if name not in computed]


def thread_version(article: Article) -> int:
    """Return the version of an article's thread; 0 while nothing has happened in it."""
    rows = fetch_prepared("SELECT version FROM comments_thread WHERE article_id = %s", [article.pk])
    return int(rows[0][0]) if rows else 0
