"""What a request brings to show that a comment is its sender's, and how long a comment stays its author's to change.

This is the one place that says whose a comment is: by the edit token of a guest, or by the session of a reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from comments.models import Comment, Provider
from comments.tokens import proven

# The others are a moderator's word: what she took away its author does not change any more.
AUTHORS_MAY_CHANGE: Final = frozenset({Comment.Status.PENDING, Comment.Status.APPROVED})


@dataclass(frozen=True)
class Claim:
    """Edit tokens, not proven yet, and the reader whose session it is, None without one."""

    edit_tokens: Sequence[str] = ()
    reader_id: int | None = None

    def __bool__(self) -> bool:
        return bool(self.edit_tokens) or self.reader_id is not None

    def covers(self, comment: Comment) -> bool:
        """Say whether the comment is the sender's own."""
        return bool(self.own([comment]))

    def own(self, comments: Iterable[Comment]) -> list[Comment]:
        """Return those of `comments` that are the sender's own, in their order.

        No token was ever given out for an imported comment: its author proves who she is, and claims it.
        """
        given = list(comments)
        by_token = {comment.pk for comment in proven(self.edit_tokens, given) if comment.provider == Provider.NATIVE}
        return [comment for comment in given if comment.pk in by_token or self._is_readers(comment)]

    def _is_readers(self, comment: Comment) -> bool:
        return self.reader_id is not None and comment.reader_id == self.reader_id


def is_in_time(comment: Comment, now: datetime, minutes: int) -> bool:
    """Say whether the author may still change what she wrote; `now` is the database's clock, 0 minutes are never."""
    return minutes > 0 and now - comment.created_at <= timedelta(minutes=minutes)
