"""Idempotency-Key on every route that creates: what the list of calls has, and what a new route brings along."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Model
from django.test import Client

from articles.models import IdempotencyRecord
from comments.models import Comment, Decision, Report
from project.schema import document
from sharing.models import Channel, Consent, Delivery, Share
from tests.calls import CALLS, perform
from tests.factories import make_api_key
from tests.world import Side, make_world

pytestmark = pytest.mark.django_db

# These make nothing that is kept: lists that are too long for a query, a text as it would look, a signed token. What
# opens a session works once and its answer is a secret; a claim and an erasure find nothing the second time.
NOT_CREATING = {
    "POST /api/v1/counts",
    "POST /api/v1/preview",
    "POST /api/v1/voter",
    "POST /api/v1/visits",
    "POST /api/v1/readers/me/claims",
    "POST /api/v1/readers/me/erasure",
    "POST /api/v1/sign-in/code",
    "POST /api/v1/sign-in/sso",
}
CREATING = sorted(name for name in CALLS if name.startswith("POST /api/v1/") and name not in NOT_CREATING)
COUNTED: tuple[type[Model], ...] = (Channel, Comment, Decision, Report, Consent, Delivery, Share)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


def counted() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in COUNTED}


def test_there_are_routes_that_create() -> None:
    assert {"POST /api/v1/comments", "POST /api/v1/follows", "POST /api/v1/shares"} <= set(CREATING)
    assert len(CREATING) >= 7


@pytest.mark.parametrize("name", CREATING)
def test_every_route_that_creates_answers_a_retry_and_does_nothing_more(
    world: tuple[Side, Side], client: Client, name: str
) -> None:
    here, _ = world
    call = CALLS[name](here)
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Authorization": f"Bearer {here.owner_key}"}
    first = perform(client, name, call, headers)
    assert 200 <= first.status_code < 300, first.content
    after = counted()
    again = perform(client, name, call, headers)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert again["Cache-Control"] == "no-store"
    assert counted() == after
    assert IdempotencyRecord.objects.filter(key=headers["Idempotency-Key"]).count() == 1
    other = perform(client, name, call, headers | {"Authorization": f"Bearer {make_api_key(here.site)}"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("name", CREATING)
def test_the_description_names_the_header(name: str) -> None:
    operation = document()["paths"][name.removeprefix("POST ")]["post"]
    assert "Idempotency-Key" in {parameter["name"] for parameter in operation["parameters"]}
