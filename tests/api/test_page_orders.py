"""The article page's orders and further pages, which are plain links."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from articles.models import Article, Site
from comments.models import Comment, ThreadOrder
from tests.factories import make_article, make_site
from tests.sketch import plant

pytestmark = pytest.mark.django_db

ANEW = "this is its beginning"


def show(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def sorts(text: str) -> dict[str, str]:
    """Return the links to the orders, `*` before the one that is marked."""
    [nav] = re.findall(r'<nav class="sorts".*?</nav>', text, re.DOTALL)
    found = re.findall(r'href="([^"]*)" data-sort="(\w+)"( aria-current="true")?', nav)
    return {("*" if current else "") + sort: html.unescape(href) for href, sort, current in found}


def roots(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'<li id="comment-(\d+)"', text)]


def next_page(text: str) -> str:
    return html.unescape(re.findall(r'href="([^"]*)" rel="next"', text)[0])


def make_long_article(**site: str) -> Article:
    article = make_article(make_site(**site))
    plant(article, [None] * 60)
    return article


@pytest.mark.parametrize("default", Site.Sort.values)
def test_every_order_is_a_link_and_the_sites_own_needs_no_parameter(client: Client, default: str) -> None:
    article = make_long_article(default_sort=default)
    page = f"/a/{article.pk}"
    found = sorts(show(client, page))
    assert found.pop(f"*{default}") == f"{page}#comments"
    assert found == {sort: f"{page}?sort={sort}#comments" for sort in Site.Sort.values if sort != default}
    for sort in found:
        assert f"*{sort}" in sorts(show(client, f"{page}?sort={sort}"))


@pytest.mark.parametrize("sort", Site.Sort.values)
def test_further_pages_keep_the_order_and_show_every_root_once(client: Client, sort: str) -> None:
    article = make_long_article()
    address, seen = f"/a/{article.pk}?sort={sort}", []
    for _ in range(3):
        text = show(client, address)
        assert f"*{sort}" in sorts(text)
        seen += roots(text)
        Comment.objects.filter(pk=seen[-1]).update(best=1, hot=10**9, controversial=1)
        address = next_page(text) if len(seen) < 60 else ""
    assert sorted(seen) == sorted(Comment.objects.values_list("pk", flat=True))


def test_page_whose_order_is_gone_begins_anew_and_says_so(client: Client) -> None:
    article = make_long_article()
    first = show(client, f"/a/{article.pk}?sort=hot")
    ThreadOrder.objects.all().delete()
    again = show(client, next_page(first))
    assert roots(again) == roots(first)
    assert ANEW in again
    assert ANEW not in first
    assert len(roots(show(client, next_page(again)))) == 25


def test_search_engines_are_led_to_one_address_from_every_order_and_page(client: Client) -> None:
    article = make_long_article()
    first = show(client, f"/a/{article.pk}?sort=controversial")
    for text in (first, show(client, next_page(first))):
        assert f'rel="canonical" href="{article.url}"' in text
