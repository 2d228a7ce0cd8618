"""What the OpenAPI document promises is what is answered: every route is called and its answer validated."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_schema_validator import oas31_format_checker

from project.schema import document
from tests.calls import CALLS, Call, perform
from tests.world import Side, make_world

pytestmark = pytest.mark.django_db

DESCRIBED = [name for name in CALLS if "/api/v1/" in name and not name.endswith(("/schema", "/docs"))]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


def operation_of(name: str) -> dict[str, Any]:
    method, _, path = name.partition(" ")
    operation: dict[str, Any] = document()["paths"][path][method.lower()]
    return operation


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """Return what is wrong with a value; members that the schema does not name count too."""
    whole = {**_closed(schema), "components": _closed(document()["components"])}
    validator = Draft202012Validator(whole, format_checker=oas31_format_checker)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def _closed(schema: Any) -> Any:
    """Let objects have their listed members only, so that nothing is answered that is not described."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        inner.setdefault("additionalProperties", False)
    return inner


def call_and_rollback(name: str, side: Side, call: Call | None = None, *, with_key: bool = True) -> Any:
    call = call or CALLS[name](side)
    with transaction.atomic():
        is_signed = "Authorization" in call.headers  # in the reader's session
        headers = {"Authorization": f"Bearer {side.owner_key}"} if with_key and not is_signed else None
        answer = perform(Client(), name, call, headers)
        transaction.set_rollback(True)
    return answer


@pytest.mark.parametrize("name", DESCRIBED)
def test_an_answer_is_as_described(name: str, world: tuple[Side, Side]) -> None:
    with_key = name != "GET /api/v1/articles/{article_id}"  # the described form is the readers'
    answer = call_and_rollback(name, world[0], with_key=with_key)
    described = operation_of(name)["responses"]
    assert str(answer.status_code) in described
    content = described[str(answer.status_code)].get("content")
    if content is None:
        assert answer.content == b""
        return
    media_type = answer["Content-Type"].partition(";")[0]
    value = answer.json() if media_type.endswith("json") else answer.content.decode()
    assert faults(content[media_type]["schema"], value) == []


@pytest.mark.parametrize("name", [name for name in DESCRIBED if CALLS[name].__code__.co_argcount])
def test_what_is_sent_is_as_described(name: str, world: tuple[Side, Side]) -> None:
    call, operation = CALLS[name](world[0]), operation_of(name)
    for where, given in (("path", call.arguments), ("query", call.query)):
        known = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == where}
        assert set(given) <= known
    if call.body:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert faults(schema, call.body) == []


@pytest.mark.parametrize("name", [name for name in DESCRIBED if not name.endswith("/networks")])
def test_a_refusal_is_as_described(name: str, world: tuple[Side, Side]) -> None:
    nothing = dict.fromkeys(("article_id", "comment_id", "session_id", "mute_id", "follow_id", "channel_id"), 999)
    unknown = Call(nothing, query={"site": "nowhere"}, body={"site": "nowhere"})
    answer = call_and_rollback(name, world[0], unknown)
    if answer.status_code < 400:
        named_by_nothing = {
            *("GET /api/v1/challenge", "GET /api/v1/moderation/comments", "GET /api/v1/moderation/reports"),
            "GET /api/v1/channels",
            "GET /api/v1/sharing-report",
            "GET /api/v1/sharing-report.csv",
            "POST /api/v1/voter",
        }
        assert name in named_by_nothing
        return
    assert answer["Content-Type"] == "application/problem+json"
    problem = document()["components"]["schemas"]["Problem"]
    assert faults(problem, answer.json()) == []
    assert answer.json()["status"] == answer.status_code
