"""What one answer holds of a thread, single comments, flat lists, how many SELECTs each takes, and one picture."""

from __future__ import annotations

import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from articles.models import Article
from comments.models import Comment
from comments.selectors import (
    CommentRow,
    held_comments,
    read_comment,
    read_replies,
    read_thread,
    recent_comments,
    snapshot,
    thread_counts,
)
from comments.serializers import thread_data
from comments.threads import Branch, walk
from tests.factories import make_article, make_comment, make_site
from tests.sketch import ids, pages, plant, refusal, thread

pytestmark = pytest.mark.django_db


# What one answer holds


def test_at_most_ten_replies_of_each_comment_and_a_cursor_to_the_rest() -> None:
    article = make_article()
    root, *replies = plant(article, [None, *[0] * 25])
    [top] = read_thread(article).branches
    assert ids(top.replies) == [reply.pk for reply in replies[:10]]
    assert top.next_replies
    page = read_replies(root.pk, cursor=top.next_replies, limit=10)
    assert ids(page.branches) == [reply.pk for reply in replies[10:20]]
    last = read_replies(root.pk, cursor=page.next, limit=10)
    assert (ids(last.branches), last.next) == ([reply.pk for reply in replies[20:]], None)


def test_ten_replies_are_not_cut() -> None:
    article = make_article()
    plant(article, [None, *[0] * 10])
    [top] = read_thread(article).branches
    assert top.next_replies is None


def test_ten_levels_below_the_roots_and_a_cursor_to_the_next() -> None:
    article = make_article()
    line = [comment.pk for comment in plant(article, [None, *range(299)])]
    shown = list(walk(read_thread(article).branches))
    assert ids(shown) == line[:11]
    assert [branch.next_replies is not None for branch in shown] == [False] * 10 + [True]
    seen = ids(shown)
    while cursor := shown[-1].next_replies:
        shown = list(walk(read_replies(seen[-1], cursor=cursor).branches))
        seen += ids(shown)
    assert seen == line


@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_comments_level_by_level_the_oldest_first(seed: int) -> None:
    chance = random.Random(seed)
    count, roots = 3_000, chance.choice([3, 40, 100])
    parents = [None if i < roots else chance.randrange(max(0, i - chance.choice([30, 3_000])), i) for i in range(count)]
    hidden = {i for i in range(count) if chance.random() < 0.2}
    article = make_article()
    comments = plant(article, parents, hidden=hidden)
    page = read_thread(article, sort="oldest", limit=100)
    assert {row.id for row in expected(comments)} == set(ids(walk(page.branches)))
    assert len(list(walk(page.branches))) <= 1_000
    for branch in walk(page.branches):
        assert (branch.next_replies is not None) == (branch.comment.shown_replies > len(branch.replies))


def expected(comments: list[Comment]) -> list[Comment]:
    """Fill an answer as the contract says it, comment by comment."""
    replies = defaultdict(list)
    for comment in comments:
        if comment.is_approved or comment.shown_replies:
            replies[comment.parent_id].append(comment)
    level = replies[None][:100]
    answer = list(level)
    for _ in range(10):
        below = [reply for parent in level for reply in replies[parent.pk][:10]]
        level = sorted(below, key=lambda comment: (comment.created_at, comment.pk))[: 1_000 - len(answer)]
        answer += level
    return answer


def test_every_comment_can_be_reached_by_following_cursors() -> None:
    chance = random.Random(7)
    article = make_article()
    comments = plant(article, [None if i < 5 else chance.randrange(max(0, i - 40), i) for i in range(1_500)])
    seen: list[int] = []
    waiting = [branch for page in pages(article, limit=2) for branch in page.branches]
    while waiting:
        shown = list(walk(waiting))
        seen += ids(shown)
        waiting = [reply for branch in shown if branch.next_replies for reply in all_replies(branch)]
    assert sorted(seen) == [comment.pk for comment in comments]


def all_replies(branch: Branch[CommentRow]) -> list[Branch[CommentRow]]:
    cursor, found = branch.next_replies, []
    while cursor:
        page = read_replies(branch.comment.id, cursor=cursor, limit=3)
        found += page.branches
        cursor = page.next
    return found


# One comment


def test_replies_of_a_comment_start_with_the_oldest() -> None:
    sketch = thread("a", "  b", "    c", "  d!", "  e")
    page = read_replies(sketch["a"].pk)
    assert ids(page.branches) == [sketch["b"].pk, sketch["e"].pk]
    assert ids(page.branches[0].replies) == [sketch["c"].pk]


def test_comment_comes_with_its_branch_and_its_nearest_fifty_ancestors() -> None:
    article = make_article()
    line = [comment.pk for comment in plant(article, [None, *range(99)])]
    found = read_comment(line[80])
    assert [row.id for row in found.ancestors] == line[30:80]
    assert ids(walk([found.branch])) == line[80:91]
    assert read_comment(line[0]).ancestors == []


def test_comment_that_the_public_may_not_see_is_not_found() -> None:
    sketch = thread("a", "  b?", "c!", "  d")
    assert refusal(lambda: read_comment(sketch["b"].pk)) == "not_found"
    assert refusal(lambda: read_replies(sketch["b"].pk)) == "not_found"
    assert refusal(lambda: read_comment(2**70)) == "not_found"
    assert read_comment(sketch["c"].pk).branch.comment.html is None
    Article.objects.filter(pk=sketch.article.pk).update(visibility="hidden")
    assert refusal(lambda: read_comment(sketch["a"].pk)) == "not_found"
    assert refusal(lambda: read_replies(sketch["a"].pk)) == "not_found"


# Lists


def test_latest_comments_are_public_ones_of_public_articles_of_that_site() -> None:
    site = make_site()
    sketch = thread("a", "  b", "c?", "d!", article=make_article(site))
    make_comment(make_article(site, visibility="hidden"))
    make_comment(make_article())
    found = recent_comments(site, 10)
    assert [each.comment.id for each in found] == [sketch["b"].pk, sketch["a"].pk]
    assert {each.article for each in found} == {sketch.article}
    assert [each.comment.id for each in recent_comments(site, 1)] == [sketch["b"].pk]


def test_held_comments_are_pending_ones_of_that_article() -> None:
    sketch, other = thread("a?", "b", "c?", "d!"), thread("x?")
    every = [comment.pk for comment in [*sketch.comments.values(), *other.comments.values()]]
    assert held_comments(sketch.article, every) == [sketch["a"], sketch["c"]]
    assert held_comments(sketch.article, []) == []


# Queries


@pytest.mark.parametrize(
    "parents",
    [
        pytest.param([None] * 3, id="3 roots"),
        pytest.param([None] * 300, id="300 roots"),
        pytest.param([None, *[0] * 299], id="a star"),
        pytest.param([None, *range(299)], id="a chain"),
        pytest.param([None if i < 100 else i - 100 for i in range(2_000)], id="2,000 comments"),
        pytest.param([], id="nothing"),
    ],
)
def test_page_takes_two_selects_whatever_the_thread(
    parents: list[int | None], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    article = make_article()
    comments = plant(article, parents)
    with django_assert_num_queries(2):
        page = read_thread(article, limit=100)
        thread_data(page)
    if page.next:
        with django_assert_num_queries(2):
            read_thread(article, cursor=page.next)
    if comments:
        with django_assert_num_queries(2):
            read_replies(comments[0].pk)
        with django_assert_num_queries(3 if comments[-1].depth else 2):
            read_comment(comments[-1].pk)
        with django_assert_num_queries(2):
            recent_comments(article.site, 100)
    with django_assert_num_queries(1):
        thread_counts(article)


# One picture


@pytest.mark.django_db(transaction=True)
def test_page_shows_one_state_while_others_write() -> None:
    sketch = thread("a")

    def write_elsewhere() -> None:
        try:
            make_comment(sketch.article, created_at=timezone.now() + timedelta(days=1))
        finally:
            connection.close()

    with snapshot():
        before = read_thread(sketch.article)
        with ThreadPoolExecutor(1) as others:
            others.submit(write_elsewhere).result()
        after = read_thread(sketch.article)
    assert (after.version, ids(after.branches)) == (before.version, ids(before.branches)) == (1, [sketch["a"].pk])
    assert read_thread(sketch.article).version == 2


@pytest.mark.django_db(transaction=True)
def test_nothing_can_be_written_while_reading() -> None:
    with pytest.raises(DatabaseError, match="read-only"), snapshot():
        make_site()
    make_site()


def test_reading_inside_a_transaction_sees_its_own_writes() -> None:
    article = make_article()
    with snapshot():
        make_comment(article)
        assert read_thread(article).version == 1
