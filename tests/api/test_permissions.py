"""Who may do what: every route, every kind of caller, as one table."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from tests.calls import CALLS, WP_JSON, Call, all_names, perform
from tests.factories import make_api_key
from tests.world import Side, make_world

pytestmark = pytest.mark.django_db

# A reader without anything; a key of the site without the scope asked for; a key of another site with every scope; a
# key of the site with every scope; a moderator of the site who has signed in; a key that never was.
ACTORS = ("anonymous", "weak", "foreign", "owner", "staff", "false")

# status for everybody, or one for each of ACTORS
Row = int | tuple[int, int, int, int, int, int]


def open_api(status: int) -> Row:
    """A route of the API that needs nothing; a false key is told so wherever a key could matter."""
    return (status, status, status, status, status, 401)


OWN_ROWS = (401, 403, 404, 200, 401, 401)
READER = (200, 401, 401, 401, 200, 401)  # the call brings a session, which a key takes the place of
STAFF = (302, 302, 302, 302, 404, 302)  # the tests' mail is not kept as files

TABLE: dict[str, Row] = {
    "GET /api/v1/articles": open_api(200),
    "PUT /api/v1/articles": (401, 403, 403, 200, 401, 401),
    "GET /api/v1/articles/{article_id}": open_api(200),
    "DELETE /api/v1/articles/{article_id}": (401, 403, 404, 204, 401, 401),
    "GET /api/v1/articles/{article_id}/related": 200,
    "GET /api/v1/articles/{article_id}/share-links": 200,
    "GET /api/v1/articles/{article_id}/stream": 200,
    "GET /api/v1/channels": (401, 403, 200, 200, 401, 401),  # each key sees its own site
    "POST /api/v1/channels": (401, 403, 201, 201, 401, 401),
    "GET /api/v1/channels/{channel_id}": OWN_ROWS,
    "PATCH /api/v1/channels/{channel_id}": OWN_ROWS,
    "DELETE /api/v1/channels/{channel_id}": (401, 403, 404, 204, 401, 401),
    "POST /api/v1/channels/{channel_id}/secret": OWN_ROWS,
    "POST /api/v1/channels/{channel_id}/test": (401, 403, 404, 202, 401, 401),
    "GET /api/v1/channels/{channel_id}/preview": OWN_ROWS,
    "GET /api/v1/channels/{channel_id}/posts": OWN_ROWS,
    "POST /api/v1/channels/{channel_id}/replay": OWN_ROWS,
    "POST /api/v1/comments": open_api(201),
    "GET /api/v1/comments/{comment_id}": 200,
    "PATCH /api/v1/comments/{comment_id}": OWN_ROWS,
    "DELETE /api/v1/comments/{comment_id}": OWN_ROWS,
    "GET /api/v1/comments/{comment_id}/source": OWN_ROWS,
    "GET /api/v1/comments/{comment_id}/replies": 200,
    "PUT /api/v1/comments/{comment_id}/vote": open_api(200),
    "POST /api/v1/comments/{comment_id}/reports": 202,
    "GET /api/v1/counts": 200,
    "POST /api/v1/counts": 200,
    "GET /api/v1/challenge": 200,
    "POST /api/v1/follows": 202,
    "GET /api/v1/moderation/comments": (401, 403, 200, 200, 401, 401),  # each key sees its own site's queue
    "POST /api/v1/moderation/comments/{comment_id}/decision": OWN_ROWS,
    "GET /api/v1/moderation/comments/{comment_id}/log": OWN_ROWS,
    "POST /api/v1/moderation/comments/{comment_id}/pin": OWN_ROWS,
    "POST /api/v1/moderation/comments/{comment_id}/undo": OWN_ROWS,
    "GET /api/v1/moderation/comments/{comment_id}/revisions": OWN_ROWS,
    "GET /api/v1/moderation/reports": (401, 403, 200, 200, 401, 401),
    "POST /api/v1/moderation/decisions": OWN_ROWS,
    "GET /api/v1/most-discussed": 200,
    "GET /api/v1/most-shared": 200,
    "GET /api/v1/networks": 200,
    "POST /api/v1/preview": 200,
    "GET /api/v1/readers/me": READER,
    "PATCH /api/v1/readers/me": READER,
    "GET /api/v1/readers/me/sessions": READER,
    "DELETE /api/v1/readers/me/sessions": READER,
    "DELETE /api/v1/readers/me/sessions/{session_id}": READER,
    "GET /api/v1/readers/me/comments": READER,
    "POST /api/v1/readers/me/claims": READER,
    "GET /api/v1/readers/me/mutes": READER,
    "PUT /api/v1/readers/me/mutes": READER,
    "DELETE /api/v1/readers/me/mutes/{mute_id}": (204, 401, 401, 401, 204, 401),
    "GET /api/v1/readers/me/export": READER,
    "GET /api/v1/readers/me/follows": READER,
    "DELETE /api/v1/readers/me/follows/{follow_id}": READER,
    "POST /api/v1/readers/me/erasure": READER,
    "POST /api/v1/sign-in": 202,
    "POST /api/v1/sign-in/code": 201,
    "POST /api/v1/sign-in/sso": 201,
    "GET /api/v1/recent": 200,
    "GET /api/v1/search": 200,
    "GET /api/v1/share-links": 200,
    "POST /api/v1/shares": 201,
    "GET /api/v1/sharing-report": (401, 403, 200, 200, 401, 401),  # each key sees its own site
    "GET /api/v1/sharing-report.csv": (401, 403, 200, 200, 401, 401),
    "POST /api/v1/visits": 204,
    "GET /api/v1/thread": 200,
    "GET /api/v1/thread/changes": 200,
    "GET /api/v1/thread/mine": open_api(200),
    "POST /api/v1/voter": 201,
    "GET /api/v1/schema": 200,
    "GET /api/v1/docs": 200,
    "GET /a/{article_id}": 200,
    "GET /shariff": 200,
    "GET /shariff/{site_slug}": 200,
    "GET /cards/{article_id}/{width}/{digest}.png": 200,
    "GET /cards/{article_id}/{comment_id}/{width}/{digest}.png": 200,
    "GET /oembed": 200,
    "GET /feeds/articles/{article_id}/comments.{form}": 200,
    "GET /feeds/{site_slug}/comments.{form}": 200,
    "POST /a/{article_id}/comments": 303,
    "GET /a/{article_id}/comments/{comment_id}/report": 200,
    "POST /a/{article_id}/comments/{comment_id}/report": 200,
    "POST /a/{article_id}/follow": 303,
    "GET /follows/confirm/{token}": 200,
    "POST /follows/confirm/{token}": 200,
    "GET /follows/not-me/{token}": 200,
    "POST /follows/not-me/{token}": 200,
    "GET /follows/leave/{token}": 200,
    "POST /follows/leave/{token}": 200,
    "GET /follows/manage/{token}": 200,
    "POST /follows/manage/{token}": 200,
    "GET /notices/{token}": 200,
    "POST /notices/{token}": 200,
    "POST /hooks/email/{provider}": 404,  # no secret is set
    "POST /hooks/email/{provider}/inbound": 404,
    "POST /webmention": 201,
    "GET /webmention/{token}": 404,  # nobody knows the token
    "POST /pingback": 415,  # a form is no call
    "GET /readers/me": 200,
    "GET /sign-in/with/{site_slug}/{name}": 404,  # there is no such login
    "GET /sign-in/with/{site_slug}/{name}/back": 404,
    "GET /sign-in/{token}": 200,
    "POST /sign-in/{token}": 200,
    "GET /s/{network_key}/{article_id}": 303,
    "POST /s/{network_key}/{article_id}": 400,  # no instance was given
    "GET /s/{network_key}/{article_id}/{comment_id}": 303,
    "POST /s/{network_key}/{article_id}/{comment_id}": 400,
    "GET /wp/{site_slug}": 200,
    "POST /wp/{site_slug}": 405,  # only for routes of the API, which its query names
    "GET /wp/{site_slug}/{address}": 200,
    "POST /wp/{site_slug}/wp-comments-post.php": 302,
    f"GET {WP_JSON}": open_api(200),
    f"GET {WP_JSON}/": open_api(200),
    f"GET {WP_JSON}/{{route}}": open_api(200),
    f"GET {WP_JSON}/wp/v2": open_api(200),
    f"GET {WP_JSON}/wp/v2/posts": open_api(200),
    f"GET {WP_JSON}/wp/v2/posts/{{post_id}}": open_api(200),
    f"GET {WP_JSON}/wp/v2/comments": open_api(200),
    f"POST {WP_JSON}/wp/v2/comments": open_api(201),
    f"GET {WP_JSON}/wp/v2/comments/{{comment_id}}": open_api(200),
    **{
        f"{method} {WP_JSON}/wp/v2/comments/{{comment_id}}": (401, 403, 403, 200, 401, 401)
        for method in ("POST", "PUT", "PATCH", "DELETE")
    },
    "GET /livez": 200,
    "GET /readyz": 200,
    "GET /metrics": 200,
    "GET /sent-mail/": STAFF,
    "GET /sent-mail/{name}": STAFF,
}


def client_and_headers(actor: str, here: Side, elsewhere: Side) -> tuple[Client, dict[str, str]]:
    client = Client()
    if actor == "staff":
        client.force_login(here.member.user)
    keys = {"weak": here.weak_key, "foreign": elsewhere.owner_key, "owner": here.owner_key, "false": "awk_false"}
    return client, {"Authorization": f"Bearer {keys[actor]}"} if actor in keys else {}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Any:
    """One world for the whole table; what a call does to it is taken back."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


def answers(name: str, call: Call, world: tuple[Side, Side]) -> dict[str, int]:
    found = {}
    for actor in ACTORS:
        with transaction.atomic():
            client, headers = client_and_headers(actor, *world)
            found[actor] = perform(client, name, call, headers).status_code
            transaction.set_rollback(True)
    return found


def test_no_route_is_missing() -> None:
    assert all_names() - set(TABLE) == set(), "give these a row here and a call in tests/calls.py"
    assert set(TABLE) - all_names() == set(), "these routes are gone"
    assert set(CALLS) == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_who_may(name: str, world: tuple[Side, Side]) -> None:
    row = TABLE[name]
    expected = (row,) * len(ACTORS) if isinstance(row, int) else row
    assert answers(name, CALLS[name](world[0]), world) == dict(zip(ACTORS, expected, strict=True))


def test_a_hidden_article_is_its_publishers_alone(world: tuple[Side, Side]) -> None:
    here = world[0]
    found = answers("GET /api/v1/articles/{article_id}", Call({"article_id": here.hidden.pk}), world)
    assert found == dict(zip(ACTORS, (404, 404, 404, 200, 404, 401), strict=True))


@pytest.mark.parametrize("scope", ["articles", "moderate", "follows", "export"])
def test_each_scope_opens_its_own_doors(scope: str, world: tuple[Side, Side]) -> None:
    doors = {"PUT /api/v1/articles": "articles", "GET /api/v1/moderation/comments": "moderate"}
    with transaction.atomic():
        headers = {"Authorization": f"Bearer {make_api_key(world[0].site, scope)}"}
        for name, needed in doors.items():
            status = perform(Client(), name, CALLS[name](world[0]), headers).status_code
            assert (status < 300) is (scope == needed), name
        transaction.set_rollback(True)


@pytest.mark.parametrize("name", [name for name in CALLS if name.startswith("GET ")])
def test_nobody_but_staff_is_given_a_cookie_of_djangos(name: str, world: tuple[Side, Side]) -> None:
    """Not even to correct one that she sent, damaged."""
    headers = {"Cookie": f'{settings.SESSION_COOKIE_NAME}="x\xff; {settings.CSRF_COOKIE_NAME}=short'}
    answer = perform(Client(), name, CALLS[name](world[0]), headers)
    assert not {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME} & set(answer.cookies) or "sent-mail" in name
