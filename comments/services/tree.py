"""Counters along the path from a comment to its root, kept exact while visibility changes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from comments.models import Comment


@dataclass(frozen=True)
class Flip:
    """A comment above the changed one that became, or ceased to be, a tombstone."""

    id: int
    shown: bool


_STEP = """
    UPDATE comments_comment
    SET shown_replies = shown_replies + %(shown)s,
        reply_count = reply_count + CASE WHEN id = %(parent)s OR depth = 0 THEN %(approved)s ELSE 0 END
    WHERE id = %(id)s
    RETURNING parent_id, depth, status, shown_replies"""


def adjust_ancestors(comment: Comment, *, approved: int, shown: int) -> list[Flip]:
    """Carry a change of `comment` up its path and return the ancestors whose visibility flipped.

    `approved` and `shown` are +1, 0 or -1: by how much the comment's being approved, and its standing in the tree,
    has changed. The walk goes on while a tombstone appears or vanishes; each step is one UPDATE whose new row
    alone decides about the next, so parallel walks cannot
    miscount. The root counts every approved comment of its branch.
    """
    flips: list[Flip] = []
    node, root_done = comment.parent_id, False
    with connection.cursor() as cursor:
        while node is not None:
            cursor.execute(_STEP, {"id": node, "parent": comment.parent_id, "shown": shown, "approved": approved})
            parent, depth, status, shown_replies = cursor.fetchone()
            root_done = depth == 0
            stands_alone = status != Comment.Status.APPROVED
            flipped = stands_alone and ((shown > 0 and shown_replies == 1) or (shown < 0 and shown_replies == 0))
            if not flipped:
                break
            flips.append(Flip(node, shown > 0))
            node = parent
        if comment.parent_id is not None and not root_done and approved:
            cursor.execute(
                "UPDATE comments_comment SET reply_count = reply_count + %s WHERE id = %s",
                [approved, comment.root_id],
            )
    return flips
