"""Counts for pages with Shariff's buttons: what its front end asks a backend for, answered from our own shares.

Shariff parses whatever comes with 2xx, so a page that we do not count is `null`, as from its backend in PHP; refusals
have another status and are ignored quietly. No network is asked, so no reader waits for one.
"""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from articles.models import Article
from articles.selectors import article_at, find_page, find_site, is_known_origin
from project.addresses import canonical_origin
from project.cacheable import cacheable_json
from project.documented import documented
from project.errors import Problem
from project.routes import allows
from project.snapshots.depends import Depends
from sharing import kept, networks
from sharing.selectors.shares import share_counts

# Seconds for which a web process may keep the counts of a page that is known.
SHARES_AGE: Final = 10.0
UNKNOWN_AGE: Final = 1.0

COUNTS: Final = OpenApiResponse(
    {"type": ["object", "null"], "additionalProperties": {"type": "integer", "minimum": 0}},
    description="Shares by Shariff's name of each service, `null` for a page of none of our sites.",
)
URL: Final = OpenApiParameter("url", str, description="Address of the page.")


@documented(get=extend_schema(operation_id="shariff", parameters=[URL], responses=COUNTS))
@allows("GET")
def shariff(request: HttpRequest) -> HttpResponse:
    """How often a page was shared, by Shariff's name of each service; of several sites with its origin the oldest.

    `{}` for a page that nobody has shared or written on, `null` for one that is no page of any site.
    """
    url = request.GET.get("url", "")
    try:
        article = article_at(url)
        is_ours = article is not None or is_known_origin(canonical_origin(url, "url"))
    except Problem:
        article, is_ours = None, False
    return _answer(request, article if article and article.is_public else None, is_ours=is_ours)


@documented(get=extend_schema(operation_id="shariff_of_site", parameters=[URL], responses=COUNTS))
@allows("GET")
def shariff_of_site(request: HttpRequest, site_slug: str) -> HttpResponse:
    """How often a page of one site was shared, as `shariff`."""
    site = find_site(site_slug)
    try:
        page = find_page(site, url=request.GET.get("url", ""))
    except Problem:
        return _answer(request, None, is_ours=False)
    return _answer(request, page.public_article(), is_ours=True)


def _answer(request: HttpRequest, article: Article | None, *, is_ours: bool) -> HttpResponse:
    if article is None:
        # Kept apart from what is read, as anybody may think of any number of addresses.
        return cacheable_json(request, {} if is_ours else None, Depends(max_age=UNKNOWN_AGE, exact=True))
    counts = {_service(key): count for key, count in share_counts(article).items()}
    return cacheable_json(request, counts, Depends(max_age=SHARES_AGE))


def _service(key: str) -> str:
    """The name by which Shariff knows a network, ours for one that it does not know."""
    network = networks.find(key)
    return network.aliases[0] if network is not None and network.aliases else key


urlpatterns = [
    path(kept.SHARIFF.route, shariff, name="shariff"),
    path(kept.SHARIFF_OF_SITE.route, shariff_of_site, name="shariff_of_site"),
]
