"""Reading threads: orders, pages and cursors, tombstones, pinned roots."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from django.utils import timezone

from comments.models import Comment
from comments.selectors import (
    read_replies,
    read_thread,
    thread_counts,
)
from comments.serializers import thread_data
from comments.threads import walk
from tests.factories import make_article, make_comment
from tests.sketch import Sketch, ids, pages, plant, refusal, thread

pytestmark = pytest.mark.django_db


def drawn(sketch: Sketch, **options: Any) -> list[str]:
    return sketch.draw(thread_data(read_thread(sketch.article, **options))["comments"])


# Orders


def test_newest_root_first_and_replies_oldest_first() -> None:
    sketch = thread("a", "  b", "    c", "  d", "e")
    assert drawn(sketch) == ["e", "a", "  b", "    c", "  d"]


def test_oldest_root_first() -> None:
    sketch = thread("a", "  b", "e", "  f")
    assert drawn(sketch, sort="oldest") == ["a", "  b", "e", "  f"]


def test_sort_that_does_not_exist_is_refused() -> None:
    article = make_article()
    assert refusal(lambda: read_thread(article, sort="worst")) == "sort_unknown"
    assert refusal(lambda: read_thread(None, sort="")) == "sort_unknown"


@pytest.mark.parametrize("sort", ["newest", "oldest"])
@pytest.mark.parametrize("seconds", [0, 1])
def test_pages_show_every_root_once_even_where_times_are_equal(sort: str, seconds: int) -> None:
    article = make_article()
    roots = [comment.pk for comment in plant(article, [None] * 23, seconds=seconds)]
    found = [ids(page.branches) for page in pages(article, sort=sort, limit=5)]
    assert [len(page) for page in found] == [5, 5, 5, 5, 3]
    assert list(chain(*found)) == (roots if sort == "oldest" else roots[::-1])


def test_page_that_ends_with_the_last_root_has_no_next() -> None:
    article = make_article()
    plant(article, [None] * 5)
    assert read_thread(article, limit=5).next is None
    assert read_thread(article, limit=4).next is not None


def test_posts_between_two_pages_neither_repeat_nor_hide_a_root() -> None:
    article = make_article()
    roots = plant(article, [None] * 6)
    first = read_thread(article, limit=3)
    make_comment(article)
    second = read_thread(article, limit=3, cursor=first.next)
    assert ids(first.branches) + ids(second.branches) == [root.pk for root in reversed(roots)]


def test_pages_of_one_provider_have_its_roots_with_all_their_replies() -> None:
    sketch = thread("a", provider="disqus")
    thread("b", "  c", article=sketch.article, provider="wordpress")
    make_comment(sketch.article, sketch["a"], provider="native")
    page = read_thread(sketch.article, provider="disqus")
    assert (ids(page.branches), len(list(walk(page.branches)))) == ([sketch["a"].pk], 2)
    assert page.counts == thread_counts(sketch.article)
    assert {name: number for name, number in page.counts.items() if number} == {
        "native": 1,
        "wordpress": 2,
        "disqus": 1,
    }
    assert page.total == 4


# Cursors


def test_cursor_leads_on_only_where_it_was_given_out() -> None:
    article, other = make_article(), make_article()
    plant(article, [None, None, None])
    plant(other, [None, None, None])
    cursor = read_thread(article, limit=1).next
    assert cursor
    elsewhere = [
        lambda: read_thread(other, cursor=cursor),
        lambda: read_thread(article, cursor=cursor, sort="oldest"),
        lambda: read_thread(article, cursor=cursor, provider="native"),
        lambda: read_thread(None, cursor=cursor),
        lambda: read_replies(Comment.objects.latest("pk").pk, cursor=cursor),
        lambda: read_thread(article, cursor=cursor[:-1] + ("A" if cursor[-1] != "A" else "B")),
        lambda: read_thread(article, cursor=""),
        lambda: read_thread(article, cursor="é" * 10),
    ]
    assert {refusal(call) for call in elsewhere} == {"cursor_invalid"}


# Tombstones


def test_hidden_comment_above_public_ones_is_a_tombstone_and_otherwise_absent() -> None:
    sketch = thread("a!", "  b?", "    c", "d!", "e", "  f?", "  g!", "    h!")
    assert drawn(sketch, sort="oldest") == ["a!", "  b!", "    c", "e"]


def test_what_a_tombstone_hides_stays_in_the_database() -> None:
    sketch = thread("a!", "  b", author_name="Secret", author_url="https://secret.example", edited_at=timezone.now())
    [top] = read_thread(sketch.article).branches
    assert (top.comment.author_name, top.comment.author_url, top.comment.html) == (None, None, None)
    assert (top.comment.status, top.comment.edited_at) == ("removed", None)
    make_comment(sketch.article, status="spam", body="Buy")
    assert "Buy" not in str(read_thread(sketch.article))


def test_no_row_carries_an_address_of_a_person() -> None:
    sketch = thread("a", author_email="ben@example.org")
    assert "ben@example.org" not in str(read_thread(sketch.article))


# Pinned roots


def test_pinned_roots_come_first_and_are_left_out_of_later_pages() -> None:
    sketch = thread("a", "b*", "c", "d*", "e")
    assert drawn(sketch, limit=3) == ["d*", "b*", "e"]
    assert [ids(page.branches) for page in pages(sketch.article, limit=3)][1] == [sketch["c"].pk, sketch["a"].pk]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 50])
def test_pins_take_places_of_the_page_and_no_root_is_lost(limit: int) -> None:
    sketch = thread("a", "b*", "c", "d*", "e")
    found = [ids(page.branches) for page in pages(sketch.article, limit=limit)]
    assert all(len(page) <= limit for page in found)
    assert sorted(chain(*found)) == sorted(comment.pk for comment in sketch.comments.values())


def test_at_most_five_are_pinned_and_the_rest_keep_their_place() -> None:
    sketch = thread("a*", "b*", "c*", "d*", "e*", "f*", "g")
    assert drawn(sketch)[:6] == ["f*", "e*", "d*", "c*", "b*", "g"]
    _, second = pages(sketch.article, limit=6)
    assert ids(second.branches) == [sketch["a"].pk]


def test_later_pages_follow_the_pins_that_their_first_page_showed() -> None:
    sketch = thread("a", "b*", "c", "d")
    first = read_thread(sketch.article, limit=2)
    Comment.objects.filter(pk=sketch["b"].pk).update(pinned_at=None)
    Comment.objects.filter(pk=sketch["a"].pk).update(pinned_at=timezone.now())
    rest = read_thread(sketch.article, cursor=first.next)
    assert ids(first.branches) + ids(rest.branches) == [sketch[name].pk for name in "bdca"]


def test_pinned_root_that_was_removed_keeps_its_ordinary_place() -> None:
    sketch = thread("a*!", "  b", "c")
    assert drawn(sketch) == ["c", "a!", "  b"]
