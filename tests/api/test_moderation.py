"""The moderators' API: the queue, decisions, batches, undo, pins, the log, and who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from articles.models import Site
from comments.models import Comment, Decision
from tests.factories import make_api_key, make_article, make_comment, make_site

pytestmark = pytest.mark.django_db

ROOT = "/api/v1/moderation/"


class Desk:
    """A moderator's key at work."""

    def __init__(self, client: Client, site: Site, *scopes: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {make_api_key(site, *scopes)}"}

    def get(self, path: str) -> Any:
        return self.client.get(ROOT + path, headers=self.headers)

    def post(self, path: str, **data: Any) -> Any:
        return self.client.post(ROOT + path, data, content_type="application/json", headers=self.headers)


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def desk(client: Client, site: Site) -> Desk:
    return Desk(client, site, "moderate")


def test_queue_is_paged_oldest_first_and_tells_moderators_more(desk: Desk, site: Site) -> None:
    article = make_article(site)
    held = [make_comment(article, status="pending", body=f"{n}") for n in range(52)]
    make_comment(article)
    first = desk.get("comments").json()
    assert [comment["id"] for comment in first["comments"]] == [comment.pk for comment in held[:50]]
    assert first["comments"][0]["author_email"] == "ben@example.org"
    assert first["comments"][0]["source"] == "0"
    rest = desk.get(f"comments?cursor={first['next']}").json()
    assert [comment["id"] for comment in rest["comments"]] == [comment.pk for comment in held[50:]]
    assert rest["next"] is None
    assert len(desk.get("comments?status=approved").json()["comments"]) == 1


@pytest.mark.parametrize("query", ["status=nonsense", "cursor=forged", "cursor=%00"])
def test_queue_refuses_nonsense(desk: Desk, query: str) -> None:
    assert desk.get(f"comments?{query}").status_code == 400


@pytest.mark.parametrize("status", ["approved", "rejected", "spam", "removed"])
def test_decision(desk: Desk, site: Site, status: str) -> None:
    comment = make_comment(make_article(site), status="pending")
    answer = desk.post(f"comments/{comment.pk}/decision", status=status, reason="because")
    assert answer.status_code == 200
    assert answer.json()["comment"]["status"] == status
    assert answer.json()["version"] == (1 if status == "approved" else 0)
    log = desk.get(f"comments/{comment.pk}/log").json()["decisions"]
    assert [(row["old_status"], row["status"], row["reason"]) for row in log] == [("pending", status, "because")]
    assert log[0]["by"].startswith("awk_")


def test_decision_refuses_nonsense(desk: Desk, site: Site) -> None:
    comment = make_comment(make_article(site), status="pending")
    for data in ({}, {"status": "pending"}, {"status": "x"}, {"status": "spam", "revision": 0}):
        assert desk.post(f"comments/{comment.pk}/decision", **data).status_code == 400
    stale = desk.post(f"comments/{comment.pk}/decision", status="approved", revision=9)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_revision")
    assert desk.post("comments/999999/decision", status="spam").status_code == 404


def test_many_decisions_at_once_or_none(desk: Desk, site: Site) -> None:
    article = make_article(site)
    held = [make_comment(article, status="pending", body=f"{n}").pk for n in range(3)]
    foreign = make_comment(make_article(), status="pending").pk
    assert desk.post("decisions", ids=[*held, foreign], status="approved").status_code == 404
    assert not Decision.objects.exists()
    answer = desk.post("decisions", ids=held, status="approved")
    assert [each["comment"]["id"] for each in answer.json()] == held
    assert Comment.objects.approved().count() == 3


def test_undo_and_pin(desk: Desk, site: Site) -> None:
    comment = make_comment(make_article(site))
    desk.post(f"comments/{comment.pk}/decision", status="spam")
    assert desk.post(f"comments/{comment.pk}/undo").json()["comment"]["status"] == "approved"
    assert desk.post(f"comments/{comment.pk}/pin", pinned=True).json()["comment"]["pinned"] is True
    reply = make_comment(comment.article, comment)
    refused = desk.post(f"comments/{reply.pk}/pin", pinned=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "pin_not_possible")


def test_only_a_key_with_the_scope_and_of_the_site(client: Client, site: Site) -> None:
    comment = make_comment(make_article(site), status="pending")
    path = f"{ROOT}comments/{comment.pk}/decision"
    bare = client.post(path, {"status": "spam"}, content_type="application/json")
    assert (bare.status_code, bare["WWW-Authenticate"]) == (401, "Bearer")
    assert Desk(client, site, "articles").post(f"comments/{comment.pk}/decision", status="spam").status_code == 403
    assert Desk(client, make_site()).post(f"comments/{comment.pk}/decision", status="spam").status_code == 404
    comment.refresh_from_db()
    assert comment.status == "pending"
