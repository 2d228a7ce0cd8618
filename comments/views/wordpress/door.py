"""What holds for every route of WordPress' REST API: who calls, by which method, and how answers and refusals look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from articles.authentication import application_key
from articles.models import ApiKey, Site
from articles.origins import check_write_origin
from articles.selectors import find_site
from comments.views.wordpress.arguments import Arguments, arguments_of
from comments.views.wordpress.errors import JSON, Refusal, error_response, flood, no_route, refusal_of
from comments.views.wordpress.fields import wanted
from project.errors import Problem, problem_of
from project.routes import READS
from project.throttling import spend

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CHANGES: Final = ("POST", "PUT", "PATCH")
OVERRIDE: Final = "X-HTTP-Method-Override"
CONTEXTS: Final = ("view", "embed", "edit")
PUBLIC_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "X-WP-Total, X-WP-TotalPages, Link, Location, Retry-After",
    "Access-Control-Allow-Headers": "Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}


@dataclass
class Call:
    """One request at one site; `key` is a publisher's, of whatever site."""

    request: HttpRequest
    site: Site
    key: ApiKey | None
    arguments: Arguments

    @property
    def root(self) -> str:
        return api_root(self.site)

    @property
    def moderates(self) -> bool:
        """Whether the key may see and change every comment of this site."""
        return self.key is not None and self.key.site_id == self.site.pk and self.key.allows(ApiKey.Scope.MODERATE)

    @property
    def publishes(self) -> bool:
        """Whether the key may see every article of this site."""
        return self.key is not None and self.key.site_id == self.site.pk and self.key.allows(ApiKey.Scope.ARTICLES)

    def forbidden(self, code: str, message: str) -> Refusal:
        """Return the refusal of what only a key of this site may: 401 to strangers, 403 to the bearers of others."""
        return Refusal(code, message, 401 if self.key is None else 403)

    def context(self, *, may_edit: bool) -> str:
        """Return the context that is asked for. Refusal: rest_forbidden_context."""
        context = self.arguments.choice("context", CONTEXTS, "view")
        if context == "edit" and not may_edit:
            raise self.forbidden("rest_forbidden_context", "Sorry, you are not allowed to edit this.")
        return context


@dataclass(frozen=True)
class Reply:
    """What a route answers; embedding and the choice of fields are done already or follow from the arguments."""

    data: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[..., Reply]


def api_root(site: Site) -> str:
    """Return the address of a site's REST API."""
    return f"{settings.PUBLIC_URL}/wp/{site.slug}/wp-json/"


def api_link(site: Site) -> str:
    """Return the `Link` header by which clients find the API of a site."""
    return f'<{api_root(site)}>; rel="https://api.w.org/"'


def endpoint(limit: str = "", **handlers: Handler) -> Callable[..., HttpResponse]:
    """Return the view of one route: `endpoint("comments", GET=listed, POST=create)`.

    Writes are counted in the scope `limit`, and their Origin has to be one of the site's.
    """
    taken = tuple(method for method in METHODS if method in handlers or (method == "HEAD" and "GET" in handlers))

    def view(request: HttpRequest, site_slug: str, **path: Any) -> HttpResponse:
        try:
            method = _method_of(request)
            if method == "OPTIONS":
                return _preflight(taken)
            handler = handlers.get("GET" if method == "HEAD" else method)
            if handler is None:
                raise no_route()
            if method not in READS and limit:
                _spend(request, limit)
            return _answer(request, site_slug, method, taken, handler, path)
        except Exception as error:
            return _refused(error)

    view.csrf_exempt = True  # type: ignore[attr-defined]
    view.methods = taken  # type: ignore[attr-defined]
    if limit:
        view.limits = (limit, tuple(m for m in taken if m not in READS))  # type: ignore[attr-defined]
    return view


def _spend(request: HttpRequest, limit: str) -> None:
    try:
        spend(request, limit)
    except Problem as problem:
        raise (flood(problem) if limit == "comments" else problem) from problem


def _answer(
    request: HttpRequest, slug: str, method: str, taken: tuple[str, ...], handler: Handler, path: dict[str, Any]
) -> HttpResponse:
    site = find_site(slug)
    arguments = Arguments(arguments_of(request))
    if arguments.has("_jsonp"):
        raise Refusal("rest_callback_disabled", "JSONP support is disabled on this site.", 400)
    call = Call(request, site, application_key(request), arguments)
    if method not in READS:
        check_write_origin(request, site)
    reply = handler(call, **path)
    data = wanted(reply.data, arguments)
    headers = {"Allow": ", ".join(taken), "Link": api_link(site), **reply.headers}
    if "_envelope" in arguments.data:
        data = {"body": data, "status": reply.status, "headers": headers}
        return _response(data, 200, headers)
    return _response(data, reply.status, headers)


def _response(data: Any, status: int, headers: Mapping[str, str]) -> HttpResponse:
    return HttpResponse(orjson.dumps(data), status=status, content_type=JSON, headers=PUBLIC_HEADERS | dict(headers))


def _refused(error: Exception) -> HttpResponse:
    """Answer a refusal of any kind; a fault of ours goes on to Django, which reports it."""
    if isinstance(error, Refusal):
        return error_response(error)
    problem = problem_of(error)
    if problem is None:
        raise error
    return error_response(refusal_of(problem))


def _method_of(request: HttpRequest) -> str:
    """Return what the request is meant to do; only a POST can say that it means another method."""
    method = request.method or "GET"
    if method != "POST":
        return method
    return (request.GET.get("_method") or request.headers.get(OVERRIDE) or method).upper()


def _preflight(taken: tuple[str, ...]) -> HttpResponse:
    methods = ", ".join(("OPTIONS", *taken))
    headers = {"Allow": methods, "Access-Control-Allow-Methods": methods, "Access-Control-Max-Age": "86400"}
    response = HttpResponse(status=204, headers=PUBLIC_HEADERS | headers)
    del response["Content-Type"]
    return response
