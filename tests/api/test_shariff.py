"""`/shariff`: counts as Shariff's front end asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from articles.models import Article
from sharing.models import ShareCount
from tests.factories import make_article, make_site

pytestmark = pytest.mark.django_db


def shared(article: Article, **counts: int) -> Article:
    for network, count in counts.items():
        ShareCount.objects.create(site=article.site, article=article, network=network, count=count)
    return article


def of(client: Client, url: str | None, site: str = "") -> Any:
    answer = client.get(f"/shariff/{site}" if site else "/shariff", {} if url is None else {"url": url})
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.fixture
def article(db: None) -> Article:
    return shared(make_article(), facebook=3, x=2, email=1, mastodon=4, copy=5, bluesky=6, linkedin=0)


COUNTS = {"facebook": 3, "twitter": 2, "mail": 1, "fediverse": 4, "clipboard": 5, "bluesky": 6}


def test_counts_have_shariffs_names(
    client: Client, article: Article, django_assert_num_queries: Callable[[int], Any]
) -> None:
    for url in (article.url, f"{article.url}?utm_source=x#top"):
        with django_assert_num_queries(2):
            assert of(client, url) == COUNTS
        with django_assert_num_queries(3):
            assert of(client, url, article.site.slug) == COUNTS


def test_our_own_page_is_an_address_of_its_article(client: Client, article: Article) -> None:
    assert of(client, article.page_url) == of(client, article.page_url, article.site.slug) == COUNTS


def test_a_page_that_is_not_ours_is_null(client: Client, article: Article) -> None:
    for url in (None, "", "no address", "javascript:alert(1)", "https://foreign.example/", "http://[", "x" * 9_000):
        assert of(client, url) is None
        assert of(client, url, article.site.slug) is None
    assert of(client, article.url, make_site(origins=("other.example",)).slug) is None
    assert client.get("/shariff/nowhere", {"url": article.url}).status_code == 404


def test_a_page_that_nobody_shared_has_no_counts(client: Client, article: Article) -> None:
    origin = article.site.origins.get().origin
    for url in (make_article(article.site).url, f"https://{origin}/never-seen"):
        assert of(client, url) == {}
        assert of(client, url, article.site.slug) == {}
    assert Article.objects.count() == 2


@pytest.mark.parametrize("visibility", ["hidden", "scheduled"])
def test_a_page_that_nobody_may_see_has_no_counts(client: Client, article: Article, visibility: str) -> None:
    Article.objects.update(visibility=visibility)
    assert of(client, article.url) == {}
    assert of(client, article.url, article.site.slug) == {}


def test_of_several_sites_with_the_address_the_oldest_is_meant(client: Client, article: Article) -> None:
    younger = make_site()
    shared(make_article(younger, url=article.url), facebook=99)
    assert of(client, article.url) == COUNTS
    assert of(client, article.url, younger.slug) == {"facebook": 99}


@pytest.mark.parametrize("path", ["/shariff", "/shariff/nowhere"])
def test_pages_of_any_origin_may_ask(client: Client, path: str, article: Article) -> None:
    asked = {"Origin": "https://any.example", "Access-Control-Request-Headers": "content-type"}
    preflight = client.options(path, headers=asked)
    assert preflight.status_code == 204
    assert preflight["Access-Control-Allow-Origin"] == "*"
    assert "Content-Type" in preflight["Access-Control-Allow-Headers"]
    assert "GET" in preflight["Access-Control-Allow-Methods"]
    answer = client.get(path, {"url": article.url}, headers=asked)
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Content-Type"] in {"application/json", "application/problem+json"}


def test_an_answer_that_is_known_is_not_sent_again(client: Client, article: Article) -> None:
    first = client.get("/shariff", {"url": article.url})
    again = client.get("/shariff", {"url": article.url}, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
