"""Doors for what readers write."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema

from articles.authentication import credential
from articles.origins import check_write_origin
from articles.selectors import page_from_request_data
from articles.services.idempotency import Answer, answer_once
from comments import writing_serializers as serializers
from comments.authentication import reader_of
from comments.inputs import Refusals, read_draft, read_title
from comments.selectors.nonces import edit_token_again
from comments.serializers import comment_data
from comments.services.posting import Posted, post_on_page
from comments.views.following import within_share
from comments.views.voting import VOTER, VOTER_HEADER
from project import text
from project.answers import json_response
from project.documented import RETRY_KEY, documented
from project.languages import asked_for
from project.parsers import read_json
from project.routes import allows
from project.throttling import limited, spend_for_site
from project.visitors import client_prefix


@documented(
    post=extend_schema(
        operation_id="create_comment",
        parameters=[VOTER, RETRY_KEY],
        request=serializers.NewCommentSerializer,
        responses={201: serializers.PostedSerializer, 202: serializers.PostedSerializer},
    )
)
@csrf_exempt
@limited("comments")
@allows("POST")
def create_comment(request: HttpRequest) -> HttpResponse:
    """Post a comment: 201 when it is public at once, 202 when it waits for a moderator.

    With a voter token the author is known as its voter, who has no vote on this comment. With a reader's session in
    `Authorization` she writes under her own name, and `author` is needed only before she has one.
    """
    data = read_json(request)
    page = page_from_request_data(data)
    check_write_origin(request, page.site)
    spend_for_site("comments", page.site.pk)
    voter = request.headers.get(VOTER_HEADER, "")
    draft = read_draft(
        data,
        edit_tokens=credential(request).edit_tokens,
        voter=voter,
        network=client_prefix(request),
        reader=reader_of(request, page.site),
        language=asked_for(request),
    )
    title = read_title(data)
    draft = within_share(request, draft, data.get("altcha"))

    def work() -> Answer:
        return _posted(post_on_page(page, draft, title=title))

    return answer_once(request, page.site.pk, work, restore=edit_token_again)


def _posted(posted: Posted) -> Answer:
    comment = posted.comment
    shown = comment_data(comment, comment.article, disclosed=True) | {"version": posted.version}
    status = 201 if comment.is_approved else 202
    return Answer(shown, status, secret={"edit_token": posted.edit_token}, seed=comment.nonce.hex)


@documented(
    post=extend_schema(
        operation_id="preview", request=serializers.BodySerializer, responses=serializers.PreviewSerializer
    )
)
@csrf_exempt
@limited("previews")
@allows("POST")
def preview(request: HttpRequest) -> HttpResponse:
    """Render a text exactly as it would be published, and keep nothing."""
    refusals = Refusals()
    body = refusals.text(read_json(request), "body", text.clean_body, field="body")
    refusals.raise_any()
    return json_response({"html": text.render(body).html})


urlpatterns = [
    path("api/v1/comments", create_comment, name="create_comment"),
    path("api/v1/preview", preview, name="preview"),
]
