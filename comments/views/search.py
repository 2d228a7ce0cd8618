"""Doors to a whole site: its comments by their words, its most discussed articles; public, without cookies."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema

from articles.selectors import find_site
from comments import kept
from comments import search_serializers as serializers
from comments.searching import MAX_QUERY
from comments.selectors import DEFAULT_LIMIT, MAX_LIMIT
from comments.selectors.lists import most_discussed as discussed_articles
from comments.selectors.search import search_comments
from project.cacheable import cacheable_json
from project.documented import documented
from project.errors import refused_field
from project.queries import DAYS, SITE, days_of, site_slug, whole_number
from project.routes import allows
from project.snapshots.depends import Depends
from project.throttling import limited

# Seconds for which a web process may keep what no version tells.
LIST_AGE: Final = 1.0

QUERY: Final = OpenApiParameter(
    "q", str, required=True, description=f'Words, "phrases" and -exclusions, at most {MAX_QUERY} characters.'
)
CURSOR: Final = OpenApiParameter("cursor", str, description="What `next` gave for the same `site` and `q`.")
LIMIT: Final = OpenApiParameter("limit", int, description="1 to 100, 25 unless asked otherwise.")


@documented(
    get=extend_schema(
        operation_id="search", parameters=[SITE, QUERY, CURSOR, LIMIT], responses=serializers.SearchSerializer
    )
)
@limited("searches")
@allows("GET")
def search(request: HttpRequest) -> HttpResponse:
    """Search the public comments of a site, newest first.

    All words and "phrases" must occur, none of those after a `-`. Case, accents and the width of letters do not
    matter; in scripts that put no blanks between words any run of characters is found. An answer that had to look
    through very many comments may be short, even empty, and still have a `next`.
    """
    site, query = site_slug(request.GET), request.GET.get("q")
    if not query:
        raise refused_field("q", "required", "Say what to look for.")
    page = search_comments(site, query, cursor=request.GET.get("cursor"), limit=_limit(request))
    return cacheable_json(request, serializers.search_data(page), Depends(max_age=LIST_AGE))


@documented(
    get=extend_schema(
        operation_id="most_discussed", parameters=[SITE, DAYS, LIMIT], responses=serializers.MostDiscussedSerializer
    )
)
@allows("GET")
def most_discussed(request: HttpRequest) -> HttpResponse:
    """The articles of a site with the most public comments of the last days; those without any are left out."""
    slug, days, limit = site_slug(request.GET), days_of(request.GET), _limit(request)
    data = serializers.discussed_data(days, discussed_articles(find_site(slug), days=days, limit=limit))
    return cacheable_json(request, data, Depends(max_age=LIST_AGE))


def _limit(request: HttpRequest) -> int:
    return whole_number(request.GET, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT


urlpatterns = [
    path("api/v1/search", search, name="search"),
    path(kept.MOST_DISCUSSED.route, most_discussed, name="most_discussed"),
]
