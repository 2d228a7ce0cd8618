"""Hostile values in every parameter of every GET that the OpenAPI document describes, and of the pages for readers.

`test_reading_badinput.py` asks the public reads more closely; here none can be forgotten: a new route or parameter is
tried from the moment that it is described. A part in an ordinary run; whole with `-m drill`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from comments.views.wordpress.discovery import COMMENT_LIST, POST_LIST
from project.errors import CODES
from project.schema import document
from tests.api.test_reading_badinput import RAW, VALUES, shared_values
from tests.calls import CALLS, WP_JSON, Call
from tests.world import MARK, Side, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.drill]

# The export of a reader's own data asks every table once.
MAX_QUERIES = 21
# When a session was last used is the time of the very request that asks.
NOW = re.compile(rb'"used_at":"[^"]*"')
# Words of `here` that only its moderators may read.
HIDDEN = (b"Held here", b"Decided here")
# Routes whose callers may.
MODERATION = "/api/v1/moderation/"
# Pages are not in the document; `Call` says what makes their requests whole.
PAGES = {
    "GET /a/{article_id}": ("sort", "provider", "cursor", "comment", "branch", "reply", "at_least", "said", "held"),
    "GET /a/{article_id}/comments/{comment_id}/report": ("reason", "done"),
    "GET /s/{network_key}/{article_id}": ("url", "text", "instance", "network_key"),
    "GET /follows/confirm/{token}": ("token",),
    "GET /follows/leave/{token}": ("token",),
    "GET /follows/manage/{token}": ("token",),
    "GET /notices/{token}": ("token",),
    "GET /sign-in/{token}": ("token", "next"),
    "GET /readers/me": ("site",),
    "GET /wp/{site_slug}": ("site_slug", "rest_route", "feed", "p", "page"),
    "GET /wp/{site_slug}/{address}": ("site_slug", "address", "page"),
    f"GET {WP_JSON}/{{route}}": ("site_slug", "route", "_fields", "_method", "_envelope"),
    f"GET {WP_JSON}/wp/v2/posts": (*POST_LIST, "_embed", "_fields"),
    f"GET {WP_JSON}/wp/v2/comments": (*COMMENT_LIST, "_embed", "_jsonp"),
    f"GET {WP_JSON}/wp/v2/comments/{{comment_id}}": ("context", "password", "_embed"),
}
MORE = ["10" * 5_000, "a%00b", "%ff%fe", "..%2f..%2fetc", "../../etc/passwd", "\\..\\x", "1;2", "1,2", "01", "1 ", "é"]
EVERY_VALUE = VALUES + MORE

Place = tuple[str, str, str]
"""A route as in tests/calls.py, where its parameter stands (`path`, `query`, `header`), and its name."""


def places() -> list[Place]:
    found = [
        (f"GET {path}", parameter["in"], parameter["name"])
        for path, operations in document()["paths"].items()
        for parameter in operations.get("get", {}).get("parameters", [])
    ]
    for name, parameters in PAGES.items():
        found += [(name, "path" if f"{{{each}}}" in name else "query", each) for each in parameters]
        found += [(name, "path", each) for each in ("article_id", "comment_id") if f"{{{each}}}" in name]
    # A stream stays open, and Django has no part in it: tests/flows/test_hostile_reading.py.
    return sorted({place for place in found if not place[0].endswith("/stream")})


def test_no_described_read_is_forgotten() -> None:
    gets = {f"GET {path}" for path, operations in document()["paths"].items() if "get" in operations}
    assert len(gets) > 20
    assert gets <= set(CALLS)
    assert len(places()) > 60


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


def escaped(value: str) -> str:
    return quote_from_bytes(value.encode("utf-8", "surrogatepass"), safe="")


def with_value(call: Call, place: Place, value: str) -> Call:
    """Return the call with the value in the place; no line end and no more than a server takes in a header."""
    _, where, name = place
    if where == "path":
        return replace(call, arguments={**call.arguments, name: escaped(value)})
    if where == "query":
        return replace(call, query={**call.query, name: value})
    line = value.translate(dict.fromkeys([*range(32), 127]))[:8_000]
    return replace(call, headers={**call.headers, name: line.encode("utf-8", "replace").decode("latin-1")})


def target_of(name: str, call: Call) -> str:
    query = "&".join(f"{each}={escaped(str(value))}" for each, value in call.query.items())
    return f"{name.partition(' ')[2].format(**call.arguments)}?{query}"


def ask(name: str, target: str, headers: dict[str, str], *, is_moderator: bool = False) -> bytes:
    """Send a GET; fail unless the answer is one that may be given for whatever was asked."""
    where = (target[:300], {each: ascii(value)[:100] for each, value in headers.items()})
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        answer: Any = Client().get(target, headers=headers)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    # oEmbed 1.0 wants 501 for a format that there is not.
    assert answer.status_code < 500 or (name, answer.status_code) == ("GET /oembed", 501), (where, body[:500])
    assert len(queries) <= MAX_QUERIES, (where, len(queries))
    assert not answer.cookies and b"Traceback" not in body, where
    # Of another site there is nothing, and of this one nothing that is hidden, unless the query itself says it.
    assert MARK.encode() not in body or MARK in target, where
    assert is_moderator or not any(words in body for words in HIDDEN), where
    if answer.status_code >= 400 and name.startswith("GET /api/"):
        problem = json.loads(body)
        assert (problem["code"] in CODES, problem["status"]) == (True, answer.status_code), where
    return bytes(body)


def credentials(name: str, call: Call, side: Side) -> dict[str, str]:
    """Return the headers of a caller who may call the route, so that values come to where they are read."""
    key = {"Authorization": f"Bearer {side.owner_key}"} if MODERATION in name or name.endswith("/source") else {}
    return {**call.headers, **key}


def tries(place: Place, share: float, values: list[str]) -> Iterator[str]:
    """Yield some values, all where `share` is 1; neighbouring places get others."""
    step = 1 if share == 1 else 30
    yield from values[sum(map(ord, "".join(place))) % step :: step]


@pytest.mark.parametrize("place", places(), ids=lambda place: f"{place[0][4:]} {place[2]}")
def test_hostile_values(place: Place, world: tuple[Side, Side], drill_scale: float) -> None:
    here, name = world[0], place[0]
    usual = CALLS[name](here)
    usual = replace(usual, headers=credentials(name, usual, here))
    is_moderator = MODERATION in name or name.endswith("/source")
    before = ask(name, target_of(name, usual), usual.headers, is_moderator=is_moderator)
    for value in tries(place, drill_scale, EVERY_VALUE):
        call = with_value(usual, place, value)
        ask(name, target_of(name, call), call.headers, is_moderator=is_moderator)
    after = ask(name, target_of(name, usual), usual.headers, is_moderator=is_moderator)
    assert NOW.sub(b"", after) == NOW.sub(b"", before) or "/follows/" in name or "/sign-in/" in name


@pytest.mark.parametrize("name", sorted({place[0] for place in places()}), ids=lambda name: name[4:])
def test_hostile_queries(name: str, world: tuple[Side, Side], drill_scale: float) -> None:
    """Queries that are wrong as a whole, and parameters given twice: its own, and some of other routes' or all."""
    here = world[0]
    usual = CALLS[name](here)
    headers, target = credentials(name, usual, here), target_of(name, usual)
    path, _, query = target.partition("?")
    is_moderator = MODERATION in name or name.endswith("/source")
    for raw in tries((name, "", ""), drill_scale, RAW):
        ask(name, f"{path}?{raw}", headers, is_moderator=is_moderator)
        ask(name, f"{path}?{query}&{raw}", headers, is_moderator=is_moderator)
    own = {place[2] for place in places() if place[:2] == (name, "query")}
    others = sorted({place[2] for place in places() if place[1] == "query"} - own)
    for parameter in (*sorted(own), *tries((name, "", ""), drill_scale, others)):
        ask(name, f"{path}?{query}&{parameter}=1&{parameter}=x", headers, is_moderator=is_moderator)


def test_the_shared_corpus_everywhere(world: tuple[Side, Side], shared_data: Path, drill_scale: float) -> None:
    """Each place with some inputs in an ordinary run, and with a tenth of all, each time other ones, in a whole."""
    here, number = world[0], count()
    values = shared_values(shared_data)
    assert len(values) > 1_000
    share = len(values) // 10 if drill_scale == 1 else 3
    for place in places():
        name = place[0]
        usual = CALLS[name](here)
        usual = replace(usual, headers=credentials(name, usual, here))
        for _ in range(share):
            call = with_value(usual, place, values[next(number) * 7 % len(values)])
            is_moderator = MODERATION in name or name.endswith("/source")
            ask(name, target_of(name, call), call.headers, is_moderator=is_moderator)
