"""oEmbed 1.0: what other pages are told of an address, read by a consumer that is not ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from lxml import etree, html
from micawber import Provider
from micawber.exceptions import ProviderHTTPException

from articles.models import Article, ArticleKey, Site
from tests.factories import make_article, make_comment, make_site
from tests.reading_cards import links

pytestmark = pytest.mark.django_db

NASTY = "A \x01\x0b\x1f\x7f\ufffe <b>\"&amp;' ]]> \u202e\U0001f469\u200d\U0001f680 z\u0301\u0301"


def ask(url: str, **query: Any) -> Any:
    return Client().get("/oembed", {"url": url, **query})


class Consumer(Provider):  # type: ignore[misc]
    """A public consumer, whose requests are answered here."""

    def fetch(self, url: str) -> Any:
        parts = urlsplit(url)
        answer = Client().get(f"{parts.path}?{parts.query}")
        if answer.status_code != 200:
            raise ProviderHTTPException(url, answer.status_code)
        return answer.content.decode()


@pytest.fixture
def article() -> Article:
    return make_article(
        make_site(name="The Daily Sketch"), title="Bees & wasps", summary="What they do.", author_name="Ada"
    )


def test_consumer_reads_an_article_and_a_comment(article: Article) -> None:
    comment = make_comment(article, body="They *sting* <b>.", author_name="Dora", author_url="https://dora.example/")
    consumer = Consumer(f"{settings.PUBLIC_URL}/oembed")
    found = consumer.request(article.url)
    assert {name: found[name] for name in ("type", "version", "title", "author_name")} == {
        "type": "rich",
        "version": "1.0",
        "title": "Bees & wasps",
        "author_name": "Ada",
    }
    assert (found["provider_name"], found["provider_url"]) == ("The Daily Sketch", "https://news.example.org/")
    said = consumer.request(f"{article.url}#comment-{comment.pk}")
    assert (said["title"], said["author_name"]) == ("Dora: Bees & wasps", "Dora")
    assert said["author_url"] == "https://dora.example/"
    quotation = html.fromstring(said["html"])
    assert quotation.tag == "blockquote"
    assert quotation.text_content() == "Dora: Bees & waspsThey sting <b>."
    assert {element.tag for element in quotation.iter()} <= {"blockquote", "p", "a", "strong"}
    with pytest.raises(ProviderHTTPException):
        consumer.request("https://news.example.org/unknown")


ADDRESSES: list[Callable[[Article], str]] = [
    lambda a: a.url,
    lambda a: f"{a.url}?utm_source=x#top",
    lambda a: a.url.replace("https://", "http://") + "/",
    lambda a: f"{settings.PUBLIC_URL}/a/{a.pk}",
    lambda a: f"{settings.PUBLIC_URL}/a/{a.pk}?sort=oldest#comments",
    lambda a: "https://news.example.org/moved",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_of_an_article_is_known(article: Article, address: Callable[[Article], str]) -> None:
    key = "https://news.example.org/moved"
    ArticleKey.objects.create(site=article.site, article=article, kind=ArticleKey.Kind.URL, key=key)
    answer = ask(address(article))
    assert (answer.status_code, answer.json()["title"]) == (200, "Bees & wasps")


@pytest.mark.parametrize(
    "form", ["{url}#comment-{id}", "{own}#comment-{id}", "{own}?comment={id}", "{own}?a=1&comment={id}#x"]
)
def test_every_address_of_a_comment_is_known(article: Article, form: str) -> None:
    comment = make_comment(article, author_name="Dora")
    answer = ask(form.format(url=article.url, own=article.page_url, id=comment.pk))
    assert answer.json()["author_name"] == "Dora"


def test_discovery_leads_to_the_answer(article: Article) -> None:
    comment = make_comment(article, author_name="Dora")
    for query, title in (("", "Bees & wasps"), (f"?comment={comment.pk}", "Dora: Bees & wasps")):
        page = Client().get(f"/a/{article.pk}{query}").content.decode()
        for link in links(page, "alternate"):
            if link["type"].endswith("oembed"):
                parts = urlsplit(link["href"])
                answer = Client().get(f"{parts.path}?{parts.query}")
                assert answer["Content-Type"].partition(";")[0] == link["type"].replace("+oembed", "")
                xml = link["type"].startswith("text/xml")
                found = etree.fromstring(answer.content).findtext("title") if xml else answer.json()["title"]
                assert found == title


def test_answer_may_be_read_from_any_page_and_kept_for_a_second(article: Article) -> None:
    answer = ask(article.url)
    assert answer["Content-Type"] == "application/json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cache-Control"] == "public, max-age=0, s-maxage=1, must-revalidate"
    again = Client().get("/oembed", {"url": article.url}, headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_costs_one_query_for_an_article_and_two_for_a_comment(
    article: Article, django_assert_num_queries: Callable[[int], Any]
) -> None:
    comment = make_comment(article)
    with django_assert_num_queries(1):
        ask(article.url)
    with django_assert_num_queries(2):
        ask(f"{article.url}#comment-{comment.pk}")


def test_refusals_are_those_of_the_specification(article: Article) -> None:
    hidden = make_article(article.site, visibility="hidden")
    pending = make_comment(article, status="pending", body="Secret words.")
    other = make_comment(make_article(article.site))
    cases = [
        (ask("https://news.example.org/unknown"), 404, "unknown_page"),
        (ask("https://elsewhere.example/stories/1"), 404, "unknown_page"),
        (ask(f"{settings.PUBLIC_URL}/a/999999"), 404, "unknown_page"),
        (ask(hidden.url), 401, "not_public"),
        (ask(hidden.page_url), 401, "not_public"),
        (ask(f"{article.url}#comment-{pending.pk}"), 404, "not_found"),
        (ask(f"{article.url}#comment-{other.pk}"), 404, "not_found"),
        (ask(f"{article.url}#comment-{'9' * 18}"), 404, "not_found"),
        (ask(article.url, format="yaml"), 501, "format_unsupported"),
        (ask(article.url, maxwidth="-1"), 400, "validation_failed"),
        (ask(article.url, maxwidth="0"), 400, "validation_failed"),
        (ask(article.url, maxheight="٣"), 400, "validation_failed"),
        (ask(""), 400, "validation_failed"),
        (ask("no address"), 400, "validation_failed"),
        (ask("javascript:alert(1)"), 400, "validation_failed"),
        (ask("https://a@news.example.org/"), 400, "validation_failed"),
        (Client().get("/oembed?url=%00"), 400, "bad_request"),
        (Client().post("/oembed", {}), 405, "method_not_allowed"),
    ]
    for answer, status, code in cases:
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
        assert answer.json()["code"] == code
        assert "Secret" not in answer.content.decode()
        assert "WWW-Authenticate" not in answer.headers
    assert Article.objects.count() == 3


def test_quotation_and_picture_fit_the_room(article: Article) -> None:
    long = "字" * 200 + " words " * 200
    comment = make_comment(article, body=long)
    for width in (1, 100, 199, 200, 333, 600, 5000):
        for height in (1, 119, 120, 200, 5000):
            found = ask(f"{article.url}#comment-{comment.pk}", maxwidth=width, maxheight=height).json()
            assert found["type"] == ("link" if width < 200 or height < 120 else "rich")
            if found["type"] == "rich":
                assert 0 < found["width"] <= width
                assert 0 < found["height"] <= height
            assert found.get("thumbnail_width", 0) <= width
            assert found.get("thumbnail_height", 0) <= height


def test_hostile_texts_stay_texts_in_both_formats(shared_data: Any) -> None:
    names = ("xss.jsonl", "unicode.jsonl")
    texts = [
        json.loads(line).get("input", "")
        for name in names
        for line in (shared_data / "badinput" / name).read_text(encoding="utf-8").splitlines()[:60]
    ]
    site = make_site()
    article = make_article(site)
    for text in [NASTY, *texts]:
        if not isinstance(text, str):
            continue
        title = text.replace("\0", "").encode(errors="ignore").decode()[:500]
        Article.objects.filter(pk=article.pk).update(title=title, author_name=title[:200], summary=title)
        found = ask(article.page_url, maxheight=400)
        assert found.status_code == 200
        quotation = html.fromstring(found.json()["html"])
        assert {element.tag for element in quotation.iter()} <= {"blockquote", "p", "a", "strong"}
        (link,) = quotation.iter("a")
        assert set(link.attrib) == {"href"}
        assert link.get("href") == article.url
        root = etree.fromstring(ask(article.page_url, format="xml").content)
        assert root.findtext("version") == "1.0"


def test_sites_stay_apart_and_the_oldest_has_an_address_that_two_know() -> None:
    old, young = make_site(name="Old"), make_site(name="Young")
    url = "https://news.example.org/both"
    for site in (young, old):
        make_article(site, url=url, title=f"Of {site.name}")
    only = make_article(young, title="Only of the younger")
    foreign = make_article(young, url="https://elsewhere.example/story")
    assert ask(url).json()["title"] == "Of Old"
    assert ask(only.url).json()["title"] == ask(only.page_url).json()["title"] == "Only of the younger"
    assert ask(foreign.url).status_code == 404
    Site.objects.filter(pk=old.pk).delete()
    assert ask(url).json()["title"] == "Of Young"
