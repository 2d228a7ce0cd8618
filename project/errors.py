"""The one form of every refusal: RFC 9457 problem documents under /api/, a small page elsewhere.

`raise Problem("unknown_page", "No page has that address.")` anywhere below a view is all that is needed: the
catalogue knows the status and the title, `project.middleware.ApiMiddleware` and `exception_handler` do the rest.
docs/errors.md lists the same catalogue for people.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypedDict

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template import TemplateDoesNotExist, loader
from django.utils.html import escape
from django.utils.translation import gettext_noop

log = logging.getLogger(__name__)

# code -> (status, title). The title never changes between two occurrences; the detail says what happened this time.
# Those that a page in another language shows are translated there.
CODES: Final[dict[str, tuple[int, str]]] = {
    "bad_request": (400, gettext_noop("The request cannot be read")),
    "cursor_invalid": (400, "This cursor does not belong here"),
    "idempotency_key_invalid": (400, "This is no key for retries"),
    "malformed_json": (400, "The body is not acceptable JSON"),
    "parent_elsewhere": (400, "The parent belongs to another page"),
    "parent_unknown": (400, "There is no such parent"),
    "sort_unknown": (400, "There is no such sort"),
    "validation_failed": (400, "Some fields are not acceptable"),
    "unauthorized": (401, "Credentials are missing or not valid"),
    "not_public": (401, "This is not open to the public"),
    "sign_in_invalid": (401, gettext_noop("This sign-in is not valid")),
    "sso_key_unknown": (401, "The key of this sign-in is not known yet"),
    "voter_required": (401, "A voter token is missing or not valid"),
    "address_not_proven": (403, "This needs a proven address"),
    "comments_closed": (403, "Comments are closed here"),
    "edit_window_over": (403, "The time for changes by the author is over"),
    "forbidden": (403, "These credentials do not allow that"),
    "guests_off": (403, "Comments are for readers who have signed in here"),
    "identity_not_proven": (403, "This name or address belongs to somebody else"),
    "origin_not_allowed": (403, "The site does not have that origin"),
    "vote_limit": (403, "No further vote of this network counts here"),
    "vote_own_comment": (403, "Nobody votes on her own comment"),
    "votes_off": (403, "These votes are not taken here"),
    "network_unknown": (404, "There is no such network"),
    "not_found": (404, gettext_noop("There is nothing here")),
    "unknown_page": (404, "No page has that address"),
    "unknown_site": (404, "There is no such site"),
    "method_not_allowed": (405, "This address does not take that method"),
    "not_acceptable": (406, "No form of the answer suits the Accept header"),
    "duplicate_comment": (409, "The same text was posted a moment ago"),
    "idempotency_in_progress": (409, "The same request is being carried out"),
    "page_conflict": (409, "Identifier and address belong to two pages"),
    "pin_not_possible": (409, "This comment cannot be pinned"),
    "stale_revision": (409, "The comment has changed since"),
    "cursor_expired": (410, "This cursor has outlived its order"),
    "too_old": (410, "The changes since then are no longer at hand"),
    "body_too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body has a type that is not taken here"),
    "idempotency_key_reused": (422, "This key belongs to another request"),
    "search_too_broad": (422, "This search would take too long"),
    "rate_limited": (429, "Too many requests"),
    "server_error": (500, "The fault is ours"),
    "format_unsupported": (501, "This is not answered in that format"),
    "unavailable": (503, "A part of the service is not available at the moment"),
}

# What a bare status means where no code was given: Django's own answers and DRF's exceptions.
CODE_OF_STATUS: Final[dict[int, str]] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    500: "server_error",
    503: "unavailable",
}

# Addresses of the API: our own, and those that a standard or another front end has chosen.
API_PREFIXES: Final = ("/api/", "/shariff", "/oembed")
PROBLEM_TYPE: Final = "application/problem+json"


class FieldError(TypedDict):
    """One field that was refused: its path (`author.name`, `urls.3`), a stable code and a sentence."""

    field: str
    code: str
    message: str


class Problem(Exception):  # noqa: N818 — it names what the client is told
    """A refusal that the client is told about.

    `code` is a key of CODES; `detail` one sentence about this occurrence; `status` only where it differs from the
    catalogue's; `errors` lists refused fields; `headers` are added to the answer; `extra` holds further members
    of the document, for example `{"id": 5}` of a duplicate comment.
    KeyError: the code is not in the catalogue.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        status: int | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        listed_status, title = CODES[code]
        super().__init__(f"{code}: {detail or title}")
        self.code = code
        self.status = status or listed_status
        self.title = title
        self.detail = detail or f"{title}."
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def document(self) -> dict[str, Any]:
        """Return the members of the problem document, `errors` only where there are any."""
        document = {
            "type": f"urn:afterword:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            document["errors"] = self.errors
        return {**self.extra, **document}


def refused_field(field: str, code: str, message: str) -> Problem:
    """Return the `validation_failed` problem of exactly one field."""
    return Problem("validation_failed", message, errors=[{"field": field, "code": code, "message": message}])


def problem_response(problem: Problem) -> HttpResponse:
    """Return the problem as `application/problem+json`, never to be stored by a cache."""
    return _with_headers(HttpResponse(_body(problem), content_type=PROBLEM_TYPE, status=problem.status), problem)


def problem_page(problem: Problem) -> HttpResponse:
    """Return the problem as a small HTML page: `project/problem.html`, given `problem`, or plain markup without it."""
    try:
        # No request is passed: an error page must not run context processors that may fail as the view did.
        html = loader.get_template("project/problem.html").render({"problem": problem})
    except TemplateDoesNotExist:
        html = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(problem.title)}</title>'
            f"<h1>{escape(problem.title)}</h1><p>{escape(problem.detail)}</p></html>"
        )
    return _with_headers(HttpResponse(html.encode(errors="replace"), status=problem.status), problem)


# Addresses where refusals have the form of another system, and what writes it.
_otherwise: Final[list[tuple[Callable[[HttpRequest], bool], Callable[[Problem], HttpResponse]]]] = []


def answer_otherwise(is_meant: Callable[[HttpRequest], bool], write: Callable[[Problem], HttpResponse]) -> None:
    """Let an app say how refusals look at addresses of its own. Called once, while apps are loaded."""
    _otherwise.append((is_meant, write))


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return the problem in the form that the request's address calls for."""
    for is_meant, write in _otherwise:
        if is_meant(request):
            return write(problem)
    return problem_response(problem) if is_api(request) else problem_page(problem)


def is_api(request: HttpRequest) -> bool:
    """Say whether the address belongs to the API, where every answer is JSON and open to all origins."""
    return request.path_info.startswith(API_PREFIXES)


def problem_of(error: Exception) -> Problem | None:
    """Return what a client is told about an exception, None for a fault that nothing foresaw."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Http404):
        return Problem("not_found")
    if isinstance(error, PermissionDenied):
        return Problem("forbidden")
    if isinstance(error, RequestDataTooBig):
        return Problem("body_too_large")
    if isinstance(error, SuspiciousOperation):
        return Problem("bad_request")
    if isinstance(error, OperationalError | InterfaceError):
        log.error("the database does not answer", exc_info=error)
        return Problem("unavailable", headers={"Retry-After": "1"})
    return None


def problem_of_status(status: int, headers: Mapping[str, str] | None = None, detail: str = "") -> Problem:
    """Return the general problem for a bare status; a status without a code becomes `bad_request` or `server_error`."""
    fallback = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "bad_request"
    return Problem(CODE_OF_STATUS.get(status, fallback), detail, status, headers=headers)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponseBase | None:
    """Answer any exception of a DRF view (setting `EXCEPTION_HANDLER`); None lets Django report the fault."""
    from rest_framework import views  # DRF reads its settings, which name this function, while it is imported

    from project.drf_errors import problem_of_drf

    problem = problem_of(error) or problem_of_drf(error)
    if problem is None:
        return None
    views.set_rollback()
    return problem_response(problem)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler400`."""
    problem = problem_of(exception) if exception else None
    return respond(request, problem or Problem("bad_request"))


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler403`."""
    return respond(request, Problem("forbidden"))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler404`."""
    return respond(request, Problem("not_found"))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`."""
    return respond(request, Problem("server_error"))


def _body(problem: Problem) -> bytes:
    try:
        return orjson.dumps(problem.document())
    except TypeError:  # a detail that quotes a lone surrogate; the standard encoder writes it as an escape
        return json.dumps(problem.document(), ensure_ascii=True).encode()


def _with_headers(response: HttpResponse, problem: Problem) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    for name, value in problem.headers.items():
        response[name] = value
    return response
