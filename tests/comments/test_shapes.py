"""Large threads of extreme shapes: what one answer holds of them, and that its cost does not grow with them."""

from __future__ import annotations

from collections import defaultdict

import pytest
from pytest_django import DjangoAssertNumQueries

from articles.models import Article, Site
from comments.models import Comment
from comments.selectors import CommentRow, orders, read_comment, read_replies, read_thread
from comments.serializers import thread_data
from comments.services.orders import keep_order
from comments.threads import Branch, walk
from tests.factories import make_article
from tests.forest import Parents, chain, random_tree, sow, star
from tests.sketch import ids

pytestmark = pytest.mark.django_db

MANY = 20_000
LONG = 5_000

BY = {
    "newest": ("-created_at", "-id"),
    "oldest": ("created_at", "id"),
    **{sort: (f"-{sort}", "-created_at", "-id") for sort in orders.RANKED},
}


def expected(roots: list[int], replies: dict[int | None, list[int]]) -> set[int]:
    """Fill an answer as the contract says it; ids rise with the time, so a level is filled in their order."""
    answer, level = list(roots), roots
    for _ in range(10):
        level = sorted(reply for parent in level for reply in replies[parent][:10])[: 1_000 - len(answer)]
        answer += level
    return set(answer)


@pytest.mark.parametrize(
    "parents",
    [
        pytest.param(chain(MANY), id="chain"),
        pytest.param(star(MANY), id="star"),
        pytest.param(random_tree(MANY), id="random tree"),
        pytest.param(random_tree(MANY, roots=0), id="random tree of one root"),
    ],
)
def test_answer_is_cut_as_agreed_under_every_sort(
    parents: Parents, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    article = make_article()
    sow(article, parents)
    replies: dict[int | None, list[int]] = defaultdict(list)
    for comment, parent in Comment.objects.filter(article=article).order_by("id").values_list("id", "parent_id"):
        replies[parent].append(comment)
    for sort in Site.Sort.values:
        cursor = None
        ordered = list(
            Comment.objects.filter(article=article, parent=None).order_by(*BY[sort]).values_list("pk", flat=True)
        )
        for number in range(2):
            roots = ordered[number * 100 : number * 100 + 100]
            if not roots:
                break
            with django_assert_num_queries(2):
                page = read_thread(article, sort=sort, limit=100, cursor=cursor)
                shown = list(walk(page.branches))
                thread_data(page)
            assert ids(page.branches) == roots
            assert set(ids(shown)) == expected(roots, replies)
            check_branches(shown, replies)
            keep_order(page)
            cursor = page.next


def check_branches(shown: list[Branch[CommentRow]], replies: dict[int | None, list[int]]) -> None:
    for branch in shown:
        below = replies[branch.comment.id]
        assert ids(branch.replies) == below[: len(branch.replies)], "the oldest first, without gaps"
        assert (branch.next_replies is None) == (len(branch.replies) == len(below))


@pytest.fixture
def line() -> list[int]:
    return sow(make_article(), chain(LONG))


def test_whole_chain_is_walked_by_following_its_cursors(
    line: list[int], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    shown = list(walk(read_thread(Article.objects.get(), sort="best").branches))
    seen = ids(shown)
    while cursor := shown[-1].next_replies:
        with django_assert_num_queries(2):
            shown = list(walk(read_replies(seen[-1], cursor=cursor).branches))
        assert len(shown) <= 11
        seen += ids(shown)
    assert seen == line


def test_comment_at_the_end_of_a_chain_has_its_nearest_ancestors(
    line: list[int], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):
        found = read_comment(line[-1])
    assert [row.id for row in found.ancestors] == line[-51:-1]
    assert found.branch.comment.depth == LONG - 1


def test_all_replies_of_a_star_are_walked_in_pages() -> None:
    root, *replies = sow(make_article(), star(LONG))
    [top] = read_thread(Article.objects.get()).branches
    seen, cursor = ids(top.replies), top.next_replies
    while cursor:
        page = read_replies(root, cursor=cursor, limit=100)
        seen += ids(page.branches)
        cursor = page.next
    assert seen == replies
