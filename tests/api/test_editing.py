"""PATCH, DELETE and source of a comment: who may, for how long, what comes back and what the public sees of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from articles.models import Article, Site
from comments.models import Comment, Decision, ExternalRef, Revision, Thread
from project import tokens
from sharing.models import Notification
from tests.factories import make_api_key, make_article, make_comment, make_site

pytestmark = pytest.mark.django_db


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def own(comment: Comment) -> dict[str, str]:
    return bearer(tokens.edit_token(comment.pk, comment.nonce.hex))


def path(comment: Comment, rest: str = "") -> str:
    return f"/api/v1/comments/{comment.pk}{rest}"


def patch(comment: Comment, headers: dict[str, str] | None = None, **data: Any) -> Any:
    return Client().patch(path(comment), {"body": "Better said."} | data, "application/json", headers=headers or {})


def delete(comment: Comment, headers: dict[str, str] | None = None) -> Any:
    return Client().delete(path(comment), headers=headers or {})


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def changes(article: Article, since: int) -> dict[str, Any]:
    data: dict[str, Any] = Client().get("/api/v1/thread/changes", {"article": article.pk, "since": since}).json()
    return {name: [each if name == "removed" else each["id"] for each in data[name]] for name in list(data)[1:]}


def age(comment: Comment, **delta: int) -> None:
    Comment.objects.filter(pk=comment.pk).update(created_at=Now() - timedelta(**delta))


def test_author_changes_her_text_and_everybody_sees_it() -> None:
    comment = make_comment(make_article(), body="Wel said.")
    answer = patch(comment, own(comment), body="Well *said*.")
    assert answer.status_code == 200
    data = answer.json()
    assert (data["html"], data["status"], data["revision"]) == ("<p>Well <em>said</em>.</p>\n", "approved", 2)
    assert data["edited_at"] is not None
    assert data["version"] == 2
    public = Client().get(path(comment)).json()
    assert (public["html"], public["edited_at"]) == (data["html"], data["edited_at"])
    assert changes(comment.article, 1) == {"added": [], "changed": [comment.pk], "removed": []}
    assert list(Revision.objects.order_by("number").values_list("number", "source", "editor")) == [
        (1, "Wel said.", "author"),
        (2, "Well *said*.", "author"),
    ]


def test_token_may_come_in_the_list_of_tokens() -> None:
    comment = make_comment(make_article())
    token = own(comment)["Authorization"].removeprefix("Bearer ")
    assert patch(comment, {"X-Afterword-Edit-Tokens": f"awe_1.x, {token}"}).status_code == 200


def test_same_text_again_changes_nothing() -> None:
    comment = make_comment(make_article(), body="Well said.")
    answer = patch(comment, own(comment), body="Well said.\n\n").json()
    assert (answer["version"], answer["revision"], answer["edited_at"]) == (1, 1, None)
    assert not Revision.objects.exists()


def test_edit_costs_six_statements_and_a_delete_five(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    comment = make_comment(make_article())
    with django_assert_num_queries(8):  # two of them are the transaction's savepoint in this test
        assert patch(comment, own(comment)).status_code == 200
    with django_assert_num_queries(7):
        assert delete(comment, own(comment)).status_code == 200


@pytest.mark.parametrize("body", ["", " ", None, 7, "x" * 10_001, "\x00", "[](https://example.org/)"])
def test_refused_text_changes_nothing(body: Any) -> None:
    comment = make_comment(make_article())
    answer = patch(comment, own(comment), body=body)
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json().get("errors", [{"field": "body"}])} == {"body"}
    comment.refresh_from_db()
    assert (comment.revision, comment.source) == (1, "Well said.")


def test_sites_own_limit_holds_for_edits() -> None:
    comment = make_comment(make_article(make_site(max_length=20)))
    assert problem(patch(comment, own(comment), body="x" * 21)) == (400, "validation_failed")


def test_stranger_changes_nothing() -> None:
    comment, other = make_comment(make_article()), make_comment(make_article())
    forged = bearer(own(other)["Authorization"].split("_")[1].replace(str(other.pk), f"awe_{comment.pk}", 1))
    for work in (patch, delete):
        assert problem(work(comment)) == (401, "unauthorized")
        assert problem(work(comment, own(other))) == (403, "forbidden")
        assert problem(work(comment, forged)) == (403, "forbidden")
        assert problem(work(comment, bearer("awk_none"))) == (401, "unauthorized")
    assert problem(Client().get(path(comment, "/source"), headers=own(other))) == (403, "forbidden")
    comment.refresh_from_db()
    assert (comment.revision, comment.status) == (1, "approved")


def test_stranger_does_not_learn_that_a_hidden_comment_is_there() -> None:
    held, other = make_comment(make_article(), status="pending"), make_comment(make_article())
    for headers in ({}, own(other), bearer(make_api_key(other.site)), bearer(make_api_key(held.site, "export"))):
        assert problem(patch(held, headers)) == (404, "not_found")
        assert problem(delete(held, headers)) == (404, "not_found")
        assert problem(Client().get(path(held, "/source"), headers=headers)) == (404, "not_found")


def test_foreign_page_cannot_make_a_browser_edit() -> None:
    comment = make_comment(make_article())
    for origin in ("https://evil.example.net", "null"):
        assert problem(patch(comment, own(comment) | {"Origin": origin})) == (403, "origin_not_allowed")
        assert problem(delete(comment, own(comment) | {"Origin": origin})) == (403, "origin_not_allowed")
    assert patch(comment, own(comment) | {"Origin": "https://news.example.org"}).status_code == 200


def test_window_is_the_sites_by_the_databases_clock() -> None:
    comment = make_comment(make_article())
    age(comment, minutes=14)
    assert patch(comment, own(comment)).status_code == 200
    age(comment, minutes=16)
    assert problem(patch(comment, own(comment), body="Late.")) == (403, "edit_window_over")
    assert problem(delete(comment, own(comment))) == (403, "edit_window_over")
    Site.objects.update(edit_minutes=20)
    assert patch(comment, own(comment), body="Late.").status_code == 200
    Site.objects.update(edit_minutes=0)
    age(comment, seconds=0)
    assert problem(patch(comment, own(comment), body="Later.")) == (403, "edit_window_over")


def test_moderator_may_always_and_her_text_needs_no_rule() -> None:
    site = make_site(moderation="all", held_words=["fish"])
    comment = make_comment(make_article(site))
    age(comment, days=400)
    key = bearer(make_api_key(site, "moderate"))
    assert patch(comment, key, body="About fish").json()["status"] == "approved"
    assert Revision.objects.get(number=2).editor == "moderator"
    assert Revision.objects.get(number=2).api_key is not None
    assert delete(comment, key).status_code == 200
    assert Decision.objects.get().status == "removed"
    assert patch(comment, key, body="In the archive").json()["version"] == 3


def test_edit_that_a_rule_holds_takes_the_comment_from_the_public() -> None:
    article = make_article(make_site(held_words=["fish"]))
    comment = make_comment(article)
    make_comment(article, comment, body="Reply")
    data = patch(comment, own(comment), body="Now about fish").json()
    assert (data["status"], data["version"]) == ("pending", 3)
    comment.refresh_from_db()
    assert comment.reason == "held_word"
    tombstone = Client().get(path(comment)).json()
    assert (tombstone["status"], tombstone["html"]) == ("removed", None)
    assert changes(article, 2) == {"added": [], "changed": [comment.pk], "removed": []}
    # What waits goes on waiting, harmless or not: a moderator has to look.
    assert patch(comment, own(comment), body="Well said.").json()["status"] == "pending"


def test_members_hear_of_each_text_that_lost_its_place_once() -> None:
    article = make_article(make_site(held_words=["fish"]))
    comment = make_comment(article)
    key = bearer(make_api_key(article.site, "moderate"))
    decision = f"/api/v1/moderation/comments/{comment.pk}"
    for text in ("About fish", "More fish"):
        assert patch(comment, own(comment), body=text).json()["status"] == "pending"
        Client().post(f"{decision}/decision", {"status": "rejected"}, "application/json", headers=key)
        Client().post(f"{decision}/undo", {}, "application/json", headers=key)
        Client().post(f"{decision}/decision", {"status": "approved"}, "application/json", headers=key)
    held = Notification.objects.filter(kind=Notification.Kind.HELD).order_by("id")
    assert [row.cause_key for row in held] == [f"comment:{comment.pk}:held:2", f"comment:{comment.pk}:held:3"]


@pytest.mark.parametrize(("moderation", "status"), [("open", "approved"), ("newcomers", "pending"), ("all", "pending")])
def test_approved_text_is_not_swapped_for_one_that_would_have_waited(moderation: str, status: str) -> None:
    article = make_article(make_site(moderation=moderation))
    comment = make_comment(article)
    assert patch(comment, own(comment), body="Something else").json()["status"] == status


def test_another_approved_comment_vouches_for_an_edit_where_newcomers_wait() -> None:
    article = make_article(make_site(moderation="newcomers"))
    earlier, comment = make_comment(article), make_comment(article)
    headers = {"X-Afterword-Edit-Tokens": own(earlier)["Authorization"].removeprefix("Bearer ")}
    assert patch(comment, own(comment) | headers, body="Something else").json()["status"] == "approved"


@pytest.mark.parametrize("status", ["removed", "rejected", "spam"])
def test_what_a_moderator_took_away_its_author_does_not_change(status: str) -> None:
    comment = make_comment(make_article(), status=status)
    assert problem(patch(comment, own(comment))) == (404, "not_found")


@pytest.mark.parametrize("status", ["rejected", "spam"])
def test_what_was_refused_its_author_does_not_move(status: str) -> None:
    comment = make_comment(make_article(), status=status)
    assert problem(delete(comment, own(comment))) == (404, "not_found")


def test_closed_comments_may_still_be_put_right_but_not_those_of_a_hidden_article() -> None:
    article = make_article(comments_open=False)
    comment = make_comment(article)
    assert patch(comment, own(comment)).status_code == 200
    Article.objects.update(visibility="hidden")
    assert problem(patch(comment, own(comment), body="Again")) == (403, "comments_closed")
    assert delete(comment, own(comment)).status_code == 200


def test_imported_comment_is_a_moderators_and_stays_html() -> None:
    article = make_article()
    comment = make_comment(article, provider="wordpress")
    ExternalRef.objects.create(site=article.site, comment=comment, provider="wordpress", source="x", external_id="1")
    assert problem(patch(comment, own(comment))) == (403, "forbidden")
    key = bearer(make_api_key(article.site))
    data = patch(comment, key, body="<b>Bold</b> <script>alert(1)</script>").json()
    assert "<b>Bold</b>" in data["html"] or "<strong>Bold</strong>" in data["html"]
    assert "script" not in data["html"]
    assert problem(patch(comment, key, body="<script>alert(1)</script>")) == (400, "validation_failed")


def test_edit_of_an_older_text_is_refused_where_the_client_says_so() -> None:
    comment = make_comment(make_article())
    assert patch(comment, own(comment), body="Two", revision=1).json()["revision"] == 2
    assert problem(patch(comment, own(comment), body="Three", revision=1)) == (409, "stale_revision")
    for revision in ("2", 0, -1, True, 2**31, 1.5):
        assert problem(patch(comment, own(comment), body="Three", revision=revision)) == (400, "validation_failed")


def test_deleted_comment_is_gone_and_deleting_it_again_answers_the_same() -> None:
    comment = make_comment(make_article())
    first = delete(comment, own(comment))
    assert (first.status_code, first.json()) == (200, {"version": 2})
    assert delete(comment, own(comment)).json() == {"version": 2}
    assert Client().get(path(comment)).status_code == 404
    assert changes(comment.article, 1) == {"added": [], "changed": [], "removed": [comment.pk]}
    comment.refresh_from_db()
    assert (comment.status, comment.reason, comment.source) == ("removed", "author", "Well said.")
    assert not Decision.objects.exists()
    assert Thread.objects.get().version == 2


def test_deleted_comment_is_a_tombstone_above_a_reply_and_a_moderator_restores_it() -> None:
    article = make_article()
    comment = make_comment(article)
    make_comment(article, comment)
    assert delete(comment, own(comment)).status_code == 200
    assert Client().get(path(comment)).json()["html"] is None
    key = bearer(make_api_key(article.site, "moderate"))
    decision = f"/api/v1/moderation/comments/{comment.pk}/decision"
    back = Client().post(decision, {"status": "approved"}, "application/json", headers=key).json()
    assert back["comment"]["html"] == "<p>Well said.</p>\n"
    assert changes(article, 3) == {"added": [], "changed": [comment.pk], "removed": []}


def test_undo_of_a_decision_does_not_bring_back_what_its_author_took_back() -> None:
    comment = make_comment(make_article(), status="pending")
    key = bearer(make_api_key(comment.site, "moderate"))
    root = f"/api/v1/moderation/comments/{comment.pk}"
    Client().post(f"{root}/decision", {"status": "approved"}, "application/json", headers=key)
    assert delete(comment, own(comment)).status_code == 200
    answer = Client().post(f"{root}/undo", {}, "application/json", headers=key)
    assert problem(answer) == (409, "stale_revision")


def test_source_is_what_was_typed_for_whoever_may_change_it() -> None:
    body = '"><script>alert(1)</script> *so*'
    comment = make_comment(make_article(), body=body)
    answer = Client().get(path(comment, "/source"), headers=own(comment))
    assert answer.json() == {"body": body, "revision": 1}
    assert answer["Cache-Control"] == "private, no-store"
    key = bearer(make_api_key(comment.site, "moderate"))
    assert Client().get(path(comment, "/source"), headers=key).json() == {"body": body, "revision": 1}


def mine(article: Article, *comments: Comment) -> dict[str, Any]:
    listed = ",".join(own(comment)["Authorization"].removeprefix("Bearer ") for comment in comments)
    headers = {"X-Afterword-Edit-Tokens": listed}
    found: dict[str, Any] = Client().get("/api/v1/thread/mine", {"article": article.pk}, headers=headers).json()
    return found


def test_mine_names_what_may_still_be_changed() -> None:
    article = make_article()
    public, held = make_comment(article), make_comment(article, status="pending")
    late, removed = make_comment(article), make_comment(article, status="removed")
    elsewhere, imported = make_comment(make_article(article.site)), make_comment(article, provider="disqus")
    age(late, minutes=16)
    found = mine(article, public, held, late, removed, elsewhere, imported)
    assert found["editable"] == [public.pk, held.pk]
    assert [comment["id"] for comment in found["pending"]] == [held.pk]
    Site.objects.update(edit_minutes=0)
    assert mine(article, public, held)["editable"] == []


def test_mine_costs_one_statement_for_all_tokens(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    article = make_article()
    several = [make_comment(article) for _ in range(20)]
    for count in (1, 20):
        with django_assert_num_queries(2):  # the article, and they
            assert len(mine(article, *several[:count])["editable"]) == count


@pytest.mark.parametrize("body", ["*Quite* so", "<b>x</b> https://example.org", "> q\n\n    code\n", "a\r\nb"])
def test_preview_equals_what_an_edit_publishes(client: Client, body: str) -> None:
    comment = make_comment(make_article())
    seen = client.post("/api/v1/preview", {"body": body}, content_type="application/json").json()["html"]
    assert patch(comment, own(comment), body=body).json()["html"] == seen
    assert client.get(path(comment)).json()["html"] == seen
