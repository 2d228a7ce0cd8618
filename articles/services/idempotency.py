"""Requests that may be sent again: the same key gets the first answer, and what it did is done once.

A client that lost an answer cannot know whether its request was carried out. It names each request that creates
something by an `Idempotency-Key` and sends it again, with the same key, until it has an answer. The answer is kept in
the transaction of the effect: either both are there or neither. The meaning follows Stripe's idempotent requests, save
that a refusal is never kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from django.db import connection
from django.http import HttpRequest, HttpResponse

from project.answers import json_response
from project.errors import Problem
from project.transactions import in_transaction

HEADER: Final = "Idempotency-Key"
KEY: Final = re.compile(r"[\x21-\x7e]{16,255}")
KEPT: Final = "24 hours"

# Two statements in one round trip. Each sees what was committed before it began, so the look cannot miss a twin that
# ended just before the lock was had. The lock ends with the transaction, however that ends.
_LOOK: Final = """
    SELECT pg_try_advisory_xact_lock(hashtextextended(%(lock)s, 0));
    SELECT request_hash, status, answer::text FROM articles_idempotencyrecord
    WHERE site_id = %(site)s AND route = %(route)s AND key = %(key)s AND created_at > now() - %(kept)s::interval"""

# A row that is there already is older than KEPT, or the look would have found it.
_KEEP: Final = """
    INSERT INTO articles_idempotencyrecord (site_id, route, key, request_hash, status, answer, created_at)
    VALUES (%(site)s, %(route)s, %(key)s, %(hash)s, %(status)s, %(answer)s, now())
    ON CONFLICT (site_id, route, key) DO UPDATE
    SET request_hash = excluded.request_hash, status = excluded.status, answer = excluded.answer,
        created_at = excluded.created_at"""

_PRUNE: Final = """
    DELETE FROM articles_idempotencyrecord WHERE id IN (
        SELECT id FROM articles_idempotencyrecord WHERE created_at <= now() - %s::interval
        ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED)"""


@dataclass(frozen=True)
class Answer:
    """What a request is answered with: `data` is anything that JSON holds, dates too.

    `secret` has members that are sent but never kept; `seed` is kept beside the answer, for whoever makes them again.
    """

    data: Any
    status: int = 200
    secret: Mapping[str, Any] = field(default_factory=dict)
    seed: str = ""

    def response(self) -> HttpResponse:
        """Return the answer as JSON that no cache may keep."""
        return json_response(self.data | self.secret if self.secret else self.data, status=self.status)


Restore = Callable[[Any, str], Mapping[str, Any]]


@dataclass(frozen=True)
class _Request:
    """One request as the table names it."""

    site: int
    route: str
    key: str
    hash: str

    @property
    def lock(self) -> str:
        return f"idempotency:{self.site}:{self.route}:{self.key}"


def answer_once(
    request: HttpRequest, site_id: int, work: Callable[[], Answer], *, restore: Restore | None = None
) -> HttpResponse:
    """Do `work` and return its answer; with a key that was used before return the first answer and do nothing.

    `work` writes in one transaction, in which the answer is kept; it is repeated after a deadlock. What it raises
    leaves nothing behind, so that the key may be used again. `restore(data, seed)` makes the secret members of a kept
    answer again, as far as they still hold. Without the header this is `work` alone.
    Problem: idempotency_key_invalid, idempotency_key_reused, idempotency_in_progress, and whatever `work` refuses.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return work().response()
    if not KEY.fullmatch(key):
        raise Problem("idempotency_key_invalid", f"{HEADER} takes 16 to 255 visible ASCII characters.")
    match = request.resolver_match
    assert match is not None
    this = _Request(site_id, match.view_name, key, _hash(request))

    def once() -> Answer:
        kept = _look(this, restore)
        if kept is not None:
            return kept
        answer = work()
        _keep(this, answer)
        return answer

    return in_transaction(once).response()


def prune_answers(limit: int) -> int:
    """Forget at most `limit` answers that are older than a day, the oldest first; return how many went."""
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, [KEPT, limit])
        return int(cursor.rowcount)


def _hash(request: HttpRequest) -> str:
    """Return what tells this request from another with the same key: address, credential and body as they came."""
    credential = request.headers.get("Authorization", "").strip()
    parts = (request.path.encode(), credential.encode("utf-8", "surrogateescape"), request.body)
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()


def _look(this: _Request, restore: Restore | None) -> Answer | None:
    """Take the key for the rest of the transaction and return the answer that is kept under it, if there is one."""
    parameters: dict[str, Any] = {
        "lock": this.lock,
        "site": this.site,
        "route": this.route,
        "key": this.key,
        "kept": KEPT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, parameters)
        (is_ours,) = cursor.fetchone()
        cursor.nextset()
        kept = cursor.fetchone()
    if kept is None and not is_ours:
        detail = "A request with this key is being carried out; send it again in a moment."
        raise Problem("idempotency_in_progress", detail, headers={"Retry-After": "1"})
    if kept is None:
        return None
    known_hash, status, text = kept
    if known_hash != this.hash:
        raise Problem("idempotency_key_reused", "This key belongs to another request; make a new one for each.")
    answer = orjson.loads(text)
    secret = restore(answer["data"], answer["seed"]) if restore else {}
    return Answer(answer["data"], status, secret)


def _keep(this: _Request, answer: Answer) -> None:
    kept = orjson.dumps({"data": answer.data, "seed": answer.seed}, option=orjson.OPT_UTC_Z).decode()
    parameters: dict[str, Any] = {"site": this.site, "route": this.route, "key": this.key, "hash": this.hash}
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, {**parameters, "status": answer.status, "answer": kept})
