"""Idempotency-Key: a request that is sent again is done once, and answered as before."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from articles.models import IdempotencyRecord
from articles.services.idempotency import prune_answers
from articles.tasks import forget_answers
from comments.models import Comment
from comments.services import posting
from project import tokens
from project.errors import Problem
from tests.factories import make_api_key, make_article, make_comment, make_site

pytestmark = pytest.mark.django_db


def new_key() -> str:
    return str(uuid.uuid4())


def comment_on(article: Any, body: str = "Well said.", **more: Any) -> dict[str, Any]:
    page = {"site": article.site.slug, "url": article.url}
    return {**page, "body": body, "author": {"name": "Ben", "email": "ben@example.org"}, **more}


def post(client: Client, data: Any, key: str | None = None, path: str = "/api/v1/comments", **headers: str) -> Any:
    """POST JSON (bytes go as they are) with an Idempotency-Key where one is given."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    sent = headers | ({"Idempotency-Key": key} if key is not None else {})
    return client.generic("POST", path, body, content_type="application/json", headers=sent)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_undo_that_is_repeated_undoes_once(client: Client) -> None:
    site = make_site()
    comment = make_comment(make_article(site))
    path, key = f"/api/v1/moderation/comments/{comment.pk}", new_key()
    bearer = {"Authorization": f"Bearer {make_api_key(site)}"}
    post(client, {"status": "spam"}, path=f"{path}/decision", **bearer)
    answers = [post(client, {}, key, path=f"{path}/undo", **bearer).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["comment"]["status"] == "approved"


def test_retry_gets_token_version_and_body_of_the_first_answer(client: Client) -> None:
    article, key = make_article(), new_key()
    first = post(client, comment_on(article), key).json()
    post(client, comment_on(article, "Something else."))
    Comment.objects.filter(pk=first["id"]).update(html="<p>Edited.</p>")
    assert post(client, comment_on(article), key).json() == first
    assert first["edit_token"].startswith("awe_")
    kept = json.dumps(IdempotencyRecord.objects.get().answer)
    assert "awe_" not in kept and first["edit_token"].partition(".")[2] not in kept


def test_token_is_not_repeated_once_its_nonce_has_gone(client: Client) -> None:
    article, key = make_article(), new_key()
    first = post(client, comment_on(article), key).json()
    Comment.objects.filter(pk=first["id"]).update(nonce=uuid.uuid4())
    again = post(client, comment_on(article), key).json()
    assert again == {name: value for name, value in first.items() if name != "edit_token"}


@pytest.mark.parametrize("status", ["pending", "approved"])
def test_held_comment_is_repeated_as_202(client: Client, status: str) -> None:
    article, key = make_article(make_site(moderation="all" if status == "pending" else "open")), new_key()
    first, again = (post(client, comment_on(article), key) for _ in range(2))
    assert first.status_code == again.status_code == (202 if status == "pending" else 201)
    assert first.json() == again.json()
    assert first.json()["status"] == status


def test_key_of_another_body_or_credential_is_refused_and_does_nothing(client: Client) -> None:
    article, key = make_article(), new_key()
    data = comment_on(article)
    assert post(client, data, key).status_code == 201
    spaced = json.dumps(data, indent=1).encode()
    bearer = {"Authorization": f"Bearer {make_api_key(article.site)}"}
    for answer in (post(client, comment_on(article, "Other."), key), post(client, spaced, key)):
        assert code(answer) == (422, "idempotency_key_reused")
    assert code(post(client, data, key, **bearer)) == (422, "idempotency_key_reused")
    assert Comment.objects.count() == 1


def test_key_of_another_comment_below_the_same_route_is_refused(client: Client) -> None:
    site = make_site()
    article, key = make_article(site), new_key()
    bearer = {"Authorization": f"Bearer {make_api_key(site)}"}
    one, two = make_comment(article), make_comment(article)
    for comment, status in ((one, 200), (two, 422)):
        path = f"/api/v1/moderation/comments/{comment.pk}/decision"
        assert post(client, {"status": "spam"}, key, path=path, **bearer).status_code == status
    two.refresh_from_db()
    assert two.status == "approved"


def test_sites_and_routes_have_keys_of_their_own(client: Client) -> None:
    here, there, key = make_article(), make_article(), new_key()
    assert post(client, comment_on(here), key).status_code == 201
    assert post(client, comment_on(there), key).status_code == 201
    share = {"site": here.site.slug, "url": here.url, "network": "copy"}
    assert post(client, share, key, path="/api/v1/shares").status_code == 201
    assert IdempotencyRecord.objects.filter(key=key).count() == 3


def test_refused_request_leaves_no_record_and_its_key_may_be_used_again(client: Client) -> None:
    article, key = make_article(comments_open=False), new_key()
    assert code(post(client, comment_on(article), key)) == (403, "comments_closed")
    assert not IdempotencyRecord.objects.exists()
    type(article).objects.filter(pk=article.pk).update(comments_open=True)
    assert post(client, comment_on(article), key).status_code == 201


def test_first_write_that_is_refused_registers_no_page(client: Client) -> None:
    site = make_site(max_length=5)
    data = {"site": site.slug, "url": f"https://{site.origins.get().origin}/new", "body": "Too long for this site"}
    assert post(client, {**data, "author": {"name": "Ben"}}, new_key()).status_code == 400
    assert not site.articles.exists()


def test_without_a_key_the_twin_is_a_duplicate_and_gets_no_token(client: Client) -> None:
    article = make_article()
    first = post(client, comment_on(article), new_key()).json()
    for key in (None, new_key()):
        twin = post(client, comment_on(article), key)
        assert code(twin) == (409, "duplicate_comment")
        assert twin.json()["id"] == first["id"] and "edit_token" not in twin.json()
    assert Comment.objects.count() == 1


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("x" * 16, 201),
        ("x" * 255, 201),
        ("!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~", 201),
        ("", 400),
        ("x" * 15, 400),
        ("x" * 256, 400),
        ("x" * 10_000, 400),
        ("a key with some spaces", 400),
        ("a-key-with-a-tab\there", 400),
        ("a-key-with-a-null\0here", 400),
        ("schlüssel-mit-umlaut", 400),
        ("a-key-with-delete\x7f", 400),
    ],
)
def test_keys_have_16_to_255_visible_ascii_characters(client: Client, key: str, status: int) -> None:
    answer = post(client, comment_on(make_article()), key)
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["code"] == "idempotency_key_invalid"
        assert not Comment.objects.exists()


def test_key_may_be_used_anew_after_a_day(client: Client) -> None:
    article, key = make_article(), new_key()
    first = post(client, comment_on(article), key).json()
    IdempotencyRecord.objects.update(created_at=Now() - timedelta(hours=23, minutes=59))
    assert post(client, comment_on(article), key).json() == first
    IdempotencyRecord.objects.update(created_at=Now() - timedelta(hours=24, seconds=1))
    other = post(client, comment_on(article, "Another day."), key)
    assert other.status_code == 201 and other.json()["id"] != first["id"]
    assert post(client, comment_on(article, "Another day."), key).json() == other.json()
    assert IdempotencyRecord.objects.count() == 1


def test_answers_of_yesterday_are_forgotten(client: Client) -> None:
    article = make_article()
    for number in range(5):
        post(client, comment_on(article, f"{number}"), f"{number}" * 16)
    IdempotencyRecord.objects.exclude(key="4" * 16).update(created_at=Now() - timedelta(hours=25))
    assert prune_answers(2) == 2
    forget_answers()
    forget_answers()
    assert [record.key for record in IdempotencyRecord.objects.all()] == ["4" * 16]


def test_key_costs_two_statements(client: Client, django_assert_num_queries: Any) -> None:
    article = make_article()
    # As without a key, see test_writing; the look, and the answer that is kept.
    with django_assert_num_queries(7 + 2):
        post(client, comment_on(article), new_key())
    key = new_key()
    post(client, comment_on(article, "Again."), key)
    # Article and site, the savepoint pair that stands for BEGIN and COMMIT, the look, the token's nonce.
    with django_assert_num_queries(5):
        post(client, comment_on(article, "Again."), key)


@pytest.mark.django_db(transaction=True)
def test_work_that_fails_leaves_neither_effect_nor_record(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    article, key = make_article(), new_key()

    def fail(*_: Any) -> None:
        raise Problem("unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(posting, "commit_change", fail)
        assert post(client, comment_on(article), key).status_code == 503
    assert not Comment.objects.exists() and not IdempotencyRecord.objects.exists()
    assert post(client, comment_on(article), key).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_deadlock_repeats_the_whole_unit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    article, key, times = make_article(), new_key(), 0
    real = posting.commit_change

    def deadlock(change: Any) -> int:
        nonlocal times
        times += 1
        if times < 3:
            with connection.cursor() as cursor:
                cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'as in a deadlock' USING ERRCODE = '40P01'; END $$")
        return real(change)

    monkeypatch.setattr(posting, "commit_change", deadlock)
    assert post(client, comment_on(article), key).status_code == 201
    assert (times, Comment.objects.count(), IdempotencyRecord.objects.count()) == (3, 1, 1)


def test_edit_token_of_a_retry_opens_the_comment(client: Client) -> None:
    article, key = make_article(), new_key()
    post(client, comment_on(article), key)
    token = tokens.read_edit_token(post(client, comment_on(article), key).json()["edit_token"])
    assert token is not None and tokens.proves_edit(token, Comment.objects.get().nonce.hex)
