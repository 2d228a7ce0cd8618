"""Registering pages: once, whoever comes first, and never an address for a known article."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from articles.models import Article, ArticleKey
from articles.selectors import find_page, page_from_request_data
from articles.services.pages import put_article, register_page
from project.errors import Problem
from tests.factories import make_article, make_site

URL = "https://news.example.org/stories/harbour"


def refused(data: dict[str, Any]) -> str:
    with pytest.raises(Problem) as problem:
        page_from_request_data(data)
    return problem.value.errors[0]["code"] if problem.value.errors else problem.value.code


@pytest.mark.django_db
class TestFindPage:
    def test_a_page_is_named_by_id_by_url_or_by_identifier(self) -> None:
        article = make_article(identifier="story-17")
        site = article.site.slug
        for data in (
            {"article": article.pk},
            {"article": str(article.pk)},
            {"article": article.pk, "site": site},
            {"site": site, "url": article.url + "/?utm_source=x#part"},
            {"site": site, "identifier": " story-17 "},
            {"site": site, "identifier": "story-17", "url": "https://elsewhere.example/x"},
        ):
            assert page_from_request_data(data).article == article, data

    def test_a_known_identifier_decides(self) -> None:
        site = make_site()
        by_url = make_article(site, path="/a")
        by_identifier = make_article(site, path="/b", identifier="story-17")
        assert page_from_request_data({"site": site.slug, "url": by_url.url}).article == by_url
        both = {"site": site.slug, "url": by_url.url, "identifier": "story-17"}
        assert page_from_request_data(both).article == by_identifier

    def test_a_known_url_decides_beside_an_unknown_identifier(self) -> None:
        article = make_article()
        data = {"site": article.site.slug, "url": article.url, "identifier": "never heard of"}
        assert page_from_request_data(data).article == article

    def test_an_unknown_page_of_the_sites_origin_is_an_empty_one(self) -> None:
        make_site("gazette", origins=("news.example.org", "localhost:8080"))
        for url in (URL, "http://localhost:8080/x"):
            page = page_from_request_data({"site": "gazette", "url": url})
            assert (page.article, page.url) == (None, url)
            assert page.public_article() is None

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            ({}, "required"),
            ({"site": "gazette"}, "required"),
            ({"site": 5, "url": URL}, "not_text"),
            ({"site": "nowhere", "url": URL}, "unknown_site"),
            ({"site": "x" * 1000, "url": URL}, "unknown_site"),
            ({"site": "gazette", "url": "/stories"}, "url_invalid"),
            ({"site": "gazette", "url": ["x"]}, "not_text"),
            ({"site": "gazette", "identifier": "unheard of"}, "unknown_page"),
            ({"site": "gazette", "identifier": "x" * 501}, "identifier_invalid"),
            ({"site": "gazette", "identifier": "   "}, "identifier_invalid"),
            ({"site": "gazette", "url": "https://elsewhere.example/"}, "origin_not_allowed"),
            ({"site": "gazette", "url": "https://news.example.org:8443/"}, "origin_not_allowed"),
            ({"site": "gazette", "url": "https://sub.news.example.org/"}, "origin_not_allowed"),
            ({"article": "x"}, "not_an_id"),
            ({"article": True}, "not_an_id"),
            ({"article": 0}, "not_an_id"),
            ({"article": 2**63}, "not_an_id"),
            ({"article": 1.5}, "not_an_id"),
            ({"article": "١"}, "not_an_id"),
            ({"article": 999_999}, "unknown_page"),
        ],
    )
    def test_what_names_no_page_is_refused(self, data: dict[str, Any], code: str) -> None:
        make_site("gazette")
        assert refused(data) == code

    def test_an_article_is_not_found_under_another_site(self) -> None:
        article = make_article(identifier="story-17")
        make_site("other")
        assert refused({"article": article.pk, "site": "other"}) == "unknown_page"
        assert refused({"site": "other", "identifier": "story-17"}) == "unknown_page"
        assert page_from_request_data({"site": "other", "url": article.url}).article is None

    def test_a_hidden_article_is_404_by_id_and_empty_by_address(self) -> None:
        article = make_article(visibility="hidden")
        assert page_from_request_data({"site": article.site.slug, "url": article.url}).public_article() is None
        with pytest.raises(Problem) as problem:
            page_from_request_data({"article": article.pk}).public_article()
        assert problem.value.code == "not_found"

    def test_publishers_may_name_pages_anywhere(self) -> None:
        page = find_page(make_site(), url="https://elsewhere.example/x", for_reader=False)
        assert page.article is None

    def test_a_known_page_costs_one_query(self, django_assert_num_queries: Callable[..., Any]) -> None:
        article = make_article(identifier="story-17")
        with django_assert_num_queries(1):
            page = page_from_request_data({"site": article.site.slug, "url": article.url, "identifier": "story-17"})
            assert page.article is not None and page.article.site.slug == page.site.slug


@pytest.mark.django_db
class TestRegisterPage:
    def test_a_first_write_registers_both_addresses(self) -> None:
        site = make_site()
        page = page_from_request_data({"site": site.slug, "url": URL + "/?utm_x=1#c", "identifier": "story-17"})
        article = register_page(page, "A title")
        assert (article.title, article.is_public, article.url) == ("A title", True, URL + "/?utm_x=1#c")
        assert article.announced_at is None
        stored = {(key.kind, key.key, key.given_by) for key in article.keys.all()}
        assert stored == {("url", URL, "reader"), ("identifier", "story-17", "reader")}

    def test_a_reader_adds_no_address_to_a_known_article(self) -> None:
        article = make_article()
        data = {"site": article.site.slug, "url": article.url, "identifier": "mine"}
        assert register_page(page_from_request_data(data)) == article
        assert article.keys.count() == 1

    def test_registering_again_finds_the_first(self) -> None:
        page = page_from_request_data({"site": make_site().slug, "url": URL})
        assert register_page(page) == register_page(page, "Late") == Article.objects.get(title="")


def together(work: Callable[[int], Any], count: int = 6) -> list[Any]:
    """Run `work(0)`, `work(1)`, … at the same time, each with a connection of its own; return what they returned."""
    results: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait()
            results[number] = work(number)
        except Exception as error:  # shown by the assertion of the test
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
class TestTwins:
    def test_first_writes_at_the_same_time_make_one_article(self) -> None:
        page = page_from_request_data({"site": make_site().slug, "url": URL, "identifier": "story-17"})
        registered = together(lambda _: register_page(page))
        assert {article.pk for article in registered} == {Article.objects.get().pk}
        assert ArticleKey.objects.count() == 2

    def test_puts_and_first_writes_at_the_same_time_make_one_article(self) -> None:
        site = make_site()
        page = page_from_request_data({"site": site.slug, "url": URL})

        def work(number: int) -> int:
            if number % 2:
                return register_page(page).pk
            return put_article(site, {"title": "T"}, url=URL, identifier="story-17").article.pk

        assert set(together(work)) == {Article.objects.get().pk}
        assert set(ArticleKey.objects.values_list("given_by", flat=True)) == {"publisher"}
