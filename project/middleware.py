"""What holds for every request, before and after all views: the outermost middleware.

Under /api/: any origin may read (never with credentials), OPTIONS is answered here, every error is a problem
document, no cookie is set. Everywhere: bodies are bounded before a view sees them, and an address that no table could
hold is 400.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError

from project import routes
from project.errors import PROBLEM_TYPE, Problem, is_api, problem_of, problem_of_status, problem_response, respond

# 100 addresses of 2,000 characters, the largest body that the contract asks us to take, with room for escapes.
BODY_LIMIT: Final = 256 * 1024
# An article's text, and whatever the forms of pages and of the admin send.
LARGE_LIMIT: Final = 1024 * 1024
# A mail in JSON, with pictures that nobody looks at.
MAIL_LIMIT: Final = 2 * 1024 * 1024
ARTICLES: Final = "/api/v1/articles"
INBOUND_MAIL: Final = re.compile("/hooks/email/[^/]+/inbound")
STAFF_PAGES: Final = ("/admin/", "/sent-mail/")

ALLOWED_HEADERS: Final = (
    "Authorization, Content-Type, Idempotency-Key, X-Afterword-Voter, X-Afterword-Edit-Tokens, If-None-Match"
)
EXPOSED_HEADERS: Final = "ETag, Retry-After, Location"
# A day; browsers cap it themselves (Chromium at two hours).
PREFLIGHT_SECONDS: Final = 86_400
# What browsers heed for pages only.
PAGE_HEADERS: Final = ("Content-Language", "Cross-Origin-Opener-Policy", "Referrer-Policy", "X-Frame-Options")
KEPT_HEADERS: Final = ("Allow", "Retry-After", "WWW-Authenticate")


class ApiMiddleware:
    """Put it first in MIDDLEWARE, so that what other middlewares answer passes through it too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            check_address(request)
            if is_api(request) and request.method == "OPTIONS":
                return opened(preflight(request))
            bound_body(request)
        except Problem as problem:
            return opened(respond(request, problem)) if is_api(request) else respond(request, problem)
        response = self.get_response(request)
        return opened(as_problem(response)) if is_api(request) else without_session(request, response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what a plain view raised; None lets Django log and report a fault of ours."""
        problem = problem_of(exception)
        return respond(request, problem) if problem else None


def check_address(request: HttpRequest) -> None:
    """Refuse (400 `bad_request`) a Host that is not ours, and NUL or broken UTF-8 in path or query."""
    try:
        request.get_host()
        request.path_info.encode()
        query = unquote_to_bytes(request.META.get("QUERY_STRING", "")).decode()
    except DisallowedHost as error:
        raise Problem("bad_request", "This host is not served here.") from error
    except UnicodeError as error:
        raise Problem("bad_request", "The address is not UTF-8.") from error
    if "\0" in request.path_info or "\0" in query:
        raise Problem("bad_request", "The address has a NUL character.")


def preflight(request: HttpRequest) -> HttpResponse:
    """Return 204 with what the route of this path takes; the Origin rule is applied to the request itself."""
    methods = ", ".join(routes.methods_of(request.path_info))
    headers = {
        "Allow": f"{methods}, OPTIONS",
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    response = HttpResponse(status=204, headers=headers)
    del response["Content-Type"]
    return response


def bound_body(request: HttpRequest) -> None:
    """Read the body into memory unless it is too large (413 `body_too_large`), whatever its length header says.

    What is refused, or of no use, is read all the same, as far as the front passes it on: who still sends when the
    connection is closed may never see the answer (RFC 9112, 9.6), and the front would take us for dead.
    """
    limit, passed_on = body_limit(request), largest_body(request.path_info) + 1
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isascii() or not announced.isdigit():
        raise Problem("bad_request", "The Content-Length header is no number.")
    too_large = Problem("body_too_large", f"The body may have {limit:,} bytes.")
    if len(announced) > 15 or int(announced) > passed_on:
        raise too_large
    try:
        body = request.read(passed_on)
    except UnreadablePostError as error:
        raise Problem("bad_request", "The body ended early.") from error
    if len(body) > limit:
        raise too_large
    if request.method in {"GET", "HEAD"}:
        return
    # What `HttpRequest.body` does itself once it has read everything; there is no public door for a bounded read.
    request._body = body
    request._stream = io.BytesIO(body)
    # A chunked body has no length header, and DRF takes that for an empty one.
    request.META["CONTENT_LENGTH"] = str(len(body))


def body_limit(request: HttpRequest) -> int:
    """Return how many bytes a body at this address may have: 256 KiB in the API, 1 MiB for articles and forms,
    2 MiB for a mail."""
    is_article = request.method == "PUT" and request.path_info.rstrip("/") == ARTICLES
    return BODY_LIMIT if is_api(request) and not is_article else largest_body(request.path_info)


def largest_body(path: str) -> int:
    """Return how many bytes anybody reads of a request to a path, by whatever method."""
    return MAIL_LIMIT if INBOUND_MAIL.fullmatch(path) else LARGE_LIMIT


def as_problem(response: HttpResponseBase) -> HttpResponseBase:
    """Turn an error that Django or a library wrote as HTML or text into a problem document."""
    if response.status_code < 400 or response.get("Content-Type", "").startswith(PROBLEM_TYPE):
        return response
    headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    return problem_response(problem_of_status(response.status_code, headers))


def without_session(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Leave the cookies of Django's sessions to staff: to others they are of no use, whatever cookies they send us."""
    if not request.path_info.startswith(STAFF_PAGES):
        for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
            response.cookies.pop(name, None)
    return response


def opened(response: HttpResponseBase) -> HttpResponseBase:
    """Let every origin read the answer, and leave no cookie behind; what caches may keep is the same for everybody."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    response.cookies.clear()
    if not response.get("Content-Type", "").startswith("text/html"):
        for name in PAGE_HEADERS:
            response.headers.pop(name, None)
    # Sessions and languages belong to pages: Django's middlewares name them for every answer that passes through.
    varies = [
        name for name in response.get("Vary", "").split(", ") if name and name not in ("Cookie", "Accept-Language")
    ]
    if varies:
        response["Vary"] = ", ".join(varies)
    else:
        del response["Vary"]
    return response
