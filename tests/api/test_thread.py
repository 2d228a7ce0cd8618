"""GET thread, thread/mine, comments/{id}, comments/{id}/replies and recent: shapes, headers, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from articles.models import Article, Site
from comments.models import Comment
from project.tokens import edit_token
from tests.factories import make_article, make_comment, make_site
from tests.sketch import plant, thread

pytestmark = pytest.mark.django_db

CACHED = "public, max-age=0, s-maxage=1, must-revalidate"
COMMENT = {
    *("id", "parent", "root", "depth", "author", "html", "created_at", "edited_at", "status", "provider"),
    *("permalink", "pinned", "up", "down", "score", "reply_count", "replies", "next_replies"),
}
PROVIDERS = {"native", "wordpress", "disqus", "webmention", "mastodon", "bluesky"}


def get(client: Client, path: str, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
    return client.get(f"/api/v1/{path}", query, headers=headers or {})


def code(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()["code"]


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
    assert (data["version"], data["sort"], data["next"], data["stream"]) == (1, "newest", None, None)
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


@pytest.mark.parametrize("sort", ["best", "hot", "controversial", "", "NEWEST", "newest,oldest", "x" * 5_000])
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
        assert not own.has_header("Vary")
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
def test_other_methods_are_refused(client: Client, path: str) -> None:
    answer = client.delete(f"/api/v1/{path}")
    assert (code(answer), answer["Allow"]) == ((405, "method_not_allowed"), "GET, HEAD")


# One reader's own


def test_held_comment_stays_visible_to_its_author(client: Client) -> None:
    sketch = thread("a", "  b?", "c?", body="Held **back**")
    b, c = sketch["b"], sketch["c"]
    tokens = {name: edit_token(sketch[name].pk, sketch[name].nonce.hex) for name in "abc"}
    answer = get(
        client,
        "thread/mine",
        article=sketch.article.pk,
        headers={
            "Authorization": f"Bearer {tokens['c']}",
            "X-Afterword-Edit-Tokens": f"{tokens['b']}, {tokens['a']},junk,awe_1.x",
        },
    )
    assert answer["Cache-Control"] == "private, no-store"
    data = answer.json()
    assert {*data} == {"votes", "editable", "pending"}
    assert (data["votes"], data["editable"]) == ({}, [])
    assert [each["id"] for each in data["pending"]] == [b.pk, c.pk]
    assert {*data["pending"][0]} == COMMENT
    assert (data["pending"][0]["status"], data["pending"][0]["html"]) == (
        "pending",
        "<p>Held <strong>back</strong></p>\n",
    )
    assert data["pending"][0]["author"]["name"] == "Ben"
    assert b.author_email not in answer.content.decode()


def test_nobody_sees_what_others_have_waiting(client: Client) -> None:
    sketch, other = thread("a?"), thread("x?")
    a = sketch["a"]
    forged = edit_token(a.pk, other["x"].nonce.hex)
    foreign = edit_token(other["x"].pk, other["x"].nonce.hex)
    nothing = {"votes": {}, "editable": [], "pending": []}
    for tokens in ("", forged, foreign, f"{forged},{foreign}", "awe_", "é", "awe_99999999999999999999.x" * 9):
        headers = {"X-Afterword-Edit-Tokens": tokens}
        assert get(client, "thread/mine", article=sketch.article.pk, headers=headers).json() == nothing
    own = {"X-Afterword-Edit-Tokens": edit_token(a.pk, a.nonce.hex)}
    Article.objects.update(visibility="hidden")
    assert code(get(client, "thread/mine", article=sketch.article.pk, headers=own)) == (404, "not_found")
    by_url = {"site": sketch.article.site.slug, "url": sketch.article.url}
    assert get(client, "thread/mine", **by_url, headers=own).json() == nothing


def test_own_part_costs_the_same_for_one_token_and_for_many(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sketch = thread(*(f"c{number}?" for number in range(20)))
    tokens = [edit_token(comment.pk, comment.nonce.hex) for comment in sketch.comments.values()]
    for count in (1, 20):
        with django_assert_num_queries(2):
            answer = get(
                client,
                "thread/mine",
                article=sketch.article.pk,
                headers={"X-Afterword-Edit-Tokens": ",".join(tokens[:count])},
            )
        assert len(answer.json()["pending"]) == count


# One comment


def test_permalink_gives_the_comment_its_branch_and_its_ancestors(client: Client) -> None:
    sketch = thread("a", "  b!", "    c", "      d", "  e")
    data = get(client, f"comments/{sketch['c'].pk}").json()
    assert {*data} == COMMENT | {"ancestors"}
    assert sketch.draw([data]) == ["c", "  d"]
    assert [each["id"] for each in data["ancestors"]] == [sketch["a"].pk, sketch["b"].pk]
    assert [each["html"] for each in data["ancestors"]] == ["<p>a</p>\n", None]
    assert all({*each} == COMMENT for each in data["ancestors"])


def test_held_comment_has_no_permalink(client: Client) -> None:
    sketch = thread("a?", "b!", "c")
    for name in "ab":
        assert code(get(client, f"comments/{sketch[name].pk}")) == (404, "not_found")
    for number in (0, 2**31, 2**63, 2**64, 10**30):
        assert code(get(client, f"comments/{number}")) == (404, "not_found")


def test_replies_go_on_where_the_page_was_cut(client: Client) -> None:
    article = make_article()
    root, *replies = plant(article, [None, *[0] * 13])
    [top] = get(client, "thread", article=article.pk).json()["comments"]
    rest = get(client, f"comments/{root.pk}/replies", cursor=top["next_replies"]).json()
    assert {*rest} == {"comments", "next"}
    assert [each["id"] for each in top["replies"] + rest["comments"]] == [reply.pk for reply in replies]
    assert rest["next"] is None


def test_permalinks_stand_on_the_page_without_its_fragment(client: Client) -> None:
    article = make_article(url="https://news.example.org/story#top")
    bare = make_article(url="", identifier="story-2")
    first, second = make_comment(article), make_comment(bare)
    assert get(client, f"comments/{first.pk}").json()["permalink"] == (
        f"https://news.example.org/story#comment-{first.pk}"
    )
    assert get(client, f"comments/{second.pk}").json()["permalink"] == f"{bare.page_url}#comment-{second.pk}"


# The latest


def test_latest_comments_name_their_articles(client: Client) -> None:
    site = make_site("press")
    sketch = thread("a", "  b", "c?", article=make_article(site, title="Spring"))
    make_comment(make_article())
    data = get(client, "recent", site="press").json()
    assert [each["id"] for each in data["comments"]] == [sketch["b"].pk, sketch["a"].pk]
    assert {*data["comments"][0]} == COMMENT | {"article"}
    assert data["comments"][0]["article"] == {
        "id": sketch.article.pk,
        "url": sketch.article.url,
        "title": "Spring",
    }
    assert [each["id"] for each in get(client, "recent", site="press", limit=1).json()["comments"]] == [sketch["b"].pk]
    assert code(get(client, "recent", site="nobody")) == (404, "unknown_site")
    assert code(get(client, "recent")) == (400, "validation_failed")


# Cost, strangers, nonsense


@pytest.mark.parametrize("count", [3, 300])
@pytest.mark.parametrize("shape", ["star", "chain", "roots"])
def test_answer_costs_the_same_number_of_queries_for_any_thread(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, count: int, shape: str
) -> None:
    below: dict[str, Any] = {"star": [0] * (count - 1), "chain": range(count - 1), "roots": [None] * (count - 1)}
    article = make_article()
    root, *_ = plant(article, [None, *below[shape]])
    with django_assert_num_queries(3):
        get(client, "thread", article=article.pk, limit=100)
    with django_assert_num_queries(3):
        get(client, "thread", site=article.site.slug, url=article.url)
    with django_assert_num_queries(2):
        get(client, f"comments/{root.pk}/replies")


def test_one_site_does_not_see_anothers(client: Client) -> None:
    article = make_article(make_site("press"))
    make_comment(article)
    make_site("rival")
    data = get(client, "thread", site="rival", url=article.url).json()
    assert (data["article"]["id"], data["comments"]) == (None, [])
    assert code(get(client, "thread", site="rival", article=article.pk)) == (404, "unknown_page")
    assert get(client, "recent", site="rival").json() == {"comments": []}


NONSENSE = [
    "%00",
    "a%00b",
    "%ff%fe",
    "%ed%a0%80",
    "x" * 9_000,
    "' OR 1=1 --",
    "[]",
    "{}",
    "-1",
    "1" * 400,
    "%F0%9F%92%A9",
]


@pytest.mark.parametrize("value", NONSENSE)
def test_nonsense_in_a_query_is_never_our_fault(client: Client, value: str) -> None:
    site = make_site("press")
    comment = make_comment(make_article(site))
    names = ["site", "url", "identifier", "article", "sort", "cursor", "limit", "at_least"]
    paths = ["thread", "thread/mine", "recent", "counts", f"comments/{comment.pk}/replies"]
    for path in paths:
        for name in names:
            for query in (
                f"{name}={value}",
                f"site=press&url=https://news.example.org/x&{name}={value}",
                f"{name}[]={value}",
            ):
                answer = client.get(f"/api/v1/{path}?{query}")
                assert answer.status_code < 500, (path, query)
                json.loads(answer.content)


def test_nothing_is_written_by_reading(client: Client) -> None:
    article = make_article(make_site("press"))
    comment = make_comment(article)
    before = (Article.objects.count(), Comment.objects.count(), Site.objects.get().version)
    for path in ("thread?site=press&url=https://news.example.org/new", f"comments/{comment.pk}", "recent?site=press"):
        client.get(f"/api/v1/{path}")
    assert (Article.objects.count(), Comment.objects.count(), Site.objects.get().version) == before
