"""The ranked sorts: what stands where, and that the database never looks at more than a page of a large thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from django.db import connection

from articles.models import Article, Site
from comments.models import Comment
from comments.selectors import orders, read_replies, read_thread
from comments.serializers import thread_data
from comments.services.orders import keep_order
from tests.factories import make_article, make_comment
from tests.forest import sow
from tests.sketch import MORNING, Sketch, ids, pages, plant, read_page, thread

pytestmark = pytest.mark.django_db

RANKED = ["best", "hot", "controversial"]


def rank(sketch: Sketch, sort: str, **scores: float) -> None:
    for name, score in scores.items():
        Comment.objects.filter(pk=sketch[name].pk).update(**{sort: score})


def drawn(sketch: Sketch, **options: Any) -> list[str]:
    return sketch.draw(thread_data(read_thread(sketch.article, **options))["comments"])


# What stands where


@pytest.mark.parametrize("sort", RANKED)
def test_highest_score_first_and_the_newest_first_among_equals(sort: str) -> None:
    sketch = thread("a", "b", "c", "d", "e")
    rank(sketch, sort, a=0.5, b=-1, c=0.5, d=0.7, e=0)
    assert drawn(sketch, sort=sort) == ["d", "c", "a", "e", "b"]


@pytest.mark.parametrize("sort", RANKED)
def test_lower_id_comes_last_where_score_and_time_are_equal(sort: str) -> None:
    article = make_article()
    roots = [comment.pk for comment in plant(article, [None] * 7, seconds=0)]
    Comment.objects.filter(article=article).update(hot=1)
    assert [root for page in pages(article, sort=sort, limit=2) for root in ids(page.branches)] == roots[::-1]


@pytest.mark.parametrize("sort", Site.Sort.values)
def test_replies_come_oldest_first_under_every_sort(sort: str) -> None:
    sketch = thread("a", "  b", "  c", "    d", "  e")
    rank(sketch, "best", b=1, c=2, e=3)
    rank(sketch, "hot", b=1, c=2, e=3)
    rank(sketch, "controversial", b=1, c=2, e=3)
    assert drawn(sketch, sort=sort) == ["a", "  b", "  c", "    d", "  e"]


@pytest.mark.parametrize("sort", RANKED)
def test_hidden_roots_are_ranked_only_above_public_replies(sort: str) -> None:
    sketch = thread("a", "b!", "  c", "d!", "e?", "f?", "  g")
    rank(sketch, sort, a=1, b=2, d=3, e=4, f=-1)
    assert drawn(sketch, sort=sort) == ["b!", "  c", "a", "f!", "  g"]


@pytest.mark.parametrize("sort", RANKED)
def test_pinned_roots_stand_before_the_order(sort: str) -> None:
    sketch = thread("a*", "b", "c*", "d", "e")
    rank(sketch, sort, a=-5, b=1, c=3, d=2, e=0)
    assert drawn(sketch, sort=sort) == ["c*", "a*", "d", "b", "e"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 50])
@pytest.mark.parametrize("sort", RANKED)
def test_pins_take_places_of_the_page_and_no_root_is_lost(sort: str, limit: int) -> None:
    sketch = thread("a", "b*", "c", "d*", "e", "f*")
    rank(sketch, sort, a=3, b=-1, c=2, d=5, e=1, f=0)
    found = [ids(page.branches) for page in pages(sketch.article, sort=sort, limit=limit)]
    assert all(len(page) == limit for page in found[:-1])
    shown = [root for page in found for root in page]
    # The pins that a shorter first page has no room for stand where they rank.
    ahead = [sketch[name].pk for name in "fdb"[:limit]]
    ranked = [sketch[name].pk for name in "dacefb"]
    assert shown == ahead + [root for root in ranked if root not in ahead]


def test_tab_of_one_provider_ranks_its_own_roots() -> None:
    sketch = thread("a", "b", "c", "d")
    Comment.objects.filter(pk__in=[sketch[name].pk for name in "acd"]).update(provider="disqus")
    rank(sketch, "best", a=1, b=2, c=3, d=0)
    found = [ids(page.branches) for page in pages(sketch.article, sort="best", provider="disqus", limit=1)]
    assert found == [[sketch[name].pk] for name in "cad"]


# What the database looks at


@pytest.fixture
def large() -> Article:
    """100,000 comments: a root with 20,000 replies, 60,000 other roots, a random third of whose replies go deeper.

    The database is told that it has 20,000 articles: a plan for any of them is one for a few comments.
    """
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE comments_comment ALTER article_id SET (n_distinct = 20000)")
    article = make_article()
    roots = 60_000
    star = [roots - 1] * 20_000
    deep = [number * 7 % roots if number % 3 else roots + 20_000 + number // 2 for number in range(1, 20_000)]
    sow(article, [None] * roots + star + [0, *deep])
    assert Comment.objects.filter(article=article).count() == 100_000
    with connection.cursor() as cursor:
        # As after a VACUUM, for which this would have to be committed: indexes alone answer where they can.
        cursor.execute("UPDATE pg_class SET relallvisible = relpages WHERE relname = 'comments_comment'")
    return article


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.get("Plans", [])


def looked_at(node: dict[str, Any]) -> float:
    """Return the rows that a node of an executed plan gave out or threw away, over all of its runs."""
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float(rows * node["Actual Loops"])


Statement = tuple[str, Any]


@contextmanager
def watched() -> Iterator[list[Statement]]:
    """Collect the SELECTs that are run, with their parameters."""
    found: list[Statement] = []

    def watch(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH")):
            found.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(watch):
        yield found


def explain(statement: Statement) -> list[dict[str, Any]]:
    """Return the nodes of the plan that is made for just these parameters."""
    sql, parameters = statement
    return executed(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)


def explain_prepared(statement: Statement) -> list[dict[str, Any]]:
    """Return the nodes of the plan that a connection keeps for whatever parameters come."""
    sql, parameters = statement
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", sql)))
    for number, name in enumerate(names, 1):
        sql = sql.replace(f"%({name})s", f"${number}")
    with connection.cursor() as cursor:
        cursor.execute(f"PREPARE judged AS {sql}")
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        try:
            values = f"({', '.join(['%s'] * len(names))})"
            return executed(
                f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE judged{values}", [parameters[name] for name in names]
            )
        finally:
            cursor.execute("SET LOCAL plan_cache_mode = auto")
            cursor.execute("DEALLOCATE judged")


def executed(sql: str, parameters: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        [[plan]] = cursor.fetchall()
    plan = orjson.loads(plan) if isinstance(plan, str) else plan
    return list(nodes(plan[0]["Plan"]))


def check_cost(case: str, statements: list[Statement], page: int) -> None:
    """Hold each scan of comments to `page` rows, and each sort too: none is over the thread."""
    check_plan(case, [node for each in statements for node in explain(each)], page)
    # Those of the ORM are never prepared.
    ours = [each for each in statements if isinstance(each[1], dict)]
    check_plan(f"{case}, prepared", [node for each in ours for node in explain_prepared(each)], page)


def check_plan(case: str, plan: list[dict[str, Any]], page: int) -> None:
    assert any(node.get("Relation Name") == "comments_comment" for node in plan), case
    for node in plan:
        if node.get("Relation Name") == "comments_comment":
            assert "Index" in node["Node Type"], (case, node)
            assert looked_at(node) <= page, (case, node["Node Type"], node.get("Index Name"), looked_at(node))
            # What an index throws away by itself is not counted as rows: a way through four levels for each, or less.
            blocks = node["Shared Hit Blocks"] + node["Shared Read Blocks"]
            assert blocks <= 5 * page, (case, node["Node Type"], node.get("Index Name"), blocks)
        if "Sort" in node["Node Type"]:
            assert looked_at(node) <= page, (case, node["Sort Key"], looked_at(node))


def pin_some(article: Article) -> None:
    roots = Comment.objects.filter(article=article, parent=None).order_by("best")[:5]
    Comment.objects.filter(pk__in=[root.pk for root in roots]).update(pinned_at=MORNING)


def test_no_page_of_a_large_thread_looks_beyond_itself(large: Article) -> None:
    most_answered = Comment.objects.filter(article=large).latest("shown_replies").pk
    cursor = None
    for number in range(3):
        with watched() as statements:
            replies = read_replies(most_answered, limit=100, cursor=cursor)
        check_cost(f"replies, page {number}", statements, 200)
        cursor = replies.next
    for pinned in (False, True):
        if pinned:
            pin_some(large)
        for sort in Site.Sort.values:
            check_walk(large, sort, f"{sort}, {'with' if pinned else 'no'} pins")


def check_walk(article: Article, sort: str, case: str) -> None:
    """Ten pages go through a stored order, so the eleventh is the first behind it."""
    cursor = None
    for number in range(12):
        with watched() as statements:
            page = read_thread(article, sort=sort, limit=100, cursor=cursor)
        if number in (0, 1, 5, 10, 11):
            # A ranked first page reads the order too, and the first page behind the order steps over what it named.
            check_cost(f"{case}, page {number}", statements, 200 + (orders.KEPT if sort in RANKED else 0))
        keep_order(page)
        cursor = page.next


def test_posted_comments_take_their_place_in_every_sort() -> None:
    article = make_article()
    for sort in Site.Sort.values:
        make_comment(article)
        read_page(article, sort=sort)
        late = make_comment(article)
        assert late.pk in ids(read_page(article, sort=sort).branches)
