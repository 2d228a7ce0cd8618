"""Feeds of comments, read by a feed reader that is none of ours, and by the rules of their formats."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import feedparser  # type: ignore[import-untyped]
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from articles.models import Article
from comments.models import Comment, Thread
from tests.api.test_reading_badinput import shared_values
from tests.factories import make_article, make_comment, make_site
from tests.feed_schemas import check_feed

pytestmark = pytest.mark.django_db

ATOM, THREAD = "{http://www.w3.org/2005/Atom}", "{http://purl.org/syndication/thread/1.0}"
DAY = datetime(2026, 6, 1, 8, tzinfo=UTC)


@pytest.fixture
def article() -> Article:
    return make_article(make_site("sketch", name="The Daily Sketch"), title="Bees & <others>", path="/bees")


@pytest.fixture
def thread(article: Article) -> tuple[Comment, Comment]:
    root = make_comment(article, body="Well *said*.", author_name="Ben", created_at=DAY)
    reply = make_comment(
        article,
        root,
        body="Not at all.",
        author_name="Ada",
        author_url="https://ada.example/",
        created_at=DAY + timedelta(hours=1),
    )
    make_comment(article, body="Held back.", status="pending")
    return root, reply


def feed(client: Client, article: Article, form: str, whole_site: bool = False) -> bytes:
    address = f"/feeds/sketch/comments.{form}" if whole_site else f"/feeds/articles/{article.pk}/comments.{form}"
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "public, max-age=0, s-maxage=1, must-revalidate"
    check_feed(form, answer.content)
    return bytes(answer.content)


@pytest.mark.parametrize("whole_site", [False, True])
@pytest.mark.parametrize(("form", "version"), [("atom", "atom10"), ("rss", "rss20")])
def test_a_feed_reader_finds_what_was_said(
    client: Client, article: Article, thread: tuple[Comment, Comment], form: str, version: str, whole_site: bool
) -> None:
    root, reply = thread
    read = feedparser.parse(feed(client, article, form, whole_site))
    assert (read.bozo, read.version) == (False, version)
    assert read.feed.title == ("Comments at The Daily Sketch" if whole_site else "Comments on Bees & <others>")
    newest, oldest = read.entries
    assert newest.link == f"https://news.example.org/bees#comment-{reply.pk}"
    assert newest.title == "Ada on Bees & <others>"
    assert newest.author == "Ada"
    assert oldest.summary == "<p>Well <em>said</em>.</p>"
    assert newest.published_parsed[:5] == (2026, 6, 1, 9, 0)
    assert newest.id == f"tag:testserver,2026:comment-{reply.pk}"
    assert newest["thr_in-reply-to"]["ref"] == oldest.id == f"tag:testserver,2026:comment-{root.pk}"
    assert "thr_in-reply-to" not in oldest


def test_atom_has_what_its_rules_ask_for(client: Client, article: Article, thread: tuple[Comment, Comment]) -> None:
    """RFC 4287, 4.1: each an id, a title and a time of change, a feed a link to itself, an entry an author."""
    tree = ElementTree.fromstring(feed(client, article, "atom"))
    for element in (tree, *tree.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1, name
    assert [link.get("href") for link in tree.findall(f"{ATOM}link") if link.get("rel") == "self"] == [
        f"http://testserver/feeds/articles/{article.pk}/comments.atom"
    ]
    assert all(entry.find(f"{ATOM}author/{ATOM}name") is not None for entry in tree.iter(f"{ATOM}entry"))
    assert [total.text for total in tree.iter(f"{THREAD}total")] == ["0", "1"]


def test_rss_has_what_wordpress_readers_look_for(
    client: Client, article: Article, thread: tuple[Comment, Comment]
) -> None:
    entry = ElementTree.fromstring(feed(client, article, "rss")).find("channel/item")
    assert entry is not None
    found = {child.tag.rpartition("}")[2]: child.text for child in entry}
    assert found["creator"] == "Ada"
    assert found["encoded"] == "<p>Not at all.</p>\n"
    assert (found["comments"], found["pubDate"]) == ("0", "Mon, 01 Jun 2026 09:00:00 +0000")
    guid = entry.find("guid")
    assert guid is not None and guid.get("isPermaLink") == "false"


def test_json_feed(client: Client, article: Article, thread: tuple[Comment, Comment]) -> None:
    data: dict[str, Any] = json.loads(feed(client, article, "json"))
    assert data["version"] == "https://jsonfeed.org/version/1.1"
    assert data["feed_url"] == f"http://testserver/feeds/articles/{article.pk}/comments.json"
    newest, oldest = data["items"]
    assert newest["authors"] == [{"name": "Ada", "url": "https://ada.example/"}]
    assert newest["date_published"] == "2026-06-01T09:00:00+00:00"
    assert newest["_thread"] == {"in_reply_to": oldest["id"], "url": oldest["url"], "replies": 0}
    assert oldest["_thread"] == {"replies": 1}


@pytest.mark.parametrize("form", ["atom", "rss", "json"])
@pytest.mark.parametrize("is_said", [True, False])
def test_the_same_comments_are_the_same_bytes(client: Client, article: Article, form: str, is_said: bool) -> None:
    if is_said:
        make_comment(article)
    address = f"/feeds/articles/{article.pk}/comments.{form}"
    with CaptureQueriesContext(connection) as queries:
        first = client.get(address)
    assert len(queries) <= 3
    assert client.get(address).content == first.content
    known = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = client.head(address)
    assert (head.status_code, head["ETag"], head.content) == (200, first["ETag"], b"")
    make_comment(article, body="Something new.")
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/feeds/nowhere/comments.atom",
        "/feeds/sketch/comments.xml",
        "/feeds/sketch/comments.",
        "/feeds/articles/0/comments.rss",
    ],
)
def test_what_is_no_feed_is_404(client: Client, article: Article, address: str) -> None:
    assert client.get(address).status_code == 404
    assert client.post("/feeds/sketch/comments.atom").status_code == 405


@pytest.mark.parametrize("visibility", ["hidden", "scheduled"])
def test_a_hidden_article_has_no_feed(client: Client, article: Article, visibility: str) -> None:
    make_comment(article)
    Article.objects.update(visibility=visibility)
    assert client.get(f"/feeds/articles/{article.pk}/comments.atom").status_code == 404
    assert b"Well said" not in client.get("/feeds/sketch/comments.atom").content


def test_the_page_names_its_feeds(client: Client, article: Article) -> None:
    page = client.get(f"/a/{article.pk}").content.decode()
    types = {"atom": "application/atom+xml", "rss": "application/rss+xml", "json": "application/feed+json"}
    for form, kind in types.items():
        assert f'<link rel="alternate" type="{kind}"' in page
        assert f'href="/feeds/articles/{article.pk}/comments.{form}"' in page


@pytest.mark.parametrize("whole_site", [False, True])
@pytest.mark.parametrize("form", ["atom", "rss", "json"])
def test_older_comments_are_on_further_pages(
    client: Client, article: Article, form: str, whole_site: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5005, section 3; JSON Feed calls it `next_url`."""
    monkeypatch.setattr("comments.views.feeds.MOST", 2)
    for number in range(5):
        make_comment(article, body=f"Number {number}.", created_at=DAY + timedelta(minutes=number))
    address = f"/feeds/sketch/comments.{form}" if whole_site else f"/feeds/articles/{article.pk}/comments.{form}"
    first = f"http://testserver{address}"
    seen: list[list[str]] = []
    links: dict[str, str] = {"next": first}
    while "next" in links:
        body = client.get(links["next"].removeprefix("http://testserver")).content
        check_feed(form, body)
        seen.append([f"{number}" for number in range(4, -1, -1) if f"Number {number}." in body.decode()])
        links = links_of(form, body)
        if form != "json":
            assert links["first"] == first
    assert seen == [["4", "3"], ["2", "1"], ["0"]]
    assert form == "json" or links["previous"] == f"{first}?page=2"
    for page in ("0", "x", "1001", "9" * 30):
        assert client.get(f"{address}?page={page}").status_code == 400
    assert client.get(f"{address}?page=1000").status_code == 200


def links_of(form: str, body: bytes) -> dict[str, str]:
    if form == "json":
        data = json.loads(body)
        return {"next": data["next_url"]} if "next_url" in data else {}
    tree = ElementTree.fromstring(body)
    top = tree.find("channel") if form == "rss" else tree
    assert top is not None
    return {str(link.get("rel")): str(link.get("href")) for link in top.findall(f"{ATOM}link")}


@pytest.mark.parametrize("whole_site", [False, True])
def test_a_feed_may_be_asked_for_by_date(client: Client, article: Article, whole_site: bool) -> None:
    make_comment(article)
    address = "/feeds/sketch/comments.rss" if whole_site else f"/feeds/articles/{article.pk}/comments.rss"
    # What changed a moment ago has no date: what changes within the same second would have the same.
    assert "Last-Modified" not in client.get(address)
    Thread.objects.update(changed_at=DAY)
    Article.objects.update(updated_at=DAY - timedelta(days=1))
    first = client.get(address)
    assert first["Last-Modified"] == "Mon, 01 Jun 2026 08:00:00 GMT"

    def status(date: str, **headers: str) -> int:
        return client.get(address, headers={"If-Modified-Since": date, **headers}).status_code

    assert status("Mon, 01 Jun 2026 08:00:00 GMT") == status("Tue, 02 Jun 2026 08:00:00 GMT") == 304
    assert status("Mon, 01 Jun 2026 07:59:59 GMT") == status("yesterday") == 200
    # A tag says more than a date.
    assert status("Mon, 01 Jun 2026 08:00:00 GMT", **{"If-None-Match": '"another"'}) == 200
    Article.objects.update(updated_at=DAY + timedelta(seconds=1))
    assert status("Mon, 01 Jun 2026 08:00:00 GMT") == 200


def test_hostile_words_are_well_formed(client: Client, article: Article, shared_data: Path) -> None:
    """Names and texts straight into the table, past every rule of ours: what is in it has to come out as XML."""
    words = [word[:90] for word in shared_values(shared_data)]
    assert len(words) > 1_000
    for start in range(0, len(words), 50):
        Comment.objects.all().delete()
        for word in words[start : start + 50]:
            comment = make_comment(article)
            name = word.replace("\0", "").encode("utf-8", "replace").decode()
            Comment.objects.filter(pk=comment.pk).update(author_name=name, html=f"<p>{name}</p>")
        for form in ("atom", "rss"):
            ElementTree.fromstring(feed(client, article, form))
        json.loads(feed(client, article, "json"))


@pytest.mark.parametrize("form", ["atom", "rss"])
def test_an_address_that_xml_cannot_hold_is_well_formed(
    client: Client, article: Article, thread: tuple[Comment, Comment], form: str
) -> None:
    Article.objects.update(url="https://news.example.org/\x01\x0b\ufffe", title="\x01 A title \x1f")
    ElementTree.fromstring(feed(client, article, form))
