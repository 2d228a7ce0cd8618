"""What a page may load and do, said in a header of every answer; a view that needs something else says it itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from project.errors import is_api

HEADER: Final = "Content-Security-Policy"
# Pages for readers: our own style sheet and modules, pictures of articles from anywhere, markup made by scripts only
# through the one policy that the page's own modules register.
PUBLIC: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types afterword"
)
# Django's admin writes markup from scripts of its own.
ADMIN: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Data, should a browser be led to it as to a page.
DATA: Final = "default-src 'none'; frame-ancestors 'none'"
ADMIN_PREFIX: Final = "/admin/"


class ContentPolicyMiddleware:
    """Add the policy to every answer that has none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault(HEADER, _policy(request, response))
        return response


def _policy(request: HttpRequest, response: HttpResponseBase) -> str:
    if is_api(request) and not response.get("Content-Type", "").startswith("text/html"):
        return DATA
    return ADMIN if request.path_info.startswith(ADMIN_PREFIX) else PUBLIC
