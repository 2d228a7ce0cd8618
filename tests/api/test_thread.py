"""GET thread: the page's shape, its headers, what is refused, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from articles.models import Article, Site
from project.tokens import edit_token
from tests.factories import make_article, make_comment, make_site
from tests.reading import COMMENT, code, get
from tests.sketch import plant, thread

pytestmark = pytest.mark.django_db

CACHED = "public, max-age=0, s-maxage=1, must-revalidate"
PROVIDERS = {"native", "wordpress", "disqus", "webmention", "mastodon", "bluesky"}


# The page


def test_thread_page_has_exactly_the_agreed_members(client: Client) -> None:
    article = make_article(identifier="story-1")
    comment = make_comment(article, body="Hello **you**", author_url="https://ben.example.org/")
    data = get(client, "thread", article=article.pk).json()
    assert {*data} == {"article", "version", "sort", "comments", "next", "stream"}
    assert data["article"] == {
        "id": article.pk,
        "url": article.url,
        "identifier": "story-1",
        "title": article.title,
        "comments_open": True,
        "counts": {"total": 1} | dict.fromkeys(PROVIDERS, 0) | {"native": 1},
    }
    assert (data["version"], data["sort"], data["next"]) == (1, "best", None)
    assert data["stream"] == f"http://testserver/api/v1/articles/{article.pk}/stream"
    assert data["comments"] == [
        {
            "id": comment.pk,
            "parent": None,
            "root": comment.pk,
            "depth": 0,
            "author": {"name": "Ben", "url": "https://ben.example.org/", "avatar": None, "role": None},
            "html": "<p>Hello <strong>you</strong></p>\n",
            "created_at": comment.created_at.isoformat().replace("+00:00", "Z"),
            "edited_at": None,
            "status": "approved",
            "provider": "native",
            "permalink": f"{article.url}#comment-{comment.pk}",
            "pinned": False,
            "up": 0,
            "down": 0,
            "score": 0,
            "reply_count": 0,
            "replies": [],
            "next_replies": None,
        }
    ]


def test_replies_are_nested_and_counted(client: Client) -> None:
    sketch = thread("a", "  b", "    c", "  d!", "    e")
    data = get(client, "thread", article=sketch.article.pk).json()
    assert sketch.draw(data["comments"]) == ["a", "  b", "    c", "  d!", "    e"]
    [a] = data["comments"]
    b, d = a["replies"]
    assert (a["reply_count"], b["reply_count"], d["reply_count"]) == (3, 1, 1)
    assert (d["status"], d["author"], d["html"]) == ("removed", None, None)
    assert (d["parent"], d["root"], d["depth"], d["replies"][0]["depth"]) == (a["id"], a["id"], 1, 2)
    assert all({*each} == COMMENT for each in (a, b, d))


def test_page_is_found_by_address_identifier_and_id(client: Client) -> None:
    site = make_site("press")
    article = make_article(site, identifier="story-1")
    ways: list[dict[str, Any]] = [
        {"article": article.pk},
        {"site": "press", "url": article.url.replace("https", "http") + "/?utm_source=x#top"},
        {"site": "press", "identifier": "story-1"},
        {"site": "press", "identifier": "story-1", "url": "https://news.example.org/elsewhere"},
    ]
    assert {get(client, "thread", **way).json()["article"]["id"] for way in ways} == {article.pk}


def test_unknown_page_of_the_site_is_an_empty_thread(client: Client) -> None:
    make_site("press")
    url = "https://news.example.org/fresh"
    data = get(client, "thread", site="press", url=url).json()
    assert data["article"] == {
        "id": None,
        "url": url,
        "identifier": None,
        "title": "",
        "comments_open": True,
        "counts": {"total": 0} | dict.fromkeys(PROVIDERS, 0),
    }
    assert (data["version"], data["comments"], data["next"]) == (0, [], None)
    assert not Article.objects.exists()


def test_pages_that_cannot_be_read(client: Client) -> None:
    make_site("press")
    url = "https://news.example.org/fresh"
    assert code(get(client, "thread", site="press", url="https://evil.example/")) == (403, "origin_not_allowed")
    assert code(get(client, "thread", site="press", identifier="x")) == (404, "unknown_page")
    assert code(get(client, "thread", site="nobody", url=url)) == (404, "unknown_site")
    assert code(get(client, "thread", article=987_654)) == (404, "unknown_page")
    assert code(get(client, "thread", site="press")) == (400, "validation_failed")
    assert code(get(client, "thread")) == (400, "validation_failed")


def test_article_that_is_not_public_is_missing_by_id_and_empty_by_address(client: Client) -> None:
    article = make_article(make_site("press"))
    comment = make_comment(article, body="Too early")
    Article.objects.update(visibility="hidden")
    assert code(get(client, "thread", article=article.pk)) == (404, "not_found")
    answer = get(client, "thread", site="press", url=article.url)
    assert (answer.json()["comments"], answer.json()["version"], answer.json()["article"]["id"]) == ([], 0, None)
    assert answer.json()["article"]["comments_open"] is False
    assert code(get(client, f"comments/{comment.pk}")) == (404, "not_found")
    assert code(get(client, f"comments/{comment.pk}/replies")) == (404, "not_found")
    assert get(client, "recent", site="press").json() == {"comments": []}
    assert "early" not in answer.content.decode()


def test_sort_is_the_sites_own_unless_asked_otherwise(client: Client) -> None:
    sketch = thread("a", "b", article=make_article(make_site(default_sort="oldest")))
    page = get(client, "thread", article=sketch.article.pk).json()
    assert (page["sort"], sketch.draw(page["comments"])) == ("oldest", ["a", "b"])
    page = get(client, "thread", article=sketch.article.pk, sort="newest").json()
    assert (page["sort"], sketch.draw(page["comments"])) == ("newest", ["b", "a"])


@pytest.mark.parametrize("sort", ["worst", "top", "created_at", "", "NEWEST", "newest,oldest", "x" * 5_000])
def test_sort_that_does_not_exist(client: Client, sort: str) -> None:
    assert code(get(client, "thread", article=make_article().pk, sort=sort)) == (400, "sort_unknown")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "x", "1e2", "٣", "9" * 5_000, "+5", " 5"])
def test_limit_is_a_number_from_1_to_100(client: Client, limit: str) -> None:
    article = make_article()
    comment = make_comment(article)
    for path in ("thread", f"comments/{comment.pk}/replies", "recent"):
        answer = get(client, path, article=article.pk, site=article.site.slug, limit=limit)
        assert code(answer) == (400, "validation_failed")
        assert [error["field"] for error in answer.json()["errors"]] == ["limit"]


def test_pages_follow_one_another(client: Client) -> None:
    article = make_article()
    roots = [comment.pk for comment in plant(article, [None] * 30)]
    first = get(client, "thread", article=article.pk).json()
    second = get(client, "thread", article=article.pk, cursor=first["next"]).json()
    assert [comment["id"] for comment in first["comments"] + second["comments"]] == roots[::-1]
    assert (len(first["comments"]), second["next"]) == (25, None)


def test_cursor_of_another_thread_sort_or_hand(client: Client) -> None:
    article, other = make_article(), make_article()
    root, *_ = plant(article, [None, None, *[0] * 12])
    plant(other, [None])
    page = get(client, "thread", article=article.pk, limit=1).json()
    cursor, replies = page["next"], get(client, f"comments/{root.pk}").json()["next_replies"]
    assert cursor and replies
    wrong = [
        ("thread", {"article": other.pk, "cursor": cursor}),
        ("thread", {"article": article.pk, "cursor": cursor, "sort": "oldest"}),
        ("thread", {"article": article.pk, "cursor": replies}),
        ("thread", {"article": article.pk, "cursor": cursor[:-2]}),
        ("thread", {"article": article.pk, "cursor": "9" * 10_000}),
        ("thread", {"article": article.pk, "cursor": ""}),
        ("thread", {"site": article.site.slug, "url": "https://news.example.org/fresh", "cursor": cursor}),
        (f"comments/{root.pk}/replies", {"cursor": cursor}),
        (f"comments/{root.pk + 1}/replies", {"cursor": replies}),
    ]
    assert {code(get(client, path, **query)) for path, query in wrong} == {(400, "cursor_invalid")}


# Freshness


def test_page_that_has_not_changed_is_not_sent_again(client: Client) -> None:
    article = make_article()
    make_comment(article)
    first = get(client, "thread", article=article.pk)
    etag = first["ETag"]
    assert etag.startswith('"') and first["Cache-Control"] == CACHED
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = get(client, "thread", article=article.pk, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again["ETag"], again["Cache-Control"]) == (304, b"", etag, CACHED)
        assert not again.has_header("Content-Type")
    for unknown in ('"other"', etag.strip('"'), "junk, , ,", '"' * 50):
        assert get(client, "thread", article=article.pk, headers={"If-None-Match": unknown}).status_code == 200
    make_comment(article)
    changed = get(client, "thread", article=article.pk, headers={"If-None-Match": etag})
    assert changed.status_code == 200 and changed["ETag"] != etag


def test_public_answers_are_the_same_for_everybody(client: Client) -> None:
    sketch = thread("a", "  b?")
    paths = [
        f"thread?article={sketch.article.pk}",
        f"comments/{sketch['a'].pk}",
        f"comments/{sketch['a'].pk}/replies",
        f"recent?site={sketch.article.site.slug}",
    ]
    token = edit_token(sketch["b"].pk, sketch["b"].nonce.hex)
    for path in paths:
        plain = client.get(f"/api/v1/{path}")
        client.cookies["sessionid"] = "x"
        own = client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token}", "Accept-Language": "fr"})
        assert (own.content, own["ETag"], plain["Cache-Control"]) == (plain.content, plain["ETag"], CACHED)
        assert not plain.cookies and not own.cookies
        assert own["Vary"] == "Accept-Encoding"
        assert own["Access-Control-Allow-Origin"] == "*"
        assert "ben@example.org" not in plain.content.decode()


def test_version_that_is_not_there_yet_gets_the_current_page_for_nobody_to_keep(client: Client) -> None:
    article = make_article()
    make_comment(article)
    ahead = get(client, "thread", article=article.pk, at_least=2)
    assert (ahead.status_code, ahead["Cache-Control"], ahead.json()["version"]) == (200, "no-store", 1)
    assert not ahead.has_header("ETag")
    for version in (0, 1):
        assert get(client, "thread", article=article.pk, at_least=version)["Cache-Control"] == CACHED
    fresh = get(client, "thread", site=article.site.slug, url="https://news.example.org/fresh", at_least=1)
    assert (fresh["Cache-Control"], fresh.json()["version"]) == ("no-store", 0)
    for nonsense in ("-1", "x", "", "9" * 30):
        assert code(get(client, "thread", article=article.pk, at_least=nonsense)) == (400, "validation_failed")


def test_head_has_the_headers_and_no_body(client: Client) -> None:
    article = make_article()
    answer = client.head("/api/v1/thread", {"article": article.pk})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["ETag"] == get(client, "thread", article=article.pk)["ETag"]


@pytest.mark.parametrize("path", ["thread", "thread/mine", "comments/1/replies", "recent"])
def test_other_methods_are_refused(path: str) -> None:
    guarded = Client(enforce_csrf_checks=True)
    for send in (guarded.delete, guarded.post):
        answer = send(f"/api/v1/{path}")
        assert (code(answer), answer["Allow"]) == ((405, "method_not_allowed"), "GET, HEAD")


# Cost


@pytest.mark.parametrize("count", [3, 300])
@pytest.mark.parametrize("shape", ["star", "chain", "roots"])
def test_answer_costs_the_same_number_of_queries_for_any_thread(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, count: int, shape: str
) -> None:
    below: dict[str, Any] = {"star": [0] * (count - 1), "chain": range(count - 1), "roots": [None] * (count - 1)}
    article = make_article()
    root, *_ = plant(article, [None, *below[shape]])
    for sort in Site.Sort.values:
        get(client, "thread", article=article.pk, sort=sort)
        # An order that goes on is written once.
        with django_assert_num_queries(3):
            page = get(client, "thread", article=article.pk, limit=100, sort=sort).json()
        further = {"cursor": page["next"]} if page["next"] else {}
        with django_assert_num_queries(3):
            get(client, "thread", site=article.site.slug, url=article.url, sort=sort, **further)
    with django_assert_num_queries(2):
        get(client, f"comments/{root.pk}/replies")
