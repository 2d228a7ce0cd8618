"""One site never sees another's: two sites full of everything, and every route asked about the first."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from project.tokens import edit_token
from tests.calls import CALLS, WP_JSON, Call, all_names, perform
from tests.world import MARK, Side, make_world

pytestmark = pytest.mark.django_db

WP_COMMENT = f"{WP_JSON}/wp/v2/comments/{{comment_id}}"
# What a caller of one site may try with the addresses and ids of the other, and the refusal that it must get.
KEYED = {
    "PUT /api/v1/articles": 403,
    "DELETE /api/v1/articles/{article_id}": 404,
    "PATCH /api/v1/comments/{comment_id}": 404,
    "DELETE /api/v1/comments/{comment_id}": 404,
    "GET /api/v1/comments/{comment_id}/source": 404,
    "POST /api/v1/moderation/comments/{comment_id}/decision": 404,
    "GET /api/v1/moderation/comments/{comment_id}/log": 404,
    "POST /api/v1/moderation/comments/{comment_id}/pin": 404,
    "POST /api/v1/moderation/comments/{comment_id}/undo": 404,
    "GET /api/v1/moderation/comments/{comment_id}/revisions": 404,
    "POST /api/v1/moderation/decisions": 404,
    **{name: 404 for name in CALLS if "{channel_id}" in name},
    **{f"{method} {WP_COMMENT}": 403 for method in ("POST", "PUT", "PATCH", "DELETE")},
}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


def traces(answer: Any, side: Side) -> list[str]:
    """Return what an answer shows of a site: its word, and the ids of its rows."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text = content.decode(errors="replace") + "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
    ids = "|".join(str(number) for number in sorted(side.ids()) if number > 1_000_000)
    return re.findall(rf"{MARK}|(?<!\d)(?:{ids})(?!\d)", text, re.IGNORECASE)


def key_of(side: Side) -> dict[str, str]:
    return {"Authorization": f"Bearer {side.owner_key}"}


def test_the_other_site_is_seen_where_it_is_asked_for(world: tuple[Side, Side]) -> None:
    """The proof that the tests below would notice."""
    elsewhere = world[1]
    assert all(number > 1_000_000 for number in elsewhere.ids())
    found = traces(perform(Client(), "GET /api/v1/thread", CALLS["GET /api/v1/thread"](elsewhere)), elsewhere)
    assert {MARK, str(elsewhere.article.pk), str(elsewhere.comment.pk)} <= set(found)


def test_no_route_is_missing() -> None:
    assert all_names() == set(CALLS), "tell tests/calls.py how the route is called"


@pytest.mark.parametrize("with_key", [False, True], ids=["reader", "key"])
@pytest.mark.parametrize("name", CALLS)
def test_an_answer_about_one_site_holds_nothing_of_another(name: str, with_key: bool, world: tuple[Side, Side]) -> None:
    here, elsewhere = world
    with transaction.atomic():
        answer = perform(Client(), name, CALLS[name](here), key_of(here) if with_key else None)
        transaction.set_rollback(True)
    assert answer.status_code < 500
    assert traces(answer, elsewhere) == []


@pytest.mark.parametrize("name", KEYED)
def test_a_key_cannot_reach_into_another_site(name: str, world: tuple[Side, Side]) -> None:
    here, elsewhere = world
    with transaction.atomic():
        answer = perform(Client(), name, CALLS[name](elsewhere), key_of(here))
        transaction.set_rollback(True)
    assert answer.status_code == KEYED[name]
    assert MARK not in answer.content.decode()


def test_every_route_that_needs_a_key_is_tried_with_another_sites(world: tuple[Side, Side]) -> None:
    of_owners = {name for name in CALLS if "/moderation/" in name or "/channels" in name}
    needs_key = of_owners | {name for name in CALLS if name.split()[0] in {"PUT", "DELETE", "PATCH"}}
    # The first four name nothing that could be another's; whoever may read a comment may vote on it.
    unkeyed = {
        "GET /api/v1/channels",
        "POST /api/v1/channels",
        "GET /api/v1/moderation/comments",
        "GET /api/v1/moderation/reports",
        "PUT /api/v1/comments/{comment_id}/vote",
    }
    # A session is of one site, and these routes name nothing else.
    unkeyed |= {name for name in needs_key if "/readers/me" in name}
    assert needs_key - set(KEYED) == unkeyed


def test_sites_and_ids_of_two_sites_do_not_mix(world: tuple[Side, Side]) -> None:
    here, elsewhere = world
    author = {"name": "Dora"}
    mixed = {"site": here.site.slug, "url": elsewhere.article.url}
    by_id = {"site": here.site.slug, "article": elsewhere.article.pk}
    by_identifier = {"site": here.site.slug, "identifier": elsewhere.article.identifier}
    blog, said = {"site_slug": here.site.slug}, {"content": "x", "author_name": "Dora"}
    ours = {"site": here.site.slug, "url": here.article.url}
    share = {"network_key": "linkedin", "article_id": here.article.pk, "comment_id": elsewhere.comment.pk}
    tries = [
        ("GET /api/v1/thread", Call(query=mixed), 403),
        ("GET /api/v1/thread", Call(query=by_id), 404),
        ("GET /api/v1/thread", Call(query=by_identifier), 404),
        ("GET /api/v1/thread/mine", Call(query=mixed), 403),
        ("GET /api/v1/share-links", Call(query={**ours, "comment": elsewhere.comment.pk}), 404),
        ("POST /api/v1/comments", Call(body={**mixed, "body": "x", "author": author}), 403),
        (
            "POST /api/v1/comments",
            Call(body={**ours, "body": "x", "author": author, "parent": elsewhere.comment.pk}),
            400,
        ),
        ("POST /api/v1/shares", Call(body={**by_id, "network": "copy"}), 404),
        ("POST /api/v1/shares", Call(body={**ours, "network": "copy", "comment": elsewhere.comment.pk}), 404),
        ("POST /api/v1/follows", Call(body={**by_id, "email": "dora@example.com"}), 404),
        ("GET /s/{network_key}/{article_id}/{comment_id}", Call(share), 404),
        (f"GET {WP_COMMENT}", Call({"site_slug": here.site.slug, "comment_id": elsewhere.comment.pk}), 404),
        (f"POST {WP_JSON}/wp/v2/comments", Call(blog, body={**said, "post": elsewhere.article.pk}), 403),
        (
            f"POST {WP_JSON}/wp/v2/comments",
            Call(blog, body={**said, "post": here.article.pk, "parent": elsewhere.comment.pk}),
            400,
        ),
    ]
    for name, call, status in tries:
        with transaction.atomic():
            answer = perform(Client(), name, call)
            transaction.set_rollback(True)
        assert answer.status_code == status, (name, call, answer.content)
    counts = perform(Client(), "GET /api/v1/counts", Call(query=mixed)).json()["counts"]
    assert counts[0]["total"] == 0


def test_an_edit_token_of_one_site_shows_nothing_in_another(world: tuple[Side, Side]) -> None:
    here, elsewhere = world
    headers = {"X-Afterword-Edit-Tokens": edit_token(elsewhere.held.pk, elsewhere.held.nonce.hex)}
    for side, pending in ((here, []), (elsewhere, [elsewhere.held.pk])):
        answer = perform(Client(), "GET /api/v1/thread/mine", CALLS["GET /api/v1/thread/mine"](side), headers).json()
        assert [comment["id"] for comment in answer["pending"]] == pending
