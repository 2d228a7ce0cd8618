"""What clients read first: where the API of a site is, and which routes it has."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings

from articles.models import Site
from comments.views.wordpress.door import Call, Reply
from comments.views.wordpress.errors import no_route

NAMESPACE: Final = "wp/v2"
COMMENT_LIST: Final = (
    *("context", "page", "per_page", "search", "after", "author", "author_email", "author_exclude", "before"),
    *("exclude", "include", "offset", "order", "orderby", "parent", "parent_exclude", "post", "status", "type"),
    "password",
)
POST_LIST: Final = (
    *("context", "page", "per_page", "search", "after", "before", "modified_after", "modified_before", "exclude"),
    *("include", "offset", "order", "orderby", "slug", "status"),
)
NEW_COMMENT: Final = ("author_email", "author_name", "author_url", "content", "parent", "post", "status")
CHANGED_COMMENT: Final = ("content", "status")
EDITS: Final = ("POST", "PUT", "PATCH")
Endpoint = tuple[tuple[str, ...], tuple[str, ...]]
ROUTES: Final[dict[str, tuple[Endpoint, ...]]] = {
    f"/{NAMESPACE}/posts": ((("GET",), POST_LIST),),
    f"/{NAMESPACE}/posts/(?P<id>[\\d]+)": ((("GET",), ("id", "context")),),
    f"/{NAMESPACE}/comments": ((("GET",), COMMENT_LIST), (("POST",), NEW_COMMENT)),
    f"/{NAMESPACE}/comments/(?P<id>[\\d]+)": (
        (("GET",), ("id", "context", "password")),
        (EDITS, ("id", *CHANGED_COMMENT)),
        (("DELETE",), ("id", "force")),
    ),
}


def index(call: Call) -> Reply:
    """Answer with what the site is called and all routes."""
    site = call.site
    return Reply(
        {
            "name": site.name or site.slug,
            "description": "",
            "url": home_of(site),
            "home": home_of(site),
            "gmt_offset": 0,
            "timezone_string": "UTC",
            "namespaces": [NAMESPACE],
            "authentication": [],
            "routes": _routes(call, ("/", f"/{NAMESPACE}", *ROUTES)),
            "_links": {"help": [{"href": "https://developer.wordpress.org/rest-api/"}]},
        }
    )


def namespace(call: Call) -> Reply:
    """Answer with the routes of the one namespace."""
    return Reply({"namespace": NAMESPACE, "routes": _routes(call, (f"/{NAMESPACE}", *ROUTES))})


def nothing(call: Call, route: str = "") -> Reply:
    """Refuse what is no route."""
    raise no_route()


def home_of(site: Site) -> str:
    """Return the address that stands for a WordPress site's own here."""
    return f"{settings.PUBLIC_URL}/wp/{site.slug}"


def _routes(call: Call, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _route(call, name) for name in names}


def _route(call: Call, name: str) -> dict[str, Any]:
    endpoints = ROUTES.get(name, ((("GET",), ("context",)),))
    methods = [method for taken, _ in endpoints for method in taken]
    described = [
        {"methods": list(taken), "args": {argument: {"required": False} for argument in arguments}}
        for taken, arguments in endpoints
    ]
    links = {} if "(" in name else {"_links": {"self": [{"href": f"{call.root}{name.lstrip('/')}"}]}}
    return {"namespace": NAMESPACE if name != "/" else "", "methods": methods, "endpoints": described, **links}
