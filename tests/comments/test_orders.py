"""Kept orders: what is kept and when, where their cursors lead, how long they live."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain
from threading import Event
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from articles.models import Article
from comments.models import Comment, ThreadOrder
from comments.selectors import orders, read_thread, snapshot
from comments.services.orders import keep_order, prune_orders
from comments.services.versions import Change, commit_change
from comments.tasks import prune_orders as prune_task
from project.transactions import in_transaction
from tests.factories import make_article, make_comment
from tests.forest import sow
from tests.reading import code, get
from tests.sketch import ids, pages, plant, read_page, refusal, thread

pytestmark = pytest.mark.django_db

RANKED = ["best", "hot", "controversial"]


def rate(root: int, **scores: float) -> None:
    """Give a comment scores as a vote does, with the version that goes with it."""

    def work() -> None:
        comment = Comment.objects.select_related("article").get(pk=root)
        Comment.objects.filter(pk=root).update(**scores)
        commit_change(Change(comment.article, changed=[root]))

    in_transaction(work)


def roots_of(article: Article, **options: Any) -> list[list[int]]:
    return [ids(page.branches) for page in pages(article, **options)]


# What is kept


@pytest.mark.parametrize("sort", RANKED)
def test_first_page_of_any_length_is_the_kept_order(sort: str) -> None:
    article = make_article()
    sow(article, [None] * 130)
    for limit in (1, 7, 100):
        page = read_page(article, sort=sort, limit=limit)
        kept = ThreadOrder.objects.get(article=article, sort=sort)
        assert ids(page.branches) == kept.ids[:limit]
    assert (kept.version, len(kept.ids), kept.site_id) == (page.version, 130, article.site_id)


def test_order_is_kept_only_where_a_page_goes_on_in_it() -> None:
    article = make_article()
    plant(article, [None] * 5)
    for sort in RANKED:
        read_page(article, sort=sort, limit=5)
    read_page(article, sort="newest", limit=1)
    assert not ThreadOrder.objects.exists()
    read_page(article, sort="best", limit=4)
    assert ThreadOrder.objects.get().sort == "best"


def test_change_that_leaves_the_order_alone_keeps_nothing_new() -> None:
    article = make_article()
    roots = [comment.pk for comment in plant(article, [None] * 6)]
    first = read_page(article, sort="best", limit=2)
    make_comment(article, Comment.objects.get(pk=roots[0]))
    rate(roots[5], best=0.5)
    again = read_page(article, sort="best", limit=2)
    assert again.version == first.version + 2
    assert ThreadOrder.objects.get().version == first.version
    assert again.next == first.next
    rate(roots[0], best=0.9)
    moved = read_page(article, sort="best", limit=2)
    assert ids(moved.branches) == [roots[0], roots[5]]
    assert sorted(ThreadOrder.objects.values_list("version", flat=True)) == [first.version, moved.version]


def test_first_thousand_roots_are_kept_and_the_others_follow_by_time() -> None:
    article = make_article()
    roots = sow(article, [None] * 1_130)
    ranked = list(Comment.objects.filter(article=article).order_by("-hot").values_list("pk", flat=True))
    first = read_page(article, sort="hot", limit=100)
    assert ThreadOrder.objects.get().ids == ranked[:1_000]
    late = make_comment(article)
    seen, page = ids(first.branches), first
    while page.next:
        page = read_page(article, sort="hot", limit=100, cursor=page.next)
        seen += ids(page.branches)
    assert seen[:1_000] == ranked[:1_000]
    assert seen[1_000:] == [late.pk, *sorted(set(roots) - set(ranked[:1_000]), reverse=True)]


# Where cursors lead


@pytest.mark.parametrize("sort", RANKED)
def test_pages_go_on_in_their_order_while_scores_change(sort: str) -> None:
    article = make_article()
    roots = [comment.pk for comment in plant(article, [None] * 9)]
    reader = Reader(article, sort)
    seen = reader.walk(3)
    rate(roots[0], **{sort: 10.0**9})
    rate(roots[8], **{sort: -5})
    new = make_comment(article, **{sort: 10.0**9})
    seen += reader.walk(3) + reader.walk(3)
    assert seen == roots[::-1]
    assert reader.walk(3) == [new.pk]
    assert reader.cursor is None
    assert roots_of(article, sort=sort, limit=4)[0][0] in {roots[0], new.pk}


class Reader:
    """One reader who goes from page to page."""

    def __init__(self, article: Article, sort: str) -> None:
        self.article, self.sort = article, sort
        self.cursor: str | None = None

    def walk(self, limit: int) -> list[int]:
        page = read_page(self.article, sort=self.sort, limit=limit, cursor=self.cursor)
        self.cursor = page.next
        return ids(page.branches)


def test_hidden_roots_are_passed_over_and_pages_stay_full() -> None:
    article = make_article()
    roots = [comment.pk for comment in plant(article, [None] * 12)][::-1]
    first = read_page(article, sort="best", limit=2)
    Comment.objects.filter(pk__in=roots[2:6]).update(status="removed")
    second = read_page(article, sort="best", limit=3, cursor=first.next)
    assert ids(second.branches) == roots[6:9]
    Comment.objects.filter(pk__in=roots[2:6]).update(status="approved")
    rest = read_page(article, sort="best", limit=50, cursor=second.next)
    assert (ids(rest.branches), rest.next) == (roots[9:], None)


def test_later_pages_follow_the_pins_that_their_first_page_showed() -> None:
    sketch = thread("a", "b*", "c", "d")
    first = read_page(sketch.article, sort="best", limit=2)
    Comment.objects.filter(pk=sketch["b"].pk).update(pinned_at=None)
    Comment.objects.filter(pk=sketch["a"].pk).update(pinned_at=timezone.now())
    rest = read_page(sketch.article, sort="best", cursor=first.next)
    assert ids(first.branches) + ids(rest.branches) == [sketch[name].pk for name in "bdca"]


def test_cursor_leads_on_only_where_it_was_given_out(client: Client) -> None:
    article, other = make_article(), make_article()
    plant(article, [None] * 9)
    plant(other, [None] * 9)
    read_page(other, sort="best", limit=1)
    cursor = get(client, "thread", article=article.pk, sort="best", limit=2).json()["next"]
    assert code(get(client, "thread", article=article.pk, sort="best", cursor=cursor, limit=0))[0] == 400
    wrong: list[dict[str, Any]] = [
        {"article": other.pk, "sort": "best"},
        *({"article": article.pk, "sort": sort} for sort in ("hot", "controversial", "newest", "oldest")),
        {"site": article.site.slug, "url": "https://news.example.org/fresh"},
    ]
    for query in wrong:
        assert code(get(client, "thread", cursor=cursor, **query)) == (400, "cursor_invalid")
    for forged in (cursor[:-1], cursor + "A", cursor[::-1], "é", "%00", "A" * 3_000):
        answer = get(client, "thread", article=article.pk, sort="best", cursor=forged)
        assert code(answer) == (400, "cursor_invalid")
    assert refusal(lambda: read_thread(article, sort="best", cursor=cursor, provider="disqus")) == "cursor_invalid"
    assert get(client, "thread", article=article.pk, sort="best", cursor=cursor).status_code == 200


# How long orders live


def test_cursor_whose_order_is_gone_says_so(client: Client) -> None:
    article = make_article()
    plant(article, [None] * 3)
    cursor = get(client, "thread", article=article.pk, limit=1).json()["next"]
    ThreadOrder.objects.all().delete()
    assert code(get(client, "thread", article=article.pk, cursor=cursor)) == (410, "cursor_expired")
    assert get(client, "thread", article=article.pk, limit=1).json()["next"]


def keep(article: Article, version: int, minutes: int, sort: str = "best", provider: str = "") -> ThreadOrder:
    created_at = timezone.now() - timedelta(minutes=minutes)
    fields: dict[str, Any] = {"sort": sort, "provider": provider, "version": version, "created_at": created_at}
    return ThreadOrder.objects.create(site_id=article.site_id, article=article, ids=[], **fields)


def test_order_is_forgotten_an_hour_after_there_is_a_newer_one() -> None:
    article, other = make_article(), make_article()
    gone = [keep(article, 1, 500), keep(article, 2, 70)]
    kept = [
        keep(article, 3, 65),
        keep(article, 4, 55),
        keep(article, 1, 500, sort="hot"),
        keep(article, 1, 500, provider="disqus"),
        keep(other, 1, 500),
    ]
    prune_task()
    assert set(ThreadOrder.objects.all()) == set(kept)
    assert not ThreadOrder.objects.filter(pk__in=[order.pk for order in gone]).exists()
    prune_task()
    assert ThreadOrder.objects.count() == len(kept)


def test_orders_are_forgotten_in_batches() -> None:
    article = make_article()
    for version in range(1, 8):
        keep(article, version, 200 - version)
    assert [prune_orders(4), prune_orders(4), prune_orders(4)] == [4, 2, 0]
    assert ThreadOrder.objects.get().version == 7


# Beside writers


@pytest.mark.django_db(transaction=True)
def test_page_that_cannot_keep_its_order_is_no_page(client: Client) -> None:
    article = make_article()
    plant(article, [None] * 3)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    try:
        answer = get(client, "thread", article=article.pk, limit=2)
        assert code(answer) == (503, "unavailable")
        assert answer["Retry-After"]
        assert get(client, "thread", article=article.pk, limit=3).status_code == 200
        assert get(client, "thread", article=article.pk, limit=2, sort="newest").status_code == 200
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET default_transaction_read_only")


@pytest.mark.django_db(transaction=True)
def test_order_is_that_of_its_page_though_votes_come_in_before_it_is_kept() -> None:
    article = make_article()
    roots = [comment.pk for comment in plant(article, [None] * 6)]

    def vote_elsewhere() -> None:
        try:
            rate(roots[0], best=0.9)
        finally:
            connection.close()

    with snapshot():
        page = read_thread(article, sort="best", limit=2)
        with ThreadPoolExecutor(1) as others:
            others.submit(vote_elsewhere).result()
    keep_order(page)
    rest = read_page(article, sort="best", cursor=page.next)
    assert ids(page.branches) + ids(rest.branches) == roots[::-1]
    assert read_page(article, sort="best", limit=1).version == page.version + 1


@pytest.mark.django_db(transaction=True)
def test_every_walk_sees_each_root_once_beside_writers() -> None:
    article = make_article()
    roots = [comment.pk for comment in plant(article, [None] * 40)]
    done = Event()

    def write(worker: int) -> None:
        try:
            number = 0
            while not done.is_set():
                number += 1
                rate(roots[(7 * number + worker) % 40], best=float(number % 11), hot=float(number % 7))
        finally:
            connection.close()

    def read(worker: int) -> list[list[int]]:
        try:
            sort = ("best", "hot")[worker % 2]
            return [list(chain(*roots_of(article, sort=sort, limit=3 + worker))) for _ in range(6)]
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as people:
        writers = [people.submit(write, worker) for worker in range(2)]
        try:
            walks = [walk for found in people.map(read, range(3)) for walk in found]
        finally:
            done.set()
        for writer in writers:
            writer.result()
    for walk in walks:
        assert sorted(walk) == roots
    assert ThreadOrder.objects.count() > 3


def test_order_shorter_than_the_page_is_gone_through_once() -> None:
    article = make_article()
    roots = [comment.pk for comment in plant(article, [None] * 9)]
    with patch.object(orders, "KEPT", 4):
        assert roots_of(article, sort="best", limit=3) == [roots[8:5:-1], roots[5:2:-1], roots[2::-1]]
