"""From which pages a browser may write: the Origin rule, in place of cookies and CSRF tokens.

A write without `Origin` is not a browser's and is accepted by the API. Our own pages' forms carry neither cookie nor
token, so for them the header, or `Sec-Fetch-Site`, must be there.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from articles.models import Site
from articles.selectors import has_origin
from project.addresses import canonical_origin
from project.errors import Problem


def check_write_origin(request: HttpRequest, site: Site) -> None:
    """Accept a JSON write without `Origin`, or of an origin of the site's or of PUBLIC_URL; at most one query.

    Problem: origin_not_allowed, for `null` too.
    """
    header = request.headers.get("Origin")
    if header is None:
        return
    origin = _canonical(header)
    if origin is None or not (origin == own_origin() or has_origin(site, origin)):
        raise Problem("origin_not_allowed", "Pages of this origin may not write to this site.")


def check_form_origin(request: HttpRequest) -> None:
    """Accept a form of our own pages: `Origin` is PUBLIC_URL's or, without that header, the fetch is same-origin.

    Problem: origin_not_allowed.
    """
    header = request.headers.get("Origin")
    if header is None:
        accepted = request.headers.get("Sec-Fetch-Site") == "same-origin"
    else:
        accepted = _canonical(header) == own_origin()
    if not accepted:
        raise Problem("origin_not_allowed", "This form is taken from our own pages only.")


def own_origin() -> str:
    """Return `host[:port]` of PUBLIC_URL."""
    return canonical_origin(settings.PUBLIC_URL)


def _canonical(header: str) -> str | None:
    try:
        return canonical_origin(header)
    except Problem:
        return None
