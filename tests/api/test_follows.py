"""`POST /api/v1/follows`: the same answer for every address, one clear refusal for everything else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from articles.models import Article
from comments.models import Comment
from project.addresses import email_key
from sharing.models import Delivery, Follow, Suppression
from tests.factories import BEN, CY, make_article, make_comment, make_follow, make_site

ORIGIN = "https://news.example.org"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker is not what these tests are about."""
    from project.doorbell import Doorbell

    monkeypatch.setattr(Doorbell, "wake", lambda self, *args: None)


@pytest.fixture
def article(db: None) -> Article:
    return make_article(make_site("sketch"))


@pytest.fixture
def comment(article: Article) -> Comment:
    return make_comment(article)


def ask(client: Client, data: Any, **headers: str) -> Any:
    return client.post("/api/v1/follows", data, content_type="application/json", headers=headers)


def test_every_well_formed_address_gets_the_same_answer(client: Client, article: Article) -> None:
    make_follow(article.site, "confirmed@example.org", article=article)
    make_follow(article.site, "left@example.org", article=article, status="unsubscribed")
    make_follow(article.site, "asked@example.org", article=article, status="unconfirmed")
    Suppression.objects.create(site=article.site, address_key=email_key(CY), kind="complaint")
    names = ["confirmed@example.org", "left@example.org", "asked@example.org", CY, "new@example.org"]
    answers = [ask(client, {"email": email, "article": article.pk}) for email in names for _ in range(2)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert set(Delivery.objects.values_list("address", flat=True)) == set(names) - {"confirmed@example.org", CY}


@pytest.mark.parametrize(
    ("wish", "target"),
    [
        ({"article": "ARTICLE"}, ("article", "ARTICLE")),
        ({"site": "sketch", "url": "URL"}, ("article", "ARTICLE")),
        (
            {"site": "sketch", "url": "http://NEWS.example.org/new?utm_source=x", "frequency": "immediate"},
            ("article", "?"),
        ),
        ({"comment": "COMMENT"}, ("comment", "COMMENT")),
        ({"site": "sketch"}, ("site", "")),
        ({"site": "sketch", "tag": " ＢＥＥＳ "}, ("tag", "bees")),
        ({"site": "sketch", "author": "Ada  Straße"}, ("author", "ada strasse")),
    ],
)
def test_everything_that_can_be_followed(
    client: Client, article: Article, comment: Comment, wish: dict[str, Any], target: tuple[str, str]
) -> None:
    values = {"ARTICLE": article.pk, "COMMENT": comment.pk, "URL": article.url}
    answer = ask(client, {"email": BEN} | {name: values.get(value, value) for name, value in wish.items()})
    assert answer.status_code == 202, answer.content
    follow = Follow.objects.get()
    kind, key = target
    assert follow.target_kind == kind
    expected = str(Article.objects.latest("pk").pk) if key == "?" else str(values.get(key, key))
    assert follow.target_key == expected
    assert follow.site == article.site


@pytest.mark.parametrize(
    ("data", "status", "code", "field"),
    [
        ({}, 400, "validation_failed", "email"),
        ({"email": BEN}, 400, "validation_failed", "site"),
        ({"email": "ben", "article": "ARTICLE"}, 400, "validation_failed", "email"),
        ({"email": 5, "article": "ARTICLE"}, 400, "validation_failed", "email"),
        ({"email": [BEN], "article": "ARTICLE"}, 400, "validation_failed", "email"),
        ({"email": "bén@example.org", "article": "ARTICLE"}, 400, "validation_failed", "email"),
        ({"email": BEN, "article": "x"}, 400, "validation_failed", "article"),
        ({"email": BEN, "article": 10**30}, 400, "malformed_json", None),
        ({"email": BEN, "article": 2**62}, 404, "unknown_page", None),
        ({"email": BEN, "comment": 2**62}, 404, "not_found", None),
        ({"email": BEN, "site": "sketch", "tag": "a", "author": "b"}, 400, "validation_failed", ""),
        ({"email": BEN, "comment": "COMMENT", "article": "ARTICLE"}, 400, "validation_failed", ""),
        ({"email": BEN, "site": "sketch", "tag": ""}, 400, "validation_failed", "tag"),
        ({"email": BEN, "site": "nowhere"}, 404, "unknown_site", None),
        ({"email": BEN, "site": "sketch", "identifier": "unknown"}, 404, "unknown_page", None),
        ({"email": BEN, "site": "sketch", "url": "https://evil.example/"}, 403, "origin_not_allowed", None),
        ({"email": BEN, "site": "sketch", "url": "javascript:alert(1)"}, 400, "validation_failed", "url"),
        ({"email": BEN, "article": "ARTICLE", "timezone": "Berlin"}, 400, "validation_failed", "timezone"),
        ({"email": BEN, "article": "ARTICLE", "timezone": "../UTC"}, 400, "validation_failed", "timezone"),
        ({"email": BEN, "article": "ARTICLE", "frequency": "hourly"}, 400, "validation_failed", "frequency"),
        ([BEN], 400, "malformed_json", None),
    ],
)
def test_what_is_refused_leaves_nothing(
    client: Client, article: Article, comment: Comment, data: Any, status: int, code: str, field: str | None
) -> None:
    values = {"ARTICLE": article.pk, "COMMENT": comment.pk}
    if isinstance(data, dict):
        data = {name: values.get(value, value) if isinstance(value, str) else value for name, value in data.items()}
    answer = ask(client, data)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    if field is not None:
        assert [error["field"] for error in problem["errors"]] == [field]
    assert not Follow.objects.exists() and Article.objects.count() == 1


@pytest.mark.parametrize("change", ["pending", "removed", "hidden"])
def test_what_is_not_public_cannot_be_followed(client: Client, article: Article, comment: Comment, change: str) -> None:
    if change == "hidden":
        Article.objects.update(visibility="hidden")
        assert ask(client, {"email": BEN, "article": article.pk}).status_code == 404
    else:
        Comment.objects.update(status=change)
    assert ask(client, {"email": BEN, "comment": comment.pk}).status_code == 404
    assert not Follow.objects.exists()


@pytest.mark.parametrize(
    ("origin", "status"), [(ORIGIN, 202), ("http://testserver", 202), ("https://evil.example", 403), ("null", 403)]
)
def test_a_browser_may_ask_from_the_site_s_pages_only(
    client: Client, article: Article, origin: str, status: int
) -> None:
    answer = ask(client, {"email": BEN, "article": article.pk}, origin=origin)
    assert answer.status_code == status
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert Follow.objects.exists() == (status == 202)


def test_forms_and_other_methods_are_refused(client: Client, article: Article) -> None:
    assert client.post("/api/v1/follows", {"email": BEN, "article": article.pk}).status_code == 415
    assert client.get("/api/v1/follows").status_code == 405


def test_asking_costs_the_same_whoever_is_asked_for(
    client: Client, article: Article, django_assert_max_num_queries: Any
) -> None:
    make_follow(article.site, CY, article=article)
    Follow.objects.update(confirmed_at=timezone.now())
    for email in (BEN, CY):
        with django_assert_max_num_queries(16):
            ask(client, {"email": email, "article": article.pk})


def test_how_often_and_where_she_lives(client: Client, article: Article) -> None:
    wish = {"email": BEN, "article": article.pk, "frequency": "daily", "timezone": "Asia/Tokyo"}
    assert ask(client, wish).status_code == 202
    follow = Follow.objects.select_related("follower").get()
    assert (follow.frequency, follow.follower.timezone) == ("daily", "Asia/Tokyo")
    # Whoever asks again in her name moves nothing of hers.
    assert ask(client, {**wish, "timezone": "Europe/Berlin"}).status_code == 202
    follow.follower.refresh_from_db()
    assert follow.follower.timezone == "Asia/Tokyo"
