"""Doors for what readers write."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from articles.origins import check_write_origin
from articles.selectors import page_from_request_data
from articles.services.pages import register_page
from comments.inputs import read_draft
from comments.serializers import comment_data
from comments.services.posting import post_comment
from comments.tokens import presented_tokens
from project import text
from project.answers import json_response
from project.errors import Problem
from project.parsers import read_json


@csrf_exempt
@require_POST
def create_comment(request: HttpRequest) -> HttpResponse:
    """Post a comment: 201 when it is public at once, 202 when it waits for a moderator."""
    data = read_json(request)
    page = page_from_request_data(data)
    check_write_origin(request, page.site)
    draft = read_draft(data, edit_tokens=presented_tokens(request))
    article = page.article or register_page(page, title=_title(data))
    posted = post_comment(article, draft)
    answer = comment_data(posted.comment, article) | {"edit_token": posted.edit_token, "version": posted.version}
    return json_response(answer, status=201 if posted.comment.is_approved else 202)


def _title(data: dict[str, Any]) -> str:
    title = data.get("title")
    return " ".join(title.split())[:500] if isinstance(title, str) and title.isprintable() else ""


@csrf_exempt
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Render a text exactly as it would be published, and keep nothing."""
    body = read_json(request).get("body")
    if not isinstance(body, str):
        errors = [{"field": "body", "code": "required", "message": "A comment needs a text."}]
        raise Problem("validation_failed", "Some fields are not acceptable.", errors=errors)  # type: ignore[arg-type]
    return json_response({"html": text.render(body).html})


urlpatterns = [
    path("api/v1/comments", create_comment, name="create_comment"),
    path("api/v1/preview", preview, name="preview"),
]
