"""Problem documents: one form, one catalogue, documented line by line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions, serializers

from project import errors
from project.errors import CODES, Problem

DOCS = Path(__file__).resolve().parents[2] / "docs" / "errors.md"


def test_the_documented_codes_are_the_catalogue() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \| (.+) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert {code: (int(status), title) for code, status, title in rows} == CODES


def test_the_catalogue_is_in_order_of_status_and_name() -> None:
    listed = [(status, code) for code, (status, _) in CODES.items()]
    assert [status for status, _ in listed] == sorted(status for status, _ in listed)
    assert set(errors.CODE_OF_STATUS.values()) <= set(CODES)
    assert all(CODES[code][0] == status for status, code in errors.CODE_OF_STATUS.items())


def test_a_problem_becomes_a_document() -> None:
    problem = Problem("duplicate_comment", "It is there.", headers={"X-Y": "z"}, extra={"id": 5, "status": 1})
    response = errors.problem_response(problem)
    assert response.status_code == 409
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    assert response["X-Y"] == "z"
    assert json.loads(response.content) == {
        "type": "urn:afterword:problem:duplicate_comment",
        "title": CODES["duplicate_comment"][1],
        "status": 409,
        "detail": "It is there.",
        "code": "duplicate_comment",
        "id": 5,
    }


def test_a_code_outside_the_catalogue_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError):
        Problem("no_such_code")


def test_a_detail_may_quote_anything() -> None:
    response = errors.problem_response(Problem("not_found", 'No "\ud800" here.'))
    assert "\ud800" in json.loads(response.content)["detail"]
    assert errors.problem_page(Problem("not_found", "<script>\ud800")).content


def test_pages_are_html_and_escaped() -> None:
    response = errors.respond(RequestFactory().get("/a/5"), Problem("not_found", "<script>alert(1)</script>"))
    assert response["Content-Type"].startswith("text/html")
    assert b"<script>alert" not in response.content
    assert b"&lt;script&gt;" in response.content
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Problem("unknown_page"), "unknown_page"),
        (Http404(), "not_found"),
        (PermissionDenied(), "forbidden"),
        (SuspiciousOperation(), "bad_request"),
        (OperationalError("down"), "unavailable"),
        (exceptions.ParseError(), "malformed_json"),
        (exceptions.NotAuthenticated(), "unauthorized"),
        (exceptions.AuthenticationFailed(), "unauthorized"),
        (exceptions.PermissionDenied(), "forbidden"),
        (exceptions.NotFound(), "not_found"),
        (exceptions.MethodNotAllowed("PUT"), "method_not_allowed"),
        (exceptions.NotAcceptable(), "not_acceptable"),
        (exceptions.UnsupportedMediaType("text/plain"), "unsupported_media_type"),
        (exceptions.Throttled(wait=2.5), "rate_limited"),
        (exceptions.ValidationError("no"), "validation_failed"),
    ],
)
def test_every_exception_that_is_foreseen_has_a_code(error: Exception, code: str) -> None:
    response = errors.exception_handler(error, {})
    assert response is not None
    document = json.loads(response.content)  # type: ignore[attr-defined]
    assert document["code"] == code
    assert document["status"] == response.status_code == CODES[code][0]
    assert document["title"] == CODES[code][1]


def test_headers_that_a_status_calls_for_are_there() -> None:
    throttled = errors.exception_handler(exceptions.Throttled(wait=2.5), {})
    assert throttled is not None
    assert throttled["Retry-After"] == "3"
    refused = errors.exception_handler(exceptions.NotAuthenticated(), {})
    assert refused is not None
    assert refused["WWW-Authenticate"] == "Bearer"
    down = errors.exception_handler(OperationalError(), {})
    assert down is not None
    assert down["Retry-After"] == "1"


def test_faults_of_ours_are_left_to_django() -> None:
    assert errors.exception_handler(ValueError("a bug"), {}) is None


class Author(serializers.Serializer[object]):
    name = serializers.CharField(max_length=3)


class Input(serializers.Serializer[object]):
    author = Author()
    urls = serializers.ListField(child=serializers.URLField())
    items = Author(many=True)

    def validate(self, attrs: object) -> object:
        raise serializers.ValidationError("never", code="never")


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({}, {("author", "required"), ("urls", "required"), ("items", "required")}),
        (
            {"author": {"name": "long"}, "urls": ["https://a.example", "x"], "items": [{"name": "a"}, {}, 3]},
            {
                ("author.name", "max_length"),
                ("urls.1", "invalid"),
                ("items.1.name", "required"),
                ("items.2", "invalid"),
            },
        ),
        (
            {"author": 3, "urls": {}, "items": {}},
            {("author", "invalid"), ("urls", "not_a_list"), ("items", "not_a_list")},
        ),
        ({"author": {"name": "a"}, "urls": [], "items": []}, {("", "never")}),
        ([], {("", "invalid")}),
    ],
)
def test_validation_names_each_field_by_its_path(data: object, fields: set[tuple[str, str]]) -> None:
    serializer = Input(data=data)
    with pytest.raises(exceptions.ValidationError) as caught:
        serializer.is_valid(raise_exception=True)
    response = errors.exception_handler(caught.value, {})
    assert response is not None
    document = json.loads(response.content)  # type: ignore[attr-defined]
    assert {(error["field"], error["code"]) for error in document["errors"]} == fields
    assert all(error["message"] for error in document["errors"])
