"""The routes of WordPress' REST API below a site, and the address that stands for the site itself."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, path, resolve

from comments.views.wordpress import discovery, items, listing, writing
from comments.views.wordpress.door import endpoint

BASE: Final = "wp/<slug:site_slug>/wp-json"
_nothing = endpoint(GET=discovery.nothing)


def elsewhere(request: HttpRequest, site_slug: str, route: str) -> HttpResponse:
    """Answer a route with a slash too many as the one without it, and any other as none."""
    short = route.rstrip("/")
    return dispatch(request, site_slug, f"/{short}") if short != route else _nothing(request, site_slug, route=route)


def dispatch(request: HttpRequest, site_slug: str, route: str) -> HttpResponse:
    """Answer as `/wp-json` followed by `route` would, which begins with a slash: `?rest_route=` says it so."""
    try:
        found = resolve(f"/wp/{site_slug}/wp-json{route or '/'}")
    except Resolver404:
        return _nothing(request, site_slug, route=route)
    response: HttpResponse = found.func(request, **found.kwargs)
    return response


elsewhere.methods = ("GET", "HEAD")  # type: ignore[attr-defined]
elsewhere.csrf_exempt = True  # type: ignore[attr-defined]

CHANGE: Final[dict[str, Any]] = dict.fromkeys(("POST", "PUT", "PATCH"), items.update_comment)

urlpatterns = [
    path(f"{BASE}", endpoint(GET=discovery.index)),
    path(f"{BASE}/", endpoint(GET=discovery.index), name="wordpress_index"),
    path(f"{BASE}/wp/v2", endpoint(GET=discovery.namespace), name="wordpress_namespace"),
    path(f"{BASE}/wp/v2/posts", endpoint(GET=listing.list_posts), name="wordpress_posts"),
    path(f"{BASE}/wp/v2/posts/<int:post_id>", endpoint(GET=items.read_post), name="wordpress_post"),
    path(
        f"{BASE}/wp/v2/comments",
        endpoint("comments", GET=listing.list_comments, POST=writing.create),
        name="wordpress_comments",
    ),
    path(
        f"{BASE}/wp/v2/comments/<int:comment_id>",
        endpoint("edits", GET=items.read_comment, **CHANGE, DELETE=items.remove_comment),
        name="wordpress_comment",
    ),
    path(f"{BASE}/<path:route>", elsewhere, name="wordpress_elsewhere"),
]
