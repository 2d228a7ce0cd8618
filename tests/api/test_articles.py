"""The publishers' API: putting, reading, listing, relating and deleting articles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from articles.models import Article, ArticleKey, Site
from articles.selectors import page_from_request_data
from articles.services.pages import register_page
from articles.signals import article_changed, article_published
from tests.factories import make_api_key, make_article, make_site

pytestmark = pytest.mark.django_db

PATH = "/api/v1/articles"
URL = "https://news.example.org/stories/harbour"


class Desk:
    """A publisher's key at work."""

    def __init__(self, client: Client, site: Site, *scopes: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {make_api_key(site, *(scopes or ('articles',)))}"}

    def put(self, **data: Any) -> Any:
        return self.client.put(PATH, data, content_type="application/json", headers=self.headers)

    def get(self, article_id: int) -> Any:
        return self.client.get(f"{PATH}/{article_id}", headers=self.headers)

    def delete(self, article_id: int) -> Any:
        return self.client.delete(f"{PATH}/{article_id}", headers=self.headers)


@pytest.fixture
def site() -> Site:
    return make_site("gazette")


@pytest.fixture
def desk(client: Client, site: Site) -> Desk:
    return Desk(client, site)


@pytest.fixture
def told() -> Iterator[list[tuple[str, int]]]:
    """What upper rooms hear: ("published" or "changed", id of the article), in order."""
    heard: list[tuple[str, int]] = []

    def on_published(article: Article, **_: Any) -> None:
        heard.append(("published", article.pk))

    def on_changed(article: Article, **_: Any) -> None:
        heard.append(("changed", article.pk))

    article_published.connect(on_published)
    article_changed.connect(on_changed)
    yield heard
    article_published.disconnect(on_published)
    article_changed.disconnect(on_changed)


def read_by_stranger(site: Site, url: str, identifier: str = "") -> Article:
    """A reader's first write registers the page."""
    data = {"site": site.slug, "url": url, "identifier": identifier}
    return register_page(page_from_request_data(data), "As a reader has it")


FULL = {
    "site": "gazette",
    "url": URL,
    "identifier": "story-17",
    "title": "  The   harbour opens ",
    "summary": "Boats,\nat last.",
    "html": "<h2>Boats</h2><script>steal()</script><p onclick=x()>Come <a href='javascript:x'>and</a> see.</p>",
    "author_name": "Ada",
    "author_email": "Ada@Example.org",
    "image": "https://news.example.org/harbour.jpg",
    "tags": ["Harbour", "harbour", "Ships", " "],
    "comments_open": True,
    "source": {"name": "Tide Weekly", "author": "B. Quay", "title": "Open water", "url": "https://tide.example/1"},
}


def test_put_creates_a_public_article_with_everything_sanitised(desk: Desk) -> None:
    answer = desk.put(**FULL)
    assert answer.status_code == 201
    data = answer.json()
    article = Article.objects.get(pk=data["id"])
    assert data["title"] == article.title == "The harbour opens"
    assert data["summary"] == "Boats, at last."
    assert "script" not in data["html"] and "onclick" not in data["html"] and "javascript" not in data["html"]
    assert "<h2>Boats</h2>" in data["html"]
    assert data["tags"] == ["Harbour", "Ships"]
    assert data["author_email"] == "Ada@example.org"
    assert data["source"] == FULL["source"]
    assert data["visibility"] == "public"
    assert data["page"] == f"{settings.PUBLIC_URL}/a/{article.pk}"
    assert timezone.now() - article.published_at < timedelta(minutes=1)
    assert {(key.kind, key.key) for key in article.keys.all()} == {("url", URL), ("identifier", "story-17")}


def test_put_again_changes_what_is_given_and_keeps_the_rest(desk: Desk) -> None:
    first = desk.put(**FULL).json()
    answer = desk.put(identifier="story-17", title="The harbour is open", source=None, image=None)
    assert answer.status_code == 200
    kept = {name: value for name, value in first.items() if name not in ("title", "source", "image", "updated_at")}
    assert kept.items() <= answer.json().items()
    assert answer.json()["title"] == "The harbour is open"
    assert answer.json()["source"] is None
    assert answer.json()["image"] is None
    assert Article.objects.count() == 1


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("http://NEWS.example.org:80/stories/harbour/?utm_source=x#top", True),
        ("https://news.example.org/stories/harbour?page=2", False),
        ("https://news.example.org/Stories/harbour", False),
    ],
)
def test_addresses_are_compared_in_their_canonical_form(desk: Desk, url: str, same: bool) -> None:
    first = desk.put(url=URL).json()["id"]
    assert (desk.put(url=url).json()["id"] == first) is same


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({}, "url", "required"),
        ({"url": "ftp://news.example.org/x"}, "url", "url_invalid"),
        ({"url": "javascript:alert(1)"}, "url", "url_invalid"),
        ({"url": 7}, "url", "url_invalid"),
        ({"url": URL, "title": "x" * 501}, "title", "too_long"),
        ({"url": URL, "title": ["x"]}, "title", "invalid"),
        ({"url": URL, "title": "\x07"}, "title", "characters_not_allowed"),
        ({"url": URL, "author_email": "ada at example"}, "author_email", "email_invalid"),
        ({"url": URL, "image": "data:image/png;base64,x"}, "image", "url_invalid"),
        ({"url": URL, "source": {"url": "//tide.example"}}, "source.url", "url_invalid"),
        ({"url": URL, "source": "Tide"}, "source", "invalid"),
        ({"url": URL, "published_at": "yesterday"}, "published_at", "invalid"),
        ({"url": URL, "published_at": "0001-01-01T00:00:00+14:00"}, "published_at", "overflow"),
        ({"url": URL, "tags": ["x"] * 51}, "tags", "max_length"),
        ({"url": URL, "tags": "x"}, "tags", "not_a_list"),
        ({"url": URL, "tags": ["x" * 101]}, "tags.0", "too_long"),
        ({"url": URL, "comments_open": "perhaps"}, "comments_open", "invalid"),
        ({"identifier": "x" * 501}, "identifier", "max_length"),
        ({"identifier": "a\x1bb"}, "identifier", "identifier_invalid"),
    ],
)
def test_refused_fields_are_named_and_nothing_is_stored(
    desk: Desk, fields: dict[str, Any], field: str, code: str
) -> None:
    answer = desk.put(**fields)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "validation_failed"
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert not Article.objects.exists()


def test_published_at_decides_who_sees_it(desk: Desk, client: Client) -> None:
    soon = timezone.now() + timedelta(hours=1)
    article = desk.put(url=URL, published_at=soon.isoformat()).json()
    assert article["visibility"] == "scheduled"
    assert client.get(f"{PATH}/{article['id']}").status_code == 404
    assert desk.get(article["id"]).json()["visibility"] == "scheduled"
    assert desk.put(url=URL, title="Later").json()["visibility"] == "scheduled"
    assert desk.put(url=URL, published_at="2020-02-02T02:02:02Z").json()["visibility"] == "public"
    assert client.get(f"{PATH}/{article['id']}").json()["published_at"] == "2020-02-02T02:02:02Z"
    hidden = desk.put(url=URL, published_at=None).json()
    assert (hidden["visibility"], hidden["published_at"]) == ("hidden", None)
    assert desk.put(url=URL, title="Still hidden").json()["visibility"] == "hidden"


def test_a_date_of_another_zone_is_the_same_moment(desk: Desk) -> None:
    put = desk.put(url=URL, published_at="2026-03-01T12:00:00+05:30").json()
    assert put["published_at"] == "2026-03-01T06:30:00Z"


def test_followers_are_told_once_of_a_recent_article(desk: Desk, told: list[tuple[str, int]]) -> None:
    article_id = desk.put(url=URL, title="New").json()["id"]
    assert told == [("published", article_id)]
    desk.put(url=URL, published_at=None)
    desk.put(url=URL, published_at=timezone.now().isoformat())
    assert told == [("published", article_id), ("changed", article_id), ("changed", article_id)]


@pytest.mark.parametrize(("hours", "is_told"), [(47, True), (49, False)])
def test_old_articles_are_not_announced(desk: Desk, told: list[tuple[str, int]], hours: int, is_told: bool) -> None:
    desk.put(url=URL, published_at=(timezone.now() - timedelta(hours=hours)).isoformat())
    assert bool(told) is is_told


def test_a_page_that_a_reader_registered_is_announced_when_its_publisher_puts_it(
    desk: Desk, site: Site, told: list[tuple[str, int]]
) -> None:
    page = read_by_stranger(site, URL)
    assert told == []
    assert desk.put(url=URL, title="By its publisher").json()["id"] == page.pk
    assert told == [("published", page.pk), ("changed", page.pk)]


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        ({"title": "Another title"}, True),
        ({"comments_open": False}, True),
        ({"identifier": "new-id"}, True),
        ({"published_at": None}, True),
        ({"summary": "Not shown by threads"}, False),
        ({"title": "The same"}, False),
    ],
)
def test_threads_are_told_of_what_they_show(
    desk: Desk, told: list[tuple[str, int]], change: dict[str, Any], is_told: bool
) -> None:
    article_id = desk.put(url=URL, title="The same", published_at="2020-01-01T00:00:00Z").json()["id"]
    assert told == []
    desk.put(url=URL, **change)
    assert told == ([("changed", article_id)] if is_told else [])


def test_two_articles_of_one_put_are_a_conflict(desk: Desk) -> None:
    desk.put(url=URL)
    desk.put(identifier="other", title="Other")
    answer = desk.put(url=URL, identifier="other", title="Both")
    assert answer.status_code == 409
    assert answer.json()["code"] == "page_conflict"
    assert not Article.objects.filter(title="Both").exists()


def test_put_adds_the_missing_address(desk: Desk) -> None:
    first = desk.put(url=URL).json()["id"]
    assert desk.put(url=URL, identifier="story-17").json()["id"] == first
    moved = "https://news.example.org/moved"
    assert desk.put(url=moved, identifier="story-17").json()["url"] == moved
    assert desk.put(url=URL).json()["id"] == first
    assert Article.objects.count() == 1


def test_an_address_registered_by_a_reader_moves_to_the_article_that_is_put(
    desk: Desk, site: Site, told: list[tuple[str, int]]
) -> None:
    known = desk.put(identifier="story-17", title="The story", published_at="2020-01-01T00:00:00Z").json()["id"]
    page = read_by_stranger(site, URL)
    answer = desk.put(url=URL, identifier="story-17")
    assert (answer.status_code, answer.json()["id"]) == (200, known)
    assert told == [("changed", known), ("changed", page.pk)]
    key = ArticleKey.objects.get(kind="url")
    assert (key.article_id, key.given_by) == (known, "publisher")
    page.refresh_from_db()
    assert page.url == ""


def test_an_identifier_made_up_by_a_reader_does_not_outweigh_the_publishers_address(desk: Desk, site: Site) -> None:
    known = desk.put(url=URL).json()["id"]
    page = read_by_stranger(site, "https://news.example.org/elsewhere", "story-17")
    assert desk.put(url=URL, identifier="story-17").json()["id"] == known
    page.refresh_from_db()
    assert (page.identifier, page.url) == ("", "https://news.example.org/elsewhere")


def test_addresses_registered_together_by_a_reader_become_the_publishers(desk: Desk, site: Site) -> None:
    page = read_by_stranger(site, URL, "story-17")
    assert desk.put(url=URL, identifier="story-17", title="T").json()["id"] == page.pk
    assert set(page.keys.values_list("given_by", flat=True)) == {"publisher"}


def test_delete_hides_at_once_and_put_brings_back(
    desk: Desk, client: Client, site: Site, told: list[tuple[str, int]]
) -> None:
    article = make_article(site, path="/gone", announced_at=timezone.now())
    assert desk.delete(article.pk).status_code == 204
    assert desk.delete(article.pk).status_code == 204
    assert told == [("changed", article.pk)]
    assert client.get(f"{PATH}/{article.pk}").status_code == 404
    assert desk.get(article.pk).status_code == 404
    assert client.get(PATH, {"site": site.slug}).json()["articles"] == []
    again = desk.put(url=article.url).json()
    assert (again["id"], again["visibility"]) == (article.pk, "public")
    assert told == [("changed", article.pk)] * 2


def test_list_is_newest_first_paged_and_public_only(client: Client, site: Site) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [make_article(site, published_at=start + timedelta(days=n // 2), tags=["sea"]) for n in range(5)]
    undated = make_article(site, published_at=None, tags=["sea"])
    make_article(site, visibility="hidden", tags=["sea"])
    make_article(site, tags=["land"])
    make_article(make_site("other"), tags=["sea"])
    seen: list[int] = []
    query = {"site": site.slug, "tag": "sea", "limit": "2"}
    while True:
        page = client.get(PATH, query).json()
        seen += [article["id"] for article in page["articles"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == [undated.pk, *(row.pk for row in reversed(rows))]
    assert client.get(PATH, query | {"tag": "land"}).json()["code"] == "cursor_invalid"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 400, "validation_failed"),
        ({"site": "nowhere"}, 404, "unknown_site"),
        ({"site": "gazette", "limit": "0"}, 400, "validation_failed"),
        ({"site": "gazette", "limit": "101"}, 400, "validation_failed"),
        ({"site": "gazette", "limit": "many"}, 400, "validation_failed"),
        ({"site": "gazette", "cursor": "x"}, 400, "cursor_invalid"),
    ],
)
def test_bad_list_queries_are_refused(
    client: Client, site: Site, query: dict[str, str], status: int, code: str
) -> None:
    answer = client.get(PATH, query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_related_articles_share_most_tags_and_are_filled_up_with_the_newest(client: Client, site: Site) -> None:
    days = iter(timezone.now() - timedelta(days=n) for n in range(10))
    newest = make_article(site, published_at=next(days))
    one_tag = make_article(site, published_at=next(days), tags=["sea", "sun"])
    both = make_article(site, published_at=next(days), tags=["sea", "wind", "sun"])
    make_article(site, published_at=next(days), tags=["sea"], visibility="hidden")
    make_article(site, published_at=next(days), tags=["sea"], title="")
    make_article(make_site("other"), tags=["sea", "wind"])
    article = make_article(site, tags=["sea", "wind"])
    found = client.get(f"{PATH}/{article.pk}/related").json()["articles"]
    assert [other["id"] for other in found] == [both.pk, one_tag.pk, newest.pk]


def test_an_article_without_text_has_nulls_and_our_page_as_its_address(client: Client, site: Site) -> None:
    article = make_article(site, url="", title="Only here")
    data = client.get(f"{PATH}/{article.pk}").json()
    assert data["url"] == data["page"]
    assert (data["identifier"], data["image"], data["source"]) == (None, None, None)
    assert "author_email" not in data


@pytest.mark.parametrize("article_id", [0, 999_999, 2**63 - 1, 2**63, 10**30])
def test_unknown_ids_are_404(client: Client, desk: Desk, article_id: int) -> None:
    assert client.get(f"{PATH}/{article_id}").json()["code"] == "not_found"
    assert client.get(f"{PATH}/{article_id}/related").json()["code"] == "not_found"
    assert desk.delete(article_id).json()["code"] == "not_found"


def test_a_key_of_another_site_cannot_name_delete_or_see_behind(client: Client, site: Site) -> None:
    stranger = Desk(client, make_site("other"))
    article = make_article(site, visibility="hidden")
    assert stranger.put(site=site.slug, url=URL).json()["code"] == "forbidden"
    assert stranger.delete(article.pk).status_code == 404
    assert stranger.get(article.pk).status_code == 404
    own = stranger.put(url=article.url).json()
    assert own["site"] == "other" and own["id"] != article.pk


def test_a_write_needs_a_valid_key_with_the_scope(client: Client, site: Site) -> None:
    answer = client.put(PATH, {"url": URL}, content_type="application/json")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert Desk(client, site, "moderate").put(url=URL).status_code == 403
    headers = {"Authorization": "Bearer awk_wrong"}
    assert client.put(PATH, {"url": URL}, content_type="application/json", headers=headers).status_code == 401
    assert client.get(PATH, {"site": site.slug}, headers=headers).status_code == 401
    revoked = Desk(client, site)
    site.api_keys.update(revoked_at=timezone.now())
    assert revoked.put(url=URL).json()["code"] == "unauthorized"
    assert Desk(client, site, "admin").put(url=URL).status_code == 201


def test_reads_cost_the_same_for_one_and_for_many(
    client: Client, site: Site, django_assert_num_queries: Callable[..., Any]
) -> None:
    for count in (1, 20):
        articles = [make_article(site, tags=["sea"]) for _ in range(count)]
        with django_assert_num_queries(2):
            client.get(PATH, {"site": site.slug})
        with django_assert_num_queries(1):
            client.get(f"{PATH}/{articles[0].pk}")
    with django_assert_num_queries(2):
        client.get(f"{PATH}/{articles[0].pk}/related")


def test_put_statements(desk: Desk, django_assert_max_num_queries: Callable[..., Any]) -> None:
    """The key, two addresses, the clock, the row, its two addresses, the announcement; besides savepoints."""
    with django_assert_max_num_queries(16):
        desk.put(**FULL)
