"""One SELECT that brings a list of comments with everything that an answer may show below them.

The database walks the tree level by level and stops as soon as the answer is full: at most REPLIES of each comment,
LEVELS below the list, COMMENTS in all, the oldest of a level first. So a page costs the same for any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from comments.selectors.rows import COLUMNS, SHOWN, WIDTH, CommentRow
from comments.threads import Branch, grow, walk
from project import cursors
from project.statements import fetch_prepared

REPLIES: Final = 10
LEVELS: Final = 10
COMMENTS: Final = 1_000

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

# `top` is a table of (id, place): the list to begin with, in its order, one row longer than wanted where there is more.
# A level takes what is left of the answer's room; `total` is what the levels down to this one have asked for.
# Replies are asked for as a range of (parent, time), which is how their index goes: of an equal parent the planner
# assumes the mean, a few rows, and might fetch and sort the thousands that some comment has.
# LATERAL ... OFFSET 0 keeps the planner from joining the whole table against its guess of the tree's size.
_BELOW: Final = f"""
    tree (id, created_at, shown_replies, level, place, total) AS (
        SELECT c.id, c.created_at, c.shown_replies, 0, top.place, count(*) OVER ()
        FROM top CROSS JOIN LATERAL (
            SELECT id, created_at, shown_replies FROM comments_comment WHERE id = top.id OFFSET 0
        ) AS c
        WHERE top.place <= %(limit)s
      UNION ALL
        SELECT id, created_at, shown_replies, level, place, total
        FROM (
            SELECT reply.id, reply.created_at, reply.shown_replies, parent.level + 1 AS level,
                row_number() OVER (ORDER BY reply.created_at, reply.id) AS place,
                parent.total AS before, parent.total + count(*) OVER () AS total
            FROM tree AS parent CROSS JOIN LATERAL (
                SELECT c.id, c.created_at, c.shown_replies FROM comments_comment AS c
                WHERE (c.parent_id, c.created_at) > (parent.id, '-infinity') AND c.parent_id <= parent.id AND {SHOWN}
                ORDER BY c.parent_id, c.created_at, c.id LIMIT {REPLIES}
            ) AS reply
            WHERE parent.shown_replies > 0 AND parent.level < {LEVELS} AND parent.total < {COMMENTS}
        ) AS candidate
        WHERE before + place <= {COMMENTS}
    )
    SELECT row.*, tree.level, (SELECT count(*) FROM top)
    FROM tree CROSS JOIN LATERAL (
        SELECT {COLUMNS} FROM comments_comment AS c WHERE c.id = tree.id OFFSET 0
    ) AS row
    ORDER BY tree.level, tree.place"""  # noqa: S608  (constants of this package only)


class Position(NamedTuple):
    """Where a list goes on: behind the comment of this time and id."""

    created_at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of comments with their branches; `has_more` says that the list itself goes on."""

    tops: list[Branch[CommentRow]]
    has_more: bool


def with_branches(top: str, parameters: dict[str, Any], limit: int) -> Listing:
    """Return the comments that the common table expressions `top` name, at most `limit`, with their branches.

    `top` is SQL of this package that ends with the expression `top (id, place)`; `parameters` are its values.
    """
    found = fetch_prepared(f"WITH RECURSIVE {top}, {_BELOW}", parameters | {"limit": limit})
    tops = grow(CommentRow._make(row[:WIDTH]) for row in found)
    for branch in walk(tops):
        if branch.is_cut:
            branch.next_replies = replies_cursor(branch)
    return Listing(tops, has_more=bool(found) and found[0][-1] > limit)


def replies_cursor(branch: Branch[CommentRow]) -> str:
    """Return the cursor that leads to those direct replies that come after the ones at hand."""
    last = position_of(branch.replies[-1].comment) if branch.replies else None
    return cursors.encode(replies_scope(branch.comment.id), *pack(last))


def replies_scope(comment_id: int) -> str:
    """Return what a cursor over a comment's direct replies is signed for."""
    return f"replies:{comment_id}"


def position_of(row: CommentRow) -> Position:
    return Position(row.created_at, row.id)


def pack(position: Position | None) -> list[int | None]:
    """Return a position as it travels in a cursor: microseconds since 1970 and the id, or two nulls for the start."""
    return [None, None] if position is None else [(position.created_at - EPOCH) // MICROSECOND, position.id]


def unpack(microseconds: int | None, comment_id: int | None) -> Position | None:
    """Return the position that `pack` wrote."""
    if microseconds is None or comment_id is None:
        return None
    return Position(EPOCH + microseconds * MICROSECOND, comment_id)
