"""POST comments and POST preview: statuses, shape, refusals, and that nothing more than named fields is read."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from articles.models import Article
from comments.models import Comment
from tests.factories import make_article, make_comment, make_site

pytestmark = pytest.mark.django_db

URL = "https://news.example.org/stories/fresh"


def post(client: Client, path: str = "/api/v1/comments", *, headers: dict[str, str] | None = None, **data: Any) -> Any:
    return client.post(path, data, content_type="application/json", headers=headers or {})


def ben(article: Article, body: str = "Well said.", **data: Any) -> dict[str, Any]:
    return {"article": article.pk, "body": body, "author": {"name": "Ben", "email": "ben@example.org"}} | data


def errors(answer: Any) -> set[tuple[str, str]]:
    document = answer.json()
    assert answer.status_code == 400, document
    assert answer["Content-Type"].startswith("application/problem+json")
    assert document["code"] == "validation_failed"
    return {(each["field"], each["code"]) for each in document["errors"]}


def test_published_comment_comes_back_whole_with_token_and_version(client: Client) -> None:
    article = make_article()
    answer = post(client, **ben(article, "Hello **you**"))
    assert answer.status_code == 201
    data = answer.json()
    assert data["html"] == "<p>Hello <strong>you</strong></p>\n"
    assert (data["status"], data["version"], data["provider"]) == ("approved", 1, "native")
    assert data["author"] == {"name": "Ben", "url": None, "avatar": None, "role": None}
    assert data["edit_token"].startswith("awe_")
    assert data["permalink"] == f"{article.url}#comment-{data['id']}"
    assert "ben@example.org" not in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies


def test_held_comment_is_202_and_shows_its_author_what_she_wrote(client: Client) -> None:
    article = make_article(make_site(moderation="all"))
    answer = post(client, **ben(article))
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["html"]) == ("pending", "<p>Well said.</p>\n")


def test_first_write_registers_the_page(client: Client) -> None:
    site = make_site("press")
    answer = post(client, site="press", url=f"{URL}?utm_source=x", title="Fresh", body="First!", author={"name": "Ben"})
    assert answer.status_code == 201
    article = Article.objects.get(site=site)
    assert (article.title, article.visibility) == ("Fresh", "public")
    again = post(client, site="press", url=URL.replace("https", "http") + "/", body="Second!", author={"name": "Ben"})
    assert again.status_code == 201
    assert Comment.objects.filter(article=article).count() == 2


def test_page_of_a_foreign_origin_is_refused(client: Client) -> None:
    make_site("press")
    answer = post(client, site="press", url="https://elsewhere.example.net/x", body="x", author={"name": "Ben"})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert not Article.objects.exists()


def test_refused_comment_leaves_no_page_behind(client: Client) -> None:
    make_site("press")
    for body in (" ", "x" * 10_001, "[](https://example.org/)"):
        assert errors(post(client, site="press", url=URL, body=body, author={"name": "Ben"}))
        assert not Article.objects.exists()


def test_every_wrong_field_is_named_at_once(client: Client) -> None:
    answer = post(
        client,
        article=make_article().pk,
        body=7,
        author={"name": "", "email": "no address", "url": "javascript:alert(1)"},
        parent="1",
        follow="everything",
    )
    assert {field for field, _ in errors(answer)} == {
        "body",
        "author.name",
        "author.email",
        "author.url",
        "parent",
        "follow",
    }


@pytest.mark.parametrize("author", [None, "Ben", [], {}, {"name": None}, {"name": 5}, {"name": "\u200b"}])
def test_an_author_needs_a_name(client: Client, author: Any) -> None:
    answer = post(client, article=make_article().pk, body="x", author=author)
    assert errors(answer)


def test_fields_that_clients_must_not_set_are_not_read(client: Client) -> None:
    article = make_article(make_site(moderation="all"))
    forged = {"status": "approved", "id": 7, "site_id": 99, "depth": 3, "html": "<b>", "up": 9, "provider": "disqus"}
    answer = post(client, **(ben(article) | forged))
    comment = Comment.objects.get()
    assert (answer.status_code, comment.status, comment.up, comment.provider) == (202, "pending", 0, "native")


def test_duplicate_names_the_first_and_no_token(client: Client) -> None:
    article = make_article()
    first = post(client, **ben(article)).json()
    answer = post(client, **ben(article))
    assert (answer.status_code, answer.json()["code"], answer.json()["id"]) == (409, "duplicate_comment", first["id"])
    assert "edit_token" not in answer.json()


def test_parent_rules(client: Client) -> None:
    article = make_article()
    elsewhere = make_comment(make_article(article.site))
    assert post(client, **ben(article, parent=elsewhere.pk)).json()["code"] == "parent_elsewhere"
    assert post(client, **ben(article, parent=10**12)).json()["code"] == "parent_unknown"
    assert errors(post(client, **ben(article, parent=-1))) == {("parent", "not_an_id")}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b"[]", 400, "malformed_json"),
        (b'{"body": "\\ud800"}', 400, "malformed_json"),
        (b'{"body": "a\\u0000b"}', 400, "malformed_json"),
        (b'{"a": 1, "a": 2}', 400, "malformed_json"),
        (b"[" * 100_000, 400, "malformed_json"),
        (b'{"body": "' + b"x" * 300_000 + b'"}', 413, "body_too_large"),
    ],
)
def test_broken_bodies_get_a_problem(client: Client, body: bytes, status: int, code: str) -> None:
    answer = client.post("/api/v1/comments", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_only_json_is_taken(client: Client) -> None:
    answer = client.post("/api/v1/comments", {"body": "x"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://news.example.org", 201),
        ("https://evil.example.net", 403),
        ("null", 403),
        ("https://news.example.org.evil.example.net", 403),
    ],
)
def test_browser_writes_come_from_an_origin_of_the_site(client: Client, origin: str, status: int) -> None:
    answer = post(client, headers={"Origin": origin}, **ben(make_article()))
    assert answer.status_code == status


def test_preview_equals_what_is_published(client: Client) -> None:
    body = "A *fine* piece, see https://example.org/ <script>alert(1)</script>"
    preview = post(client, "/api/v1/preview", body=body)
    assert preview.status_code == 200
    assert preview.json()["html"] == post(client, **ben(make_article(), body)).json()["html"]
    assert errors(post(client, "/api/v1/preview", body="")) == {("body", "blank")}


def test_post_takes_few_queries(client: Client, django_assert_num_queries: Any) -> None:
    article = make_article()
    # Article and site, the author's lock, the look around, the notification, the last statement; and the savepoint pair
    # that stands here for BEGIN and COMMIT.
    with django_assert_num_queries(7):
        post(client, **ben(article))
