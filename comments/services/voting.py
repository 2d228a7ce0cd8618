"""The one door for votes: each voter has one on a comment, to change and to take back, and the counters follow it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from comments import ranking
from comments.models import Comment
from comments.services.versions import Change, commit_change, thread_version
from comments.tokens import proven
from comments.voters import Voter
from project.errors import Problem
from project.transactions import in_transaction

UP, NONE, DOWN = 1, 0, -1

# All votes on one comment follow one another, so that the limit of a network holds and each vote sees the one before.
# A statement of its own: what is read with the lock may be older than the lock.
_LOCK: Final = """
    SELECT up, down FROM comments_comment
    WHERE id = %(comment)s AND article_id = %(article)s AND status = 'approved' FOR NO KEY UPDATE"""

_KNOWN: Final = "known AS (SELECT value FROM comments_vote WHERE comment_id = %(comment)s AND voter_key = %(voter)s)"

# Whoever has a vote here may change it, however many others of her network have one.
_CAST: Final = """
    given AS (
        INSERT INTO comments_vote AS v (site_id, article_id, comment_id, voter_key, network_key, value, created_at)
        SELECT %(site)s, %(article)s, %(comment)s, %(voter)s, %(network)s, %(value)s, now()
        WHERE %(limit)s = 0 OR %(network)s = '' OR EXISTS (SELECT FROM known) OR %(limit)s > (
            SELECT count(*) FROM (
                SELECT FROM comments_vote
                WHERE comment_id = %(comment)s AND network_key = %(network)s AND network_key <> '' LIMIT %(limit)s
            ) AS near)
        ON CONFLICT (comment_id, voter_key) DO UPDATE SET value = excluded.value WHERE v.value <> excluded.value
        RETURNING value)"""

# What a reader gave before she signed in is hers: it becomes her account's vote, unless that has one already.
_ADOPT: Final = """
    UPDATE comments_vote SET voter_key = %(voter)s, network_key = ''
    WHERE comment_id = %(comment)s AND voter_key = %(former)s
      AND NOT EXISTS (SELECT FROM comments_vote WHERE comment_id = %(comment)s AND voter_key = %(voter)s)"""

_WITHDRAW: Final = """
    given AS (
        DELETE FROM comments_vote WHERE comment_id = %(comment)s AND voter_key = %(voter)s
        RETURNING 0 AS value)"""

_MOVED: Final = """
    moved AS (
        SELECT (given.value = 1)::int - coalesce((known.value = 1)::int, 0) AS up,
            (given.value = -1)::int - coalesce((known.value = -1)::int, 0) AS down
        FROM given LEFT JOIN known ON true)"""

_COUNT: Final = f"""
    UPDATE comments_comment AS c
    SET up = c.up + moved.up,
        down = c.down + moved.down,
        best = {ranking.best_sql("c.up + moved.up", "c.down + moved.down")},
        hot = {ranking.hot_sql("c.up + moved.up", "c.down + moved.down", "c.created_at")},
        controversial = {ranking.controversial_sql("c.up + moved.up", "c.down + moved.down")}
    FROM moved WHERE c.id = %(comment)s
    RETURNING c.up, c.down"""  # noqa: S608  (constants only)

_VOTE: Final = {
    value: f"""
    WITH {_KNOWN},{_WITHDRAW if value == NONE else _CAST},{_MOVED}, counted AS ({_COUNT})
    SELECT (SELECT value FROM known), (SELECT up FROM counted), (SELECT down FROM counted)"""  # noqa: S608
    for value in (UP, NONE, DOWN)
}


@dataclass(frozen=True, slots=True)
class Voted:
    """The comment's votes, the voter's own among them (1, 0 or -1), and the version of the thread."""

    up: int
    down: int
    value: int
    version: int


def vote(comment: Comment, voter: Voter, value: int, *, edit_tokens: Iterable[str] = ()) -> Voted:
    """Give a public comment this voter's vote: 1, -1, or 0 to take it back; the same again changes nothing.

    The vote and the comment's numbers change together. Closed comments do not end voting. `edit_tokens` are those
    that the voter holds: nobody votes on what she wrote.
    Problem: votes_off, vote_own_comment, vote_limit; not_found, where the comment has just gone or moved.
    """
    if voter.reader_id is None and not comment.article.site.anonymous_votes:
        raise Problem("votes_off", "This site takes no votes of readers without an account.")
    is_hers = voter.reader_id is not None and comment.reader_id == voter.reader_id
    if is_hers or comment.voter_key in {voter.key, voter.former or voter.key} or proven(edit_tokens, [comment]):
        raise Problem("vote_own_comment", "This comment is your own.")
    return in_transaction(lambda: _vote(comment, voter, value))


def _vote(comment: Comment, voter: Voter, value: int) -> Voted:
    article = comment.article
    parameters: dict[str, Any] = {
        "site": article.site_id,
        "article": article.pk,
        "comment": comment.pk,
        "voter": voter.key,
        "former": voter.former,
        "network": voter.network,
        "limit": article.site.votes_per_network,
        "value": value,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, parameters)
        before = cursor.fetchone()
        if before is None:
            raise Problem("not_found", f"There is no comment {comment.pk} to vote on.")
        up, down = before
        if voter.former:
            cursor.execute(_ADOPT, parameters)
            cursor.execute(_VOTE[NONE], {**parameters, "voter": voter.former})
            _, new_up, new_down = cursor.fetchone()
            up, down = (up, down) if new_up is None else (new_up, new_down)
        cursor.execute(_VOTE[value], parameters)
        known, new_up, new_down = cursor.fetchone()
    if new_up is not None:
        up, down = new_up, new_down
    elif (known or NONE) != value:
        raise Problem("vote_limit", "Your network has given this comment all the votes that it may.")
    if (up, down) == before:
        return Voted(up, down, value, thread_version(article))
    return Voted(up, down, value, commit_change(Change(article, changed=[comment.pk], pushed=False)))
