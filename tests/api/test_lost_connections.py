"""The database ends the connection at the n-th statement of a write, for every n: nothing is half done, and we say so.

The statement really meets a dead connection: its backend is terminated before it is sent.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F
from django.test import Client

from sharing.models import Delivery
from tests.calls import CALLS, Call, perform
from tests.comments.invariants import check_site
from tests.world import Side, make_side

pytestmark = pytest.mark.django_db(transaction=True)

# A loop that finds no end is a fault of the test.
MOST_STATEMENTS = 60


def reply(side: Side) -> Call:
    body = {"article": side.article.pk, "parent": side.comment.pk, "body": "A reply.", "author": {"name": "Dora"}}
    return Call(body=body)


# What opens a session is missing: it works once, and a session whose answer was lost is nobody's until it expires.
WRITES: dict[str, tuple[str, Callable[[Side], Call]]] = {
    "reply": ("POST /api/v1/comments", reply),
    **{
        name: (name, CALLS[name])
        for name in (
            "POST /api/v1/comments",
            "PATCH /api/v1/comments/{comment_id}",
            "DELETE /api/v1/comments/{comment_id}",
            "PUT /api/v1/comments/{comment_id}/vote",
            "POST /api/v1/comments/{comment_id}/reports",
            "POST /api/v1/moderation/comments/{comment_id}/decision",
            "POST /api/v1/moderation/comments/{comment_id}/pin",
            "POST /api/v1/moderation/comments/{comment_id}/undo",
            "POST /api/v1/moderation/decisions",
            "POST /api/v1/follows",
            "POST /api/v1/shares",
            "POST /api/v1/sign-in",
            "PATCH /api/v1/readers/me",
            "PUT /api/v1/readers/me/mutes",
            "PUT /api/v1/articles",
            "DELETE /api/v1/articles/{article_id}",
        )
    },
}


class Breakdown:
    """Terminates the backend of this connection before its n-th statement."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.seen = 0

    def __call__(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        self.seen += 1
        if self.seen == self.at:
            with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
        return execute(sql, parameters, many, context)

    @property
    def has_come(self) -> bool:
        return self.seen >= self.at


def rows_of(side: Side) -> dict[str, int]:
    """Return how many rows each table has for a site."""
    tables = [model for model in apps.get_models() if any(field.name == "site" for field in model._meta.fields)]
    return {model.__name__: model._default_manager.filter(site=side.site).count() for model in tables}


def ask(write: tuple[str, Callable[[Side], Call]], side: Side, key: str) -> Any:
    name, call_of = write
    call = call_of(side)
    headers = {"Idempotency-Key": key} | (
        {} if "Authorization" in call.headers else {"Authorization": f"Bearer {side.owner_key}"}
    )
    return perform(Client(), name, call, headers)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_is_whole_or_has_never_been(write: tuple[str, Callable[[Side], Call]]) -> None:
    untouched = make_side("untouched")
    assert ask(write, untouched, str(uuid.uuid4())).status_code < 300
    whole = rows_of(untouched)
    broken = 0
    for at in count(1):
        side, key = make_side(f"side-{at}"), str(uuid.uuid4())
        # An address is asked ten times a day over all sites: each side has a day of its own.
        Delivery.objects.update(created_at=F("created_at") - timedelta(days=1))
        before, breakdown = rows_of(side), Breakdown(at)
        with connection.execute_wrapper(breakdown):
            answer = ask(write, side, key)
        if not breakdown.has_come:
            assert answer.status_code < 300
            break
        broken += 1
        assert broken < MOST_STATEMENTS
        connection.close()
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "1"), at
        assert rows_of(side) in (before, whole), at
        again = ask(write, side, key)
        assert again.status_code < 300, (at, again.content)
        assert rows_of(side) == whole, at
        check_site(side.site)
    assert broken >= 2
