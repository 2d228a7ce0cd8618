"""The door to the most shared articles of a site; public, without cookies."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema

from articles.selectors import find_site
from project.cacheable import cacheable_json
from project.documented import documented
from project.queries import DAYS, SITE, days_of, site_slug, whole_number
from project.routes import allows
from project.snapshots.depends import Depends
from sharing import kept
from sharing.selectors.shares import most_shared as shared_articles
from sharing.serializers.shares import MostSharedSerializer, most_shared_data

MAX_LIMIT: Final = 100
DEFAULT_LIMIT: Final = 25
# Seconds for which a web process may keep what no version tells.
LIST_AGE: Final = 1.0

LIMIT: Final = OpenApiParameter("limit", int, description=f"1 to {MAX_LIMIT}, {DEFAULT_LIMIT} unless asked otherwise.")


@documented(
    get=extend_schema(operation_id="most_shared", parameters=[SITE, DAYS, LIMIT], responses=MostSharedSerializer)
)
@allows("GET")
def most_shared(request: HttpRequest) -> HttpResponse:
    """The articles of a site that were shared most in the last days; those without any share are left out."""
    slug, days = site_slug(request.GET), days_of(request.GET)
    limit = whole_number(request.GET, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
    data = most_shared_data(days, shared_articles(find_site(slug), days=days, limit=limit))
    return cacheable_json(request, data, Depends(max_age=LIST_AGE))


urlpatterns = [path(kept.MOST_SHARED.route, most_shared, name="most_shared")]
