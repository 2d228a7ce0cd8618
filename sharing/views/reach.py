"""Arrivals through shared addresses, and the report of what came of shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from articles.authentication import ApiKeyAuthentication, HasScope, api_key_of
from articles.models import ApiKey, Article
from articles.origins import check_write_origin
from project.answers import json_response
from project.errors import Problem
from project.queries import DAYS, days_of, whole_number
from project.throttling import limited
from project.tokens import MAX_ID
from project.visitors import visitor_of
from sharing.references import read_reference
from sharing.selectors.reach import OfArticle, OfNetwork, Reach, reach_of
from sharing.serializers.reach import CSV, ReachSerializer, VisitInputSerializer, file_headers, report_rows
from sharing.serializers.shares import headline
from sharing.services.visits import record_visit

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000
ARTICLE: Final = OpenApiParameter("article", int, description="The id of an article of the site, for that alone.")
LIMIT: Final = OpenApiParameter(
    "limit", int, description=f"How many articles are named: 1 to {MAX_LIMIT}, {DEFAULT_LIMIT} unless asked otherwise."
)


class VisitsView(APIView):
    """Arrivals through shared addresses."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="record_visit", request=VisitInputSerializer, responses={204: None})
    def post(self, request: Request) -> HttpResponse:
        """Count an arrival. The answer says nothing: neither whether it counted nor whether the reference is ours."""
        given = VisitInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        referral = read_reference(given.validated_data["ref"])
        if referral is not None:
            article = Article.objects.select_related("site").filter(pk=referral.article_id).first()
            if article is not None:
                check_write_origin(request._request, article.site)
                record_visit(referral, article, visitor_of(request._request))
        return HttpResponse(status=204, headers={"Cache-Control": "no-store"})


class ReportView(APIView):
    """What came of shares; for keys with the scope `export`, each of its own site."""

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (HasScope(ApiKey.Scope.EXPORT),)

    @extend_schema(operation_id="sharing_report", parameters=[DAYS, ARTICLE, LIMIT], responses=ReachSerializer)
    def get(self, request: Request) -> HttpResponse:
        """Show shares, visits, comments and follows by network and by article, of the last days in UTC."""
        limit = whole_number(request.query_params, "limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
        return json_response(_data(_asked(request), limit))


class ReportFileView(ReportView):
    """The same as a table."""

    @extend_schema(
        operation_id="sharing_report_file",
        parameters=[DAYS, ARTICLE],
        responses={(200, "text/csv"): OpenApiResponse(str, description="One row for each article and network.")},
    )
    def get(self, request: Request) -> HttpResponse:
        """Download a row for each article and network, 10,000 at most, safe to open in a spreadsheet."""
        reach = _asked(request)
        return HttpResponse(report_rows(reach), content_type=CSV, headers=file_headers(reach))


def _asked(request: Request) -> Reach:
    """The report that a query asks for. Problem: validation_failed, not_found for an article of another site."""
    query: Mapping[str, str] = request.query_params
    site, days = api_key_of(request).site, days_of(query)
    article_id = whole_number(query, "article", 1, MAX_ID)
    if article_id is None:
        return reach_of(site, days=days)
    article = Article.objects.filter(site=site, pk=article_id).first()
    if article is None:
        raise Problem("not_found", "There is no such article.")
    return reach_of(site, days=days, article=article)


def _data(reach: Reach, limit: int) -> dict[str, Any]:
    return {
        "since": reach.since,
        "until": reach.until,
        "total": asdict(reach.total),
        "networks": [_of_network(one) for one in reach.networks],
        "articles": [_of_article(one) for one in reach.articles[:limit]],
    }


def _of_article(one: OfArticle) -> dict[str, Any]:
    through = [_of_network(each) for each in one.networks]
    return {"article": headline(one.article), **asdict(one.numbers), "networks": through}


def _of_network(one: OfNetwork) -> dict[str, Any]:
    return {"network": one.network, "label": one.label, **asdict(one.numbers)}


urlpatterns = [
    path("api/v1/visits", limited("visits")(VisitsView.as_view()), name="visits"),
    path("api/v1/sharing-report", ReportView.as_view(), name="sharing_report"),
    path("api/v1/sharing-report.csv", ReportFileView.as_view(), name="sharing_report_file"),
]
