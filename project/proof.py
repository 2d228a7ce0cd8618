"""Proof of work: a browser computes for a second, so that whoever wants a thousand of something computes for an hour.

The challenges are those of ALTCHA (its protocol 2, https://altcha.org), so that its widget and libraries solve them.
They are made of PBKDF2 because browsers run that natively: a stranger's own program gains little over a reader's page.
Nothing is stored when one is made; one that was solved is remembered beside the limits until it has expired.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any, Final

import altcha
from django.http import HttpRequest

from project.throttling import spend_for_network, spent_by_network, take_turn
from project.tokens import Purpose, keyed_hash

ALGORITHM: Final = "PBKDF2/SHA-256"
# Rounds of each try. Making a challenge takes one try, checking a solution none.
COST: Final = 500
# Tries of an easy challenge at most, doubled with each level: the 2,048 of the hardest take a telephone a few seconds.
EASY: Final = 256
LEVELS: Final = 4
SECONDS: Final = 600
ONCE: Final = f"1/{SECONDS} second"
# A payload has some 800 characters.
MAX_PAYLOAD: Final = 2_000


def make_challenge(request: HttpRequest) -> dict[str, Any]:
    """Return a challenge as ALTCHA's clients take it, as hard as the client's network makes it.

    `{"parameters", "signature"}`, as ALTCHA names them; `data` says the level. It expires after SECONDS.
    """
    level = _level(request)
    most = EASY << min(level, LEVELS - 1)
    challenge = altcha.create_challenge(
        ALGORITHM,
        COST,
        # Never so few tries that luck would do.
        counter=most // 2 + secrets.randbelow(most // 2),
        expires_at=int(time.time()) + SECONDS,
        data={"level": level},
        hmac_secret=keyed_hash(Purpose.CHALLENGE),
        hmac_key_secret=keyed_hash(Purpose.SOLUTION),
    )
    return challenge.to_dict()


def may_cause_mail(request: HttpRequest, payload: object) -> bool:
    """Count a request for a confirmation; False where its network has had its share of them.

    Beyond that share a solved challenge is worth one more, up to a second share. Before, nobody looks at `payload`:
    whoever has no JavaScript needs none. What is not the fresh solution of a challenge as hard as this network's counts
    as none. The requester sees no difference.
    """
    if spend_for_network(request, "follows"):
        return True
    return _is_solved(request, payload) and spend_for_network(request, "proven_follows")


def _is_solved(request: HttpRequest, payload: object) -> bool:
    """Whether this is the solution of a challenge of ours, used for the first time. While Valkey is away each process
    remembers for itself, as it counts."""
    signed = _parameters(payload)
    # What was easier when she began to type is good enough one level later.
    if signed is None or signed["data"]["level"] < _level(request) - 1:
        return False
    return take_turn("solutions", [(signed["nonce"], ONCE)]) is None


def _parameters(payload: object) -> dict[str, Any] | None:
    """Return what we signed of a solved challenge; None for anything else. It takes two HMACs, and no derivation."""
    if not isinstance(payload, str) or not 0 < len(payload) <= MAX_PAYLOAD:
        return None
    result = altcha.verify_solution(
        payload, keyed_hash(Purpose.CHALLENGE), hmac_key_secret=keyed_hash(Purpose.SOLUTION)
    )
    if not result.verified:
        return None
    parameters: dict[str, Any] = json.loads(base64.b64decode(payload))["challenge"]["parameters"]
    return parameters


def _level(request: HttpRequest) -> int:
    """Return how many quarters the client's network has spent of what solutions are worth to it; LEVELS when all is."""
    return int(LEVELS * spent_by_network(request, "proven_follows"))
