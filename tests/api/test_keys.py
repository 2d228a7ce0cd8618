"""Which keys each answer has, for whom: one list, so that nothing slips into a public answer unseen.

Where a key is added on purpose, it is added to `keys.json` beside this file; a failing test shows what it found.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import transaction

from tests.api.test_permissions import client_and_headers, world
from tests.calls import CALLS, all_names, perform
from tests.world import Side

__all__ = ["world"]

pytestmark = pytest.mark.django_db

KEYS: Final[dict[str, dict[str, list[str]]]] = json.loads(Path(__file__).with_name("keys.json").read_text("utf-8"))
ROLES: Final = ("anonymous", "owner")
# What tells who somebody is; a reader without anything never gets a key with one of these in its name.
PRIVATE: Final = re.compile(r"mail|network_|address|_key|hash|nonce|digest|prefix|secret|source$")


def keys_of(data: Any) -> set[str]:
    """Return every key at any depth as a path; keys that are data themselves (ids, addresses of pages) are `*`."""
    if isinstance(data, list):
        return {key for item in data for key in keys_of(item)}
    found: set[str] = set()
    for key, value in data.items() if isinstance(data, dict) else ():
        name = key if re.fullmatch(r"[a-z_]+", key) else "*"
        found |= {name} | {f"{name}.{below}" for below in keys_of(value)}
    return found


def answered(name: str, role: str, sides: tuple[Side, Side]) -> list[str]:
    """Return the keys of a good answer, none where it is refused or no JSON."""
    here, elsewhere = sides
    client, headers = client_and_headers(role, here, elsewhere)
    with transaction.atomic():
        answer = perform(client, name, CALLS[name](here), headers)
        is_json = answer.status_code < 300 and answer.get("Content-Type", "").startswith("application/json")
        found = keys_of(json.loads(answer.content)) if is_json and not answer.streaming else set()
        transaction.set_rollback(True)
    return sorted(found)


def api_routes() -> list[str]:
    return sorted(name for name in all_names() if " /api/v1/" in name)


@pytest.mark.parametrize("name", api_routes())
def test_an_answer_has_these_keys_and_no_others(name: str, world: tuple[Side, Side]) -> None:
    assert {role: answered(name, role, world) for role in ROLES} == KEYS[name]


def test_no_route_is_missing() -> None:
    assert set(KEYS) == set(api_routes())


def test_public_answers_have_no_key_for_anything_private() -> None:
    wrong = {
        f"{name}: {path}"
        for name, roles in KEYS.items()
        for path in roles["anonymous"]
        if PRIVATE.search(path.rpartition(".")[2])
    }
    assert wrong == set()
