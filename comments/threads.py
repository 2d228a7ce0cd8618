"""The tree of a conversation as a pure function of its rows: any depth, no recursion, time linear in the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar


class Placed(Protocol):
    """What the tree needs to know of a comment; `shown_replies` counts the direct replies that the public may see."""

    @property
    def id(self) -> int: ...
    @property
    def parent_id(self) -> int | None: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def shown_replies(self) -> int: ...


Row = TypeVar("Row", bound=Placed)


@dataclass(slots=True)
class Branch(Generic[Row]):
    """A comment with those of its replies that are at hand, oldest first.

    `next_replies` is the cursor that leads to the direct replies left out, None where none was.
    """

    comment: Row
    replies: list[Branch[Row]] = field(default_factory=list)
    next_replies: str | None = None

    @property
    def is_cut(self) -> bool:
        """Whether the public may see more direct replies than are at hand."""
        return self.comment.shown_replies > len(self.replies)


def grow(rows: Iterable[Row]) -> list[Branch[Row]]:
    """Nest rows, given in any order and each once, below their parents.

    Rows whose parent is not among them become the tops and keep the order given; replies come oldest first, the
    lower id first at the same instant.
    """
    branches = {row.id: Branch(row) for row in rows}
    tops: list[Branch[Row]] = []
    for branch in branches.values():
        parent = branches.get(branch.comment.parent_id) if branch.comment.parent_id is not None else None
        (tops if parent is None else parent.replies).append(branch)
    for branch in branches.values():
        if len(branch.replies) > 1:
            branch.replies.sort(key=_age)
    return tops


def walk(tops: Iterable[Branch[Row]]) -> Iterator[Branch[Row]]:
    """Yield every branch in reading order: a comment, then everything below it, then its next sibling."""
    waiting = list(tops)[::-1]
    while waiting:
        branch = waiting.pop()
        yield branch
        waiting.extend(reversed(branch.replies))


def _age(branch: Branch[Row]) -> tuple[datetime, int]:
    return branch.comment.created_at, branch.comment.id
