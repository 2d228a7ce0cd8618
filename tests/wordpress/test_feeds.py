"""Feeds at WordPress' addresses (research/formats.md 4.7), by a feed reader that is none of ours and by schemas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import feedparser  # type: ignore[import-untyped]
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from articles.models import Article, Site
from comments.models import Comment
from tests.factories import make_article, make_comment, make_site
from tests.feed_schemas import check_feed

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
THREAD = "{http://purl.org/syndication/thread/1.0}"
ATOM = "{http://www.w3.org/2005/Atom}"
SITE = {"rss": ["comments/feed/", "comments/feed", "comments/feed/rss2/", "?feed=comments-rss2"],
        "atom": ["comments/feed/atom/", "comments/feed/atom", "?feed=comments-atom"]}  # fmt: skip
POST = {"rss": ["2026/bees/feed/", "2026/bees/feed/rss2", "?feed=rss2&p={p}", "?p={p}&feed=feed"],
        "atom": ["2026/bees/feed/atom/", "?feed=atom&p={p}"]}  # fmt: skip
POSTS = {"rss": ["feed/", "feed", "feed/rss2/", "?feed=rss2"], "atom": ["feed/atom/", "?feed=atom"]}


@pytest.fixture
def thread(article: Article) -> tuple[Comment, Comment]:
    root = make_comment(article, body="Well *said*.", created_at=DAY)
    reply = make_comment(article, root, body="No.", author_name="Ada", created_at=DAY + timedelta(hours=1))
    make_comment(article, body="Held back.", status="pending")
    return root, reply


def fetched(client: Client, address: str, form: str) -> bytes:
    answer = client.get(f"/wp/blog/{address}")
    assert answer.status_code == 200, address
    assert answer["Content-Type"] == f"application/{form}+xml; charset=utf-8"
    check_feed(form, answer.content)
    return bytes(answer.content)


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_comments_of_the_site(client: Client, article: Article, thread: tuple[Comment, Comment], form: str) -> None:
    root, reply = thread
    feeds = [fetched(client, address, form) for address in SITE[form]]
    assert len(set(feeds)) == 1
    read = feedparser.parse(feeds[0])
    assert not read.bozo
    assert read.feed.title == "Comments for The Blog"
    newest, oldest = read.entries
    assert newest.title == "Comment on Bees & <others> by Ada"
    assert newest.link == f"https://news.example.org/2026/bees/#comment-{reply.pk}"
    assert newest.author == "Ada"
    assert newest.published_parsed[:5] == (2026, 6, 1, 9, 0)
    assert newest.id == f"http://testserver/a/{article.pk}#comment-{reply.pk}"
    assert newest["thr_in-reply-to"]["ref"] == oldest.id == f"http://testserver/a/{article.pk}#comment-{root.pk}"
    assert oldest["thr_in-reply-to"]["ref"] == f"http://testserver/a/{article.pk}"
    assert oldest["thr_in-reply-to"]["href"] == "https://news.example.org/2026/bees/"
    assert oldest["thr_in-reply-to"]["type"] == "text/html"


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_comments_of_a_post(client: Client, article: Article, thread: tuple[Comment, Comment], form: str) -> None:
    make_comment(make_article(article.site), body="Elsewhere.")
    feeds = [fetched(client, address.format(p=article.pk), form) for address in POST[form]]
    assert len(set(feeds)) == 1
    read = feedparser.parse(feeds[0])
    assert read.feed.title == "Comments on: Bees & <others>"
    assert [entry.title for entry in read.entries] == ["By: Ada", "By: Ben"]
    assert read.feed.link == "https://news.example.org/2026/bees/"


def test_posts_say_how_many_comments_they_have(
    client: Client, article: Article, thread: tuple[Comment, Comment]
) -> None:
    make_article(article.site, title="Silent", comments_open=False, published_at=DAY)
    feeds = {form: {fetched(client, address, form) for address in POSTS[form]} for form in POSTS}
    assert [len(found) for found in feeds.values()] == [1, 1]
    feed = f"http://testserver/wp/blog/?feed=rss2&p={article.pk}"
    bees, silent = ElementTree.fromstring(next(iter(feeds["rss"]))).findall("channel/item")
    assert bees.findtext("{http://wellformedweb.org/CommentAPI/}commentRss") == feed
    assert bees.findtext("{http://purl.org/rss/1.0/modules/slash/}comments") == "2"
    assert bees.findtext("comments") == "https://news.example.org/2026/bees/#comments"
    assert silent.find("comments") is None
    bees, silent = ElementTree.fromstring(next(iter(feeds["atom"]))).findall(f"{ATOM}entry")
    html, atom = [link for link in bees.findall(f"{ATOM}link") if link.get("rel") == "replies"]
    assert (html.get("type"), html.get("href")) == ("text/html", "https://news.example.org/2026/bees/#comments")
    assert (atom.get("type"), atom.get("href")) == ("application/atom+xml", feed.replace("rss2", "atom"))
    assert atom.get(f"{THREAD}count") == html.get(f"{THREAD}count") == bees.findtext(f"{THREAD}total") == "2"
    changed = article.thread.changed_at.isoformat(timespec="seconds")  # type: ignore[attr-defined]
    assert str(atom.get(f"{THREAD}updated"))[:19] == changed[:19]
    assert [link.get("rel") for link in silent.findall(f"{ATOM}link")] == ["alternate"]
    read = feedparser.parse(next(iter(feeds["rss"])))
    assert (read.entries[0].wfw_commentrss, read.entries[0].slash_comments) == (feed, "2")


def test_the_front_page_names_feeds_and_api(client: Client, article: Article) -> None:
    answer = client.get("/wp/blog/")
    page = answer.content.decode()
    for feed in ("feed/", "comments/feed/"):
        assert f'<link rel="alternate" type="application/rss+xml" href="http://testserver/wp/blog/{feed}">' in page
    assert '<link rel="https://api.w.org/" href="http://testserver/wp/blog/wp-json/">' in page
    assert answer["Link"] == '<http://testserver/wp/blog/wp-json/>; rel="https://api.w.org/"'
    assert client.get(f"/wp/blog/?p={article.pk}")["Location"] == article.url
    assert client.post("/wp/blog/").status_code == 405


@pytest.mark.parametrize(
    "address",
    [
        "nothing", "feed/rdf/", "feed/json/", "2026/wasps/feed/", "comments/", "?feed=json", "?feed=comments-", "?p=x",
        "?feed=rss2&p=987654", "?feed=rss2&p=-1", "?feed=rss2&p=" + "9" * 40, "?p=987654", "%20/feed/", "a/../feed//",
        "feed/atom/atom/", "wp-admin/",
    ],
)  # fmt: skip
def test_what_is_no_feed_is_404(client: Client, article: Article, address: str) -> None:
    assert client.get(f"/wp/blog/{address}").status_code == 404
    assert client.get("/wp/nowhere/comments/feed/").status_code == 404


def test_another_sites_and_hidden_articles_have_no_feed(client: Client, article: Article) -> None:
    elsewhere = make_article(make_site())
    assert client.get(f"/wp/blog/?feed=rss2&p={elsewhere.pk}").status_code == 404
    make_comment(article, body="A secret.")
    Article.objects.filter(pk=article.pk).update(visibility="hidden")
    for address in (*POST["rss"], *POST["atom"]):
        assert client.get(f"/wp/blog/{address.format(p=article.pk)}").status_code == 404
    for address in ("feed/", "comments/feed/"):
        assert b"secret" not in client.get(f"/wp/blog/{address}").content
        assert b"Bees" not in client.get(f"/wp/blog/{address}").content


@pytest.mark.parametrize("address", ["feed/", "feed/atom/", "comments/feed/", "2026/bees/feed/"])
def test_a_longer_feed_asks_no_more(client: Client, article: Article, address: str) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/wp/blog/{address}").status_code == 200
        return len(queries)

    make_comment(article)
    few = asked()
    for _ in range(7):
        make_comment(article)
        make_comment(make_article(article.site))
    assert asked() == few <= 5


def test_feeds_go_on_on_further_pages(client: Client, article: Article) -> None:
    for number in range(23):
        make_comment(article, body=f"Number {number}.", created_at=DAY + timedelta(minutes=number))
    seen: list[str] = []
    address: Any = "http://testserver/wp/blog/comments/feed/"
    while address:
        read = feedparser.parse(fetched(client, address.removeprefix("http://testserver/wp/blog/"), "rss"))
        seen += [entry.summary for entry in read.entries]
        links = {link.rel: link.href for link in read.feed.links}
        assert links["self"] == address
        assert links["first"] == "http://testserver/wp/blog/comments/feed/"
        address = links.get("next")
    assert seen == [f"<p>Number {number}.</p>" for number in range(22, -1, -1)]
    assert links["previous"] == "http://testserver/wp/blog/comments/feed/?page=2"


def test_hostile_words_are_well_formed(client: Client, site: Site, article: Article) -> None:
    bad = "\x01\x0b]]>&<\ufffe\U0001f600"
    Article.objects.update(title=bad, html=bad, summary=bad, author_name=bad, url="https://news.example.org/\x01")
    comment = make_comment(article)
    Comment.objects.filter(pk=comment.pk).update(author_name=bad, html=bad, author_url="https://x.example/\x0b")
    for address in ("feed/", "feed/atom/", "comments/feed/", "comments/feed/atom/", f"?feed=atom&p={article.pk}"):
        ElementTree.fromstring(client.get(f"/wp/blog/{address}").content)
