"""Refusals as WordPress' REST API words them: `{"code", "message", "data": {"status", …}}`.

What our own services refuse comes as a Problem and is called here by the name that WordPress' clients know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse

from project.errors import FieldError, Problem

PATH: Final = re.compile(r"/wp/[^/]+/wp-json(?:/|\Z)")
JSON: Final = "application/json; charset=UTF-8"

# Code of a problem -> WordPress' code and status, None for the problem's own.
CODES: Final[dict[str, tuple[str, int | None]]] = {
    "comments_closed": ("rest_comment_closed", 403),
    "guests_off": ("rest_comment_login_required", 401),
    "identity_not_proven": ("rest_comment_invalid_author", None),
    "duplicate_comment": ("comment_duplicate", 409),
    "malformed_json": ("rest_invalid_json", 400),
    "unknown_site": ("rest_no_route", 404),
    "not_found": ("rest_comment_invalid_id", 404),
    "method_not_allowed": ("rest_no_route", 404),
    "origin_not_allowed": ("rest_forbidden", 403),
    "unauthorized": ("incorrect_password", 401),
}
# Field and code of a refused field, then the field alone -> WordPress' code.
FIELDS: Final[dict[tuple[str, str] | str, str]] = {
    ("body", "too_long"): "comment_content_column_length",
    ("author.name", "too_long"): "comment_author_column_length",
    ("author.name", "blank"): "rest_comment_author_data_required",
    ("author.url", "too_long"): "comment_author_url_column_length",
    "body": "rest_comment_content_invalid",
}
# What our fields are called in a request of WordPress' kind.
NAMES: Final = {
    "body": "content",
    "author.name": "author_name",
    "author.email": "author_email",
    "author.url": "author_url",
    "parent": "parent",
}
PARENT_CODES: Final = {"parent_unknown", "parent_elsewhere"}


class Refusal(Exception):  # noqa: N818 — it names what the client is told
    """A refusal under one of WordPress' own codes; `data` are further members beside the status."""

    def __init__(self, code: str, message: str, status: int, headers: Mapping[str, str] | None = None, **data: Any):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.data = code, message, status, data
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "data": {"status": self.status, **self.data}}


def no_route() -> Refusal:
    return Refusal("rest_no_route", "No route was found matching the URL and request method.", 404)


def invalid_params(reasons: Mapping[str, str]) -> Refusal:
    """Return the refusal of arguments by their names, each with a sentence."""
    details = {name: {"code": "rest_invalid_param", "message": why, "data": None} for name, why in reasons.items()}
    message = f"Invalid parameter(s): {', '.join(reasons)}"
    return Refusal("rest_invalid_param", message, 400, params=dict(reasons), details=details)


def flood(problem: Problem) -> Refusal:
    """Return the refusal of too many new comments: 400 in WordPress' REST API, and 429 only in its form."""
    return Refusal("comment_flood", "You are posting comments too quickly. Slow down.", 400, problem.headers)


def refusal_of(problem: Problem) -> Refusal:
    """Return what a client of WordPress' API is told of a problem."""
    if problem.code in PARENT_CODES:
        return invalid_params({"parent": problem.detail})
    if problem.errors:
        return _of_field(problem.errors[0])
    code, status = CODES.get(problem.code, (f"rest_{problem.code}", None))
    headers = {name: value for name, value in problem.headers.items() if name != "WWW-Authenticate"}
    return Refusal(code, problem.detail, status or problem.status, headers)


def _of_field(error: FieldError) -> Refusal:
    field, code = error["field"], error["code"]
    known = FIELDS.get((field, code)) or FIELDS.get(field)
    if known is None:
        return invalid_params({NAMES.get(field, field): error["message"]})
    return Refusal(known, error["message"], 400)


def error_response(refusal: Refusal) -> HttpResponse:
    """Return the refusal as JSON that no cache may keep and any page may read."""
    headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*", "X-Robots-Tag": "noindex"}
    body = orjson.dumps(refusal.document())
    return HttpResponse(body, status=refusal.status, content_type=JSON, headers=headers | refusal.headers)


def is_spoken_at(request: HttpRequest) -> bool:
    """Say whether the address is one of WordPress' REST API, where even what no view saw is refused in its words."""
    return PATH.match(request.path_info) is not None or (
        request.path_info.startswith("/wp/") and "rest_route=" in request.META.get("QUERY_STRING", "")
    )


def problem_response(problem: Problem) -> HttpResponse:
    """Return a problem that came before any view."""
    return error_response(refusal_of(problem))
