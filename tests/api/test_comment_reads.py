"""What one reader has waiting, permalinks, replies, the latest comments; and what holds for every reader's door."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from articles.models import Article, Site
from comments.models import Comment
from project.tokens import edit_token
from tests.factories import make_article, make_comment, make_site
from tests.reading import COMMENT, code, get
from tests.sketch import plant, thread

pytestmark = pytest.mark.django_db


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
    assert {*data} == {"votes", "editable", "pending", "muted"}
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
    nothing = {"votes": {}, "editable": [], "pending": [], "muted": []}
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


# Strangers, nonsense


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


def test_every_readers_door_is_in_the_schema(client: Client) -> None:
    paths = client.get("/api/v1/schema", {"format": "json"}).json()["paths"]
    described = {(path, method, found["operationId"]) for path, each in paths.items() for method, found in each.items()}
    assert described >= {
        ("/api/v1/thread", "get", "thread"),
        ("/api/v1/thread/mine", "get", "thread_mine"),
        ("/api/v1/comments/{comment_id}", "get", "comment"),
        ("/api/v1/comments/{comment_id}/replies", "get", "comment_replies"),
        ("/api/v1/counts", "get", "counts"),
        ("/api/v1/counts", "post", "counts_of_many"),
        ("/api/v1/recent", "get", "recent"),
    }
    assert paths["/api/v1/thread"]["get"]["description"].startswith("A page of a thread")
