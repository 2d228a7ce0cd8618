"""Which keys each answer has, for whom: one list, so that nothing slips into an answer unseen.

Where a key is added on purpose, it is added to `keys.json` beside this file; a failing test shows what it found. Roles
that get the same keys share a line there, and those who are refused, or get no JSON, are not named.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import transaction
from django.test import Client

from tests.api.test_permissions import world
from tests.calls import CALLS, all_names, perform
from tests.factories import make_api_key
from tests.world import Side

__all__ = ["world"]

pytestmark = pytest.mark.django_db

KEYS: Final[dict[str, dict[str, list[str]]]] = json.loads(Path(__file__).with_name("keys.json").read_text("utf-8"))
ROLES: Final = ("anonymous", "reader", "moderator", "owner")
# What tells who somebody is, or lets somebody pass for her: such keys are told to nobody but herself.
PRIVATE: Final = re.compile(r"mail|network_|address|_key|hash|nonce|digest|prefix|secret|source$")
# But for her own address and words, which only she is told, and where an article was republished from.
ALLOWED: Final = {
    ("GET /api/v1/readers/me", "email"),
    ("PATCH /api/v1/readers/me", "email"),
    ("POST /api/v1/sign-in/code", "reader.email"),
    ("POST /api/v1/sign-in/sso", "reader.email"),
    ("GET /api/v1/readers/me/export", "address"),
    ("GET /api/v1/readers/me/export", "reader.address"),
    ("GET /api/v1/readers/me/export", "comments.author_email"),
    ("GET /api/v1/readers/me/export", "comments.source"),
    # Mails of a day or a week, and no hash.
    ("GET /api/v1/readers/me/export", "digests"),
    # What mail servers told of messages to her, and how many such rows went.
    ("GET /api/v1/readers/me/export", "mail_events"),
    ("POST /api/v1/readers/me/erasure", "rows.mail_events"),
    ("GET /api/v1/readers/me/export", "mail_replies"),
    ("POST /api/v1/readers/me/erasure", "rows.mail_replies"),
    ("POST /api/v1/readers/me/erasure", "address_key"),
    # A random number, and nobody's.
    ("GET /api/v1/challenge", "parameters.nonce"),
    ("GET /api/v1/articles", "articles.source"),
    ("GET /api/v1/articles/{article_id}", "source"),
}
ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


def keys_of(data: Any) -> set[str]:
    """Return every key at any depth as a path; keys that are data themselves (ids, addresses of pages) are `*`."""
    if isinstance(data, list):
        return {key for item in data for key in keys_of(item)}
    found: set[str] = set()
    for key, value in data.items() if isinstance(data, dict) else ():
        name = key if re.fullmatch(r"[a-z_]+", key) else "*"
        found |= {name} | {f"{name}.{below}" for below in keys_of(value)}
    return found


def credentials(role: str, side: Side) -> dict[str, str]:
    keys = {"reader": side.session, "owner": side.owner_key}
    if role == "moderator":
        keys[role] = make_api_key(side.site, "moderate")
    return {"Authorization": f"Bearer {keys[role]}"} if role in keys else {}


def answered(name: str, role: str, side: Side) -> Any:
    """Return a good answer as JSON; None where it is refused or no JSON."""
    with transaction.atomic():
        call = CALLS[name](side)
        others = {header: value for header, value in call.headers.items() if header != "Authorization"}
        answer = perform(Client(), name, replace(call, headers=others), credentials(role, side))
        is_json = answer.status_code < 300 and answer.get("Content-Type", "").startswith("application/json")
        found = json.loads(answer.content) if is_json else None
        transaction.set_rollback(True)
    return found


def by_keys(name: str, side: Side) -> dict[str, list[str]]:
    """Return what `keys.json` has for a route: the roles that get the same, and what they get."""
    found: dict[tuple[str, ...], list[str]] = {}
    for role in ROLES:
        data = answered(name, role, side)
        if data is not None:
            found.setdefault(tuple(sorted(keys_of(data))), []).append(role)
    return {", ".join(roles): list(keys) for keys, roles in found.items()}


def api_routes() -> list[str]:
    """Every route of the API; the description of it is a document of its own."""
    return sorted(name for name in all_names() if " /api/v1/" in name and not name.endswith(("/schema", "/docs")))


@pytest.mark.parametrize("name", api_routes())
def test_an_answer_has_these_keys_and_no_others(name: str, world: tuple[Side, Side]) -> None:
    assert by_keys(name, world[0]) == KEYS[name]


def test_every_route_is_listed() -> None:
    assert sorted(KEYS) == api_routes()


def test_no_key_of_a_public_answer_tells_who_somebody_is() -> None:
    told = {
        (name, path)
        for name, roles in KEYS.items()
        for role, paths in roles.items()
        for path in paths
        if {"anonymous", "reader"} & set(role.split(", ")) and PRIVATE.search(path.rpartition(".")[2])
    }
    assert told <= ALLOWED


@pytest.mark.parametrize("role", ["anonymous", "reader"])
def test_nobody_is_told_the_address_of_another(role: str, world: tuple[Side, Side]) -> None:
    side = world[0]
    for name in api_routes():
        is_hers = role == "reader" or "/sign-in/" in name
        told = set(ADDRESS.findall(json.dumps(answered(name, role, side))))
        assert told <= ({side.reader.address} if is_hers else set()), name
