"""Threads drawn as indented lines, on the way in and on the way out, so that a failing test looks like the thread.

    thread("a", "  b", "  c!", "    d", "e?", "f*")

Two blanks for each level; after the name `!` is a removed comment, `?` a held one, `*` a pinned one. What comes out is
drawn the same way: `!` marks a tombstone, `…` a comment with more replies than are shown, `*` a pinned one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from articles.models import Article
from comments import ranking
from comments.models import Comment, Thread, ThreadCount
from comments.selectors import CommentRow, ThreadPage, read_thread
from comments.services.orders import keep_order
from comments.threads import Branch
from project.errors import Problem
from tests.factories import make_article, make_comment

MORNING = datetime(2026, 3, 1, 6, tzinfo=UTC)
STATUSES = {"!": "removed", "?": "pending"}


@dataclass
class Sketch:
    """A thread of comments with names."""

    article: Article
    comments: dict[str, Comment]

    def __getitem__(self, name: str) -> Comment:
        """Return the comment of this name as the database has it now."""
        return Comment.objects.get(pk=self.comments[name].pk)

    def draw(self, comments: Iterable[dict[str, Any]]) -> list[str]:
        """Return comments of an answer, nested, as the lines that `thread` takes."""
        names = {comment.pk: name for name, comment in self.comments.items()}
        lines: list[str] = []
        waiting = [(0, data) for data in comments][::-1]
        while waiting:
            level, data = waiting.pop()
            marks = "*" * data["pinned"] + "!" * (data["author"] is None) + "…" * (data["next_replies"] is not None)
            lines.append("  " * level + names[data["id"]] + marks)
            waiting.extend((level + 1, reply) for reply in reversed(data["replies"]))
        return lines


def thread(*lines: str, article: Article | None = None, **fields: Any) -> Sketch:
    """Write the comments of the lines, a second apart from one another, the first the oldest."""
    sketch = Sketch(article or make_article(), {})
    path: list[Comment] = []
    for number, line in enumerate(lines):
        name = line.strip(" !?*")
        level = (len(line) - len(line.lstrip())) // 2
        del path[level:]
        created_at = MORNING + timedelta(seconds=number)
        status = next((status for mark, status in STATUSES.items() if mark in line), "approved")
        pinned_at = created_at if "*" in line else None
        comment = make_comment(
            sketch.article,
            path[-1] if path else None,
            **({"body": name, "status": status, "created_at": created_at, "pinned_at": pinned_at} | fields),
        )
        path.append(comment)
        sketch.comments[name] = comment
    return sketch


def ids(branches: Iterable[Branch[CommentRow]]) -> list[int]:
    return [branch.comment.id for branch in branches]


def pages(article: Article, **options: Any) -> list[ThreadPage]:
    """Return all pages of a thread, following its cursors."""
    found = [read_page(article, **options)]
    while found[-1].next:
        found.append(read_page(article, cursor=found[-1].next, **options))
    return found


def read_page(article: Article, **options: Any) -> ThreadPage:
    """Return a page whose cursor leads on, as the doors give it out."""
    page = read_thread(article, **options)
    keep_order(page)
    return page


def refusal(call: Callable[[], object]) -> str:
    """Return the code of the Problem that `call` raises."""
    with pytest.raises(Problem) as caught:
        call()
    return caught.value.code


def plant(
    article: Article, parents: Sequence[int | None], *, hidden: AbstractSet[int] = frozenset(), seconds: int = 1
) -> list[Comment]:
    """Write a large thread at once: comment `i` is a reply to comment `parents[i]`, an earlier one, or a root.

    Those numbered in `hidden` are removed. `seconds` lie between two comments. Counters are worked out here, by
    another way than the services'.
    """
    first = reserve_ids(len(parents))
    comments = [
        Comment(
            id=first + number,
            site_id=article.site_id,
            article=article,
            depth=0,
            author_name="Ben",
            author_email="ben@example.org",
            source=str(number),
            html=f"<p>{number}</p>\n",
            text=str(number),
            renderer=1,
            status="removed" if number in hidden else "approved",
            created_at=MORNING + timedelta(seconds=number * seconds),
            hot=ranking.hot(0, 0, MORNING + timedelta(seconds=number * seconds)),
            published_at=MORNING,
        )
        for number in range(len(parents))
    ]
    for comment, parent in zip(comments, parents, strict=True):
        above = comments[parent] if parent is not None else None
        comment.parent_id = above.pk if above else None
        comment.depth = above.depth + 1 if above else 0
        comment.root_id = above.root_id if above else comment.pk
    _count(comments, first)
    Comment.objects.bulk_create(comments)
    public = len(comments) - len(hidden)
    Thread.objects.create(site_id=article.site_id, article=article, version=public)
    ThreadCount.objects.create(site_id=article.site_id, article=article, provider="native", count=public)
    return comments


def _count(comments: list[Comment], first: int) -> None:
    for comment in reversed(comments):
        if comment.parent_id is None:
            continue
        parent, root = comments[comment.parent_id - first], comments[comment.root_id - first]
        parent.shown_replies += comment.is_approved or comment.shown_replies > 0
        for counter in {parent.pk: parent, root.pk: root}.values():
            counter.reply_count += comment.is_approved


def reserve_ids(count: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(min(id), 0) FROM (SELECT nextval(pg_get_serial_sequence('comments_comment', 'id')) AS id"
            " FROM generate_series(1, %s)) AS reserved",
            [count],
        )
        return int(cursor.fetchone()[0])
