"""GET and POST counts: numbers for many pages at once, in the order asked, at a fixed number of queries."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from articles.models import Article
from comments.models import Provider
from comments.selectors import counts, register_share_counts
from sharing.models import ShareCount
from tests.factories import make_article, make_comment, make_site
from tests.sketch import thread

pytestmark = pytest.mark.django_db

ZEROS = {"total": 0} | dict.fromkeys(Provider.values, 0) | {"shares": 0}


def get(client: Client, site: str, urls: list[str], **headers: str) -> Any:
    return client.get("/api/v1/counts", {"site": site, "url": urls}, headers=headers)


def post(client: Client, **body: Any) -> Any:
    return client.post("/api/v1/counts", body, content_type="application/json")


@pytest.fixture
def three_shares_each() -> Iterator[list[Collection[int]]]:
    """Every article has three shares; yields what was asked."""
    asked: list[Collection[int]] = []
    before = counts._share_counts.copy()

    def three(articles: Collection[int]) -> dict[int, int]:
        asked.append(articles)
        return dict.fromkeys(articles, 3)

    register_share_counts(three)
    yield asked
    counts._share_counts[:] = before


def test_counts_come_in_the_order_asked_under_the_addresses_asked(client: Client) -> None:
    site = make_site("press")
    first, second = make_article(site), make_article(site)
    thread("a", "  b", article=first, provider="disqus")
    thread("c", article=first)
    thread("d", "e?", "f!", article=second)
    spelled = first.url.replace("https://news", "http://NEWS") + "/?utm_source=x"
    urls = [second.url, "https://news.example.org/unknown", spelled, first.url, second.url]
    answer = get(client, "press", urls).json()
    assert [each["url"] for each in answer["counts"]] == urls
    one, nothing, three, three_again, one_again = ({**each, "url": ""} for each in answer["counts"])
    assert one == one_again == ZEROS | {"url": "", "total": 1, "native": 1}
    assert three == three_again == ZEROS | {"url": "", "total": 3, "native": 1, "disqus": 2}
    assert nothing == ZEROS | {"url": ""}


def test_foreign_hidden_and_impossible_addresses_count_nothing(client: Client) -> None:
    site = make_site("press")
    foreign, hidden = make_article(), make_article(site, visibility="hidden")
    make_comment(foreign)
    make_comment(hidden)
    urls = [
        foreign.url,
        hidden.url,
        "https://evil.example/",
        "junk",
        "",
        "javascript:alert(1)",
        "https://x y/",
        "é" * 9_000,
    ]
    assert get(client, "press", urls).json() == {"counts": [{"url": url} | ZEROS for url in urls]}


def test_shares_come_from_the_upper_app(client: Client, three_shares_each: list[Collection[int]]) -> None:
    article = make_article(make_site("press"))
    answer = get(client, "press", [article.url, "https://news.example.org/unknown"]).json()
    assert [each["shares"] for each in answer["counts"]] == [3, 0]
    assert [list(asked) for asked in three_shares_each] == [[article.pk]]


def test_shares_of_an_article_are_counted_beside_its_comments(client: Client) -> None:
    site = make_site("press")
    article = make_article(site)
    comment = make_comment(article)
    for network, shared in (("mastodon", None), ("email", None), ("email", comment)):
        ShareCount.objects.create(site=site, article=article, comment=shared, network=network, count=2)
    [count] = get(client, "press", [article.url]).json()["counts"]
    assert (count["total"], count["shares"]) == (1, 4)


def test_a_hundred_addresses_cost_what_one_does(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    site = make_site("press")
    urls = [make_article(site).url for _ in range(100)]
    thread("a", article=Article.objects.get(url=urls[99]))
    with CaptureQueriesContext(connection) as one:
        get(client, "press", urls[99:])
    with django_assert_num_queries(len(one)):
        answer = get(client, "press", urls)
    assert len(one) <= 2
    assert [each["total"] for each in answer.json()["counts"]] == [0] * 99 + [1]


def test_addresses_in_a_body(client: Client) -> None:
    article = make_article(make_site("press"))
    make_comment(article)
    answer = post(client, site="press", urls=[article.url])
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert answer.json() == get(client, "press", [article.url]).json()


def test_counts_are_tagged_and_kept_for_a_second(client: Client) -> None:
    article = make_article(make_site("press"))
    first = get(client, "press", [article.url])
    assert first["Cache-Control"] == "public, max-age=0, s-maxage=1, must-revalidate"
    assert get(client, "press", [article.url], **{"If-None-Match": first["ETag"]}).status_code == 304
    make_comment(article)
    assert get(client, "press", [article.url], **{"If-None-Match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"urls": ["https://news.example.org/"]}, "site"),
        ({"site": 5, "urls": ["https://news.example.org/"]}, "site"),
        ({"site": ["press"], "urls": ["https://news.example.org/"]}, "site"),
        ({"site": "press"}, "urls"),
        ({"site": "press", "urls": "https://news.example.org/"}, "urls"),
        ({"site": "press", "urls": [None]}, "urls"),
        ({"site": "press", "urls": [["x"]]}, "urls"),
        ({"site": "press", "urls": []}, "url"),
        ({"site": "press", "urls": ["https://news.example.org/"] * 101}, "url"),
    ],
)
def test_bodies_that_are_refused(client: Client, body: dict[str, Any], field: str) -> None:
    make_site("press")
    answer = post(client, **body)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_queries_that_are_refused(client: Client) -> None:
    make_site("press")
    url = "https://news.example.org/"
    assert get(client, "press", []).json()["code"] == "validation_failed"
    assert get(client, "press", [url] * 101).json()["code"] == "validation_failed"
    assert get(client, "press", [url] * 100).status_code == 200
    assert get(client, "", [url]).json()["code"] == "validation_failed"
    assert (get(client, "nobody", [url]).status_code, get(client, "x" * 500, [url]).status_code) == (404, 404)
    assert client.post("/api/v1/counts", f"site=press&url={url}", content_type="text/plain").status_code == 415
