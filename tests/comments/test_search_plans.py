"""What a search and the lists of a site cost on a large site: indexes only, and so many rows and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from articles.models import Article, Site
from comments.searching import read_question
from comments.selectors import lists, search
from sharing.selectors import shares
from tests.factories import make_article, make_site

pytestmark = pytest.mark.django_db

COMMENTS = 100_000
SHARES = 20_000
LIMIT = 25

# Every comment says "common", every second one "half" and every other one "other", those of the older half "old".
PLANT = """
    INSERT INTO comments_comment (id, site_id, article_id, root_id, depth, provider, author_name, author_email,
        author_url, author_key, source, html, text, renderer, nonce, status, reason, created_at, published_at)
    SELECT id, %(site)s, %(first)s + id %% %(articles)s, id, 0, 'native', 'Ben', '', '', '', '', '', text, 1,
        gen_random_uuid(), 'approved', '', at, at
    FROM (
        SELECT id, now() - (%(count)s - id) * interval '1 minute' AS at,
            'common ' || CASE WHEN id %% 2 = 0 THEN 'half 東京' ELSE 'other 北京' END
            || CASE WHEN id <= %(count)s / 2 THEN ' old' ELSE '' END
            || CASE WHEN id = 77 THEN ' rare' ELSE '' END AS text
        FROM generate_series(1, %(count)s) AS id
    ) AS made"""
PLANT_SHARES = """
    INSERT INTO sharing_share (site_id, article_id, network, day, visitor_hash, created_at)
    SELECT %(site)s, %(first)s + id %% %(articles)s, 'copy', '2026-01-01', id::text,
        now() - (%(count)s - id) * interval '1 minute'
    FROM generate_series(1, %(count)s) AS id"""


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any) -> Iterator[Site]:
    with django_db_blocker.unblock(), transaction.atomic():
        site = make_site("large")
        articles = [make_article(site).pk for _ in range(50)]
        values = {"site": site.pk, "first": articles[0], "articles": len(articles)}
        with connection.cursor() as cursor:
            cursor.execute(PLANT, values | {"count": COMMENTS})
            cursor.execute(PLANT_SHARES, values | {"count": SHARES})
            cursor.execute("ANALYZE comments_comment, comments_searchentry, sharing_share, articles_article")
        yield site
        transaction.set_rollback(True)


def plan(sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a statement and return the nodes of its plan that were executed."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", parameters)
        found = cursor.fetchone()[0]
    waiting = [(json.loads(found) if isinstance(found, str) else found)[0]["Plan"]]
    nodes = []
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if node["Actual Loops"]:
            nodes.append(node)
    return nodes


def rows_of(nodes: list[dict[str, Any]], table: str) -> int:
    """Return how many rows of a table were looked at."""
    read = [node for node in nodes if node.get("Relation Name") == table]
    kept = "Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"
    return round(sum(node["Actual Loops"] * sum(node.get(name, 0) for name in kept) for node in read))


def search_plan(site: Site, query: str) -> list[dict[str, Any]]:
    with search._bounded():
        site_id, wanted, unwanted = search._words(site.slug, read_question(query))
        return plan(search._PAGE, search._parameters(site_id, wanted, unwanted, None, LIMIT))


def scans(nodes: list[dict[str, Any]]) -> set[str]:
    return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}


# How many rows of the table of words each kind of question may look at; the end of a walk is looked up beforehand.
NEAR = 2 * search.NEAR + LIMIT
FEW = NEAR + search.FEW + 1
FAR = FEW + 2 * search.FAR


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("common", NEAR),
        ("half", NEAR),
        ("東", NEAR),
        ("京", NEAR),
        ("東京", NEAR),
        ('"common half"', NEAR),
        ("common -half", NEAR),
        ("rare", FEW),
        ("common rare", FEW),
        ("nowhere", FEW),
        ("common nowhere", FEW),
        ("half other", FEW),
        ("淡", FEW),
        ("old", FAR),
        ("東北", FAR),
        ('"half common"', FAR),
        ("common -common", FAR),
        ("京東", FAR),
    ],
)
def test_a_search_looks_at_a_bounded_number_of_rows(site: Site, query: str, most: int) -> None:
    nodes = search_plan(site, query)
    assert scans(nodes) == set()
    assert 0 < rows_of(nodes, "comments_searchentry") <= most
    assert rows_of(nodes, "comments_comment") <= 2 * (LIMIT + 1)


def test_what_is_old_is_found_by_following_cursors(site: Site) -> None:
    pages = [search.search_comments("large", "old", cursor=None, limit=LIMIT)]
    while not pages[-1].hits:
        assert pages[-1].next
        pages.append(search.search_comments("large", "old", cursor=pages[-1].next, limit=LIMIT))
    assert len(pages) == COMMENTS // 2 // search.FAR + 1
    assert len(pages[-1].hits) == LIMIT


def test_lists_read_an_index_and_no_more_than_their_bound(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"site": site.pk, "days": 365, "limit": LIMIT}
    for sql, table, count in (
        (lists._DISCUSSED, "comments_searchentry", COMMENTS),
        (shares.MOST_SHARED, "sharing_share", SHARES),
    ):
        nodes = plan(sql, values | {"days": 1})
        assert table not in scans(nodes)
        assert rows_of(nodes, table) == 24 * 60
        bounded = plan(sql.replace(f"LIMIT {lists.MOST}", "LIMIT 5000"), values)
        assert table not in scans(bounded)
        assert rows_of(bounded, table) == 5000 < count


def test_a_small_site_pays_nothing_for_a_large_one(site: Site) -> None:
    small: Article = make_article(make_site("small"))
    nodes = search_plan(small.site, "common")
    assert rows_of(nodes, "comments_searchentry") == 0
