"""Walks through all pages of a thread that changes under the reader.

A program is drawn: a tree, an order, a length for each page, and what others do between two pages. Whatever it is, a
comment that the public could see all the time is met exactly once, and none is met twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articles.models import Article, Site
from comments.models import Comment
from comments.selectors import ReplyPage, ThreadPage, orders, read_replies
from comments.services.moderation import Moderator, decide, pin
from comments.services.voting import vote
from comments.voters import Voter
from project.errors import Problem
from tests.factories import make_article, make_comment
from tests.sketch import ids, plant, read_page

pytestmark = pytest.mark.django_db

Page = ThreadPage | ReplyPage


@dataclass(frozen=True)
class Act:
    """What somebody does to one comment; `number` counts round those that there are, `how` chooses within `kind`."""

    kind: str
    number: int
    how: int


@dataclass(frozen=True)
class Round:
    """A reader takes a page of `limit`; then others act."""

    limit: int
    acts: list[Act]


@dataclass(frozen=True)
class Program:
    parents: list[int | None]
    hidden: set[int]
    pinned: set[int]
    before: list[Act]
    rounds: list[Round]


ACTS = ["vote", "vote", "decide", "decide", "post a root", "post a reply", "pin", "unpin"]
STATUSES = ["approved", "removed", "approved", "spam", "pending", "rejected"]

acts = st.builds(Act, st.sampled_from(ACTS), st.integers(0, 20), st.integers(0, 5))


rounds = st.builds(Round, st.integers(1, 3), st.lists(acts, min_size=1, max_size=4))


@st.composite
def programs(draw: st.DrawFn, *, roots: bool) -> Program:
    count = draw(st.integers(6, 14))
    # A list needs something to page through: many roots, or many replies of the first comment.
    usual = st.none() if roots else st.just(0)
    parents = [draw(usual | usual | st.integers(0, number - 1)) if number else None for number in range(count)]
    return Program(
        parents=parents,
        hidden=draw(st.sets(st.integers(0, count - 1), max_size=count // 4)),
        pinned=draw(st.sets(st.integers(0, count - 1), max_size=4)),
        before=draw(st.lists(acts, min_size=1, max_size=5)),
        rounds=draw(st.lists(rounds, min_size=2, max_size=5)),
    )


def act(article: Article, step: Act) -> None:
    """Do it by the services that do it for everybody; what they refuse is not done."""
    comments = list(Comment.objects.filter(article=article).select_related("article__site").order_by("id"))
    comment = comments[step.number % len(comments)]
    try:
        if step.kind == "vote":
            vote(comment, Voter(f"voter-{step.how}", ""), step.number % 3 - 1)
        elif step.kind == "decide":
            decide(article.site, comment.pk, STATUSES[step.how], Moderator())
        elif step.kind == "post a root":
            make_comment(article)
        elif step.kind == "post a reply":
            make_comment(article, comment)
        else:
            pin(article.site, comment.pk, pinned=step.kind == "pin")
    except Problem as problem:
        assert problem.code in {"not_found", "pin_not_possible"}


def plant_thread(program: Program) -> Article:
    article = make_article()
    comments = plant(article, program.parents, seconds=len(program.parents) % 2, hidden=program.hidden)
    for number in sorted(program.pinned):
        if comments[number].parent_id is None and comments[number].is_approved:
            pin(article.site, comments[number].pk, pinned=True)
    return article


def walk(program: Program, article: Article, read: Callable[[str | None, int], Page], parent: int | None) -> None:
    """Go through all pages and assert that what stayed visible all the time was met once, and nothing twice."""

    def visible() -> set[int]:
        return set(Comment.objects.shown().filter(article=article, parent=parent).values_list("pk", flat=True))

    stayed = visible()
    seen: list[int] = []
    limits = cycle([each.limit for each in program.rounds])
    waiting = list(program.rounds)
    cursor: str | None = None
    # No program makes more comments than this, and no page but the last is empty.
    for _ in range(100):
        page = read(cursor, next(limits))
        seen += ids(page.branches)
        cursor = page.next
        if cursor is None:
            break
        for step in waiting.pop(0).acts if waiting else []:
            act(article, step)
            stayed &= visible()
    assert cursor is None, "the walk does not end"
    assert len(seen) == len(set(seen)), "met twice"
    assert stayed <= set(seen), "not met"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(program=programs(roots=True), sort=st.sampled_from(Site.Sort.values), kept=st.sampled_from([2, 5, orders.KEPT]))
def test_walk_meets_every_root_that_stayed_once(program: Program, sort: str, kept: int) -> None:
    article = plant_thread(program)
    # An order of a thousand roots is longer than these threads; a short one lets the walk come to its end.
    with patch.object(orders, "KEPT", kept):
        for step in program.before:
            # Another reader has begun, in an order that may be another by then.
            read_page(article, sort=sort, limit=1)
            act(article, step)
        walk(program, article, lambda cursor, limit: read_page(article, sort=sort, cursor=cursor, limit=limit), None)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(program=programs(roots=False))
def test_walk_meets_every_reply_that_stayed_once(program: Program) -> None:
    article = plant_thread(program)
    for step in program.before:
        act(article, step)
    first = Comment.objects.filter(article=article).earliest("pk").pk
    try:
        walk(program, article, lambda cursor, limit: read_replies(first, cursor=cursor, limit=limit), first)
    except Problem as problem:
        # The comment itself was hidden, and no visible reply made a tombstone of it.
        assert problem.code == "not_found"
        assert not Comment.objects.shown().filter(pk=first).exists()
