"""Doors for reports: of readers who ask a moderator to look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema

from articles.origins import check_form_origin, check_write_origin
from articles.services.idempotency import Answer, answer_once
from comments import writing_serializers as serializers
from comments.authentication import reader_of
from comments.inputs import read_report
from comments.models import Comment, Report
from comments.selectors.reports import comment_to_report
from comments.services.reporting import Reporter, report_comment, reporter_of
from comments.views.voting import VOTER, VOTER_HEADER
from comments.voters import voter_key
from project.documented import RETRY_KEY, SESSION, documented
from project.errors import Problem
from project.forms import read_form
from project.parsers import read_json
from project.routes import allows
from project.throttling import limited, spend
from project.visitors import client_prefix

RECEIVED: Final = {"status": "received"}


@documented(
    post=extend_schema(
        operation_id="report_comment",
        parameters=[VOTER, SESSION, RETRY_KEY],
        request=serializers.ReportSerializer,
        responses={202: serializers.ReceivedSerializer},
    )
)
@csrf_exempt
@limited("reports")
@allows("POST")
def report(request: HttpRequest, comment_id: int) -> HttpResponse:
    """Ask the site's moderators to look at a public comment; the answer is always the same.

    One report is kept of each reader: of a session, else of a voter token, else of a network. Nobody sees who reported.
    """
    data = read_json(request)
    comment = comment_to_report(comment_id)
    check_write_origin(request, comment.article.site)
    reporter, (reason, detail) = _reporter(request, comment), read_report(data)

    def work() -> Answer:
        report_comment(comment, reporter, reason, detail)
        return Answer(RECEIVED, 202)

    return answer_once(request, comment.site_id, work)


@csrf_exempt
@allows("GET", "POST")
def report_page(request: HttpRequest, article_id: int, comment_id: int) -> HttpResponse:
    """A page of its own with the same form, for browsers without our script: GET shows it, POST reports."""
    if request.method == "POST":
        check_form_origin(request)
    comment = comment_to_report(comment_id)
    if comment.article_id != article_id:
        raise Problem("not_found", "There is no such comment here.")
    if request.method != "POST":
        return _page(request, comment)
    form = read_form(request)
    try:
        spend(request, "reports")
        report_comment(comment, _reporter(request, comment), *read_report(form))
    except Problem as problem:
        return _page(request, comment, form, problem)
    return _page(request, comment, is_done=True)


def _reporter(request: HttpRequest, comment: Comment) -> Reporter:
    reader = reader_of(request, comment.article.site)
    voter = voter_key(comment.site_id, request.headers.get(VOTER_HEADER, ""))
    reader_id = reader.pk if reader else None
    return reporter_of(comment.site_id, reader_id=reader_id, voter_key=voter, prefix=client_prefix(request))


def _page(
    request: HttpRequest,
    comment: Comment,
    form: Mapping[str, Any] | None = None,
    problem: Problem | None = None,
    *,
    is_done: bool = False,
) -> HttpResponse:
    context = {
        "comment": comment,
        "article": comment.article,
        "reasons": Report.Reason.choices,
        "form": form or {},
        "errors": {error["field"]: error["message"] for error in problem.errors} if problem else {},
        "is_done": is_done,
    }
    page = render(request, "comments/report.html", context, status=problem.status if problem else 200)
    page["Cache-Control"] = "private, no-store"
    return page


urlpatterns = [
    path("api/v1/comments/<int:comment_id>/reports", report, name="report"),
    path("a/<int:article_id>/comments/<int:comment_id>/report", report_page, name="report_page"),
]
