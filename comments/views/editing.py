"""Doors for one comment: reading it, changing it, taking it back."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiParameter, extend_schema

from articles.authentication import credential
from articles.origins import check_write_origin
from comments import kept
from comments import writing_serializers as serializers
from comments.inputs import MAX_REVISION, Refusals, read_body
from comments.models import Comment
from comments.selectors.revisions import comment_to_change
from comments.serializers import PermalinkSerializer, comment_data
from comments.services.editing import Editor, delete_comment, edit_comment, editor_of
from comments.views import reading
from comments.views.credentials import claim_of
from project.answers import PRIVATE, json_response
from project.documented import documented
from project.parsers import read_json
from project.routes import allows
from project.throttling import limited

EDIT_TOKENS: Final[list[Any]] = [
    OpenApiParameter("Authorization", str, OpenApiParameter.HEADER, description="`Bearer` and an edit token or key."),
    reading.EDIT_TOKENS,
]


@documented(
    get=extend_schema(operation_id="comment", responses=PermalinkSerializer),
    patch=extend_schema(
        operation_id="edit_comment",
        parameters=EDIT_TOKENS,
        request=serializers.EditSerializer,
        responses=serializers.EditedSerializer,
    ),
    delete=extend_schema(
        operation_id="delete_comment", parameters=EDIT_TOKENS, responses={200: serializers.VersionSerializer}
    ),
)
@csrf_exempt
@limited("edits", "PATCH", "DELETE")
@allows("GET", "PATCH", "DELETE")
def comment(request: HttpRequest, comment_id: int) -> HttpResponse:
    """One comment: GET shows it with the beginning of its branch and its ancestors, at most the 50 nearest.

    PATCH gives it another text, DELETE removes it: its author by its edit token for as long as the site lets her,
    moderators (a key with the scope `moderate`) at any time. An edit passes the same rules as a new comment and may
    be held by them; a removed comment leaves a tombstone where replies stand below it.
    """
    if request.method == "PATCH":
        return _edit(request, comment_id)
    if request.method == "DELETE":
        return _delete(request, comment_id)
    return reading.one_comment(request, comment_id)


def _edit(request: HttpRequest, comment_id: int) -> HttpResponse:
    data = read_json(request)
    found, editor = _to_change(request, comment_id)
    refusals = Refusals()
    body = read_body(data, refusals)
    revision = data.get("revision")
    if revision is not None and (type(revision) is not int or not 0 < revision <= MAX_REVISION):
        refusals.add("revision", "not_a_revision", "This must be the number of a revision.")
    refusals.raise_any()
    edited = edit_comment(found, editor, body, revision=revision)
    shown = comment_data(edited.comment, edited.comment.article, disclosed=True)
    return json_response(shown | {"revision": edited.comment.revision, "version": edited.version})


def _delete(request: HttpRequest, comment_id: int) -> HttpResponse:
    if request.body:
        read_json(request)
    found, editor = _to_change(request, comment_id)
    return json_response({"version": delete_comment(found, editor)})


def _to_change(request: HttpRequest, comment_id: int) -> tuple[Comment, Editor]:
    sent = credential(request)
    found = comment_to_change(comment_id)
    check_write_origin(request, found.article.site)
    return found, editor_of(found, claim_of(request, sent, found.article.site), sent.api_key)


@documented(
    get=extend_schema(
        operation_id="comment_source", parameters=EDIT_TOKENS, responses=serializers.CommentSourceSerializer
    )
)
@allows("GET")
def source(request: HttpRequest, comment_id: int) -> HttpResponse:
    """The text of a comment as it was written, for whoever may change it, to begin an edit with.

    Show it as text, in a field: it is not sanitised. Send `revision` back with PATCH, so that no edit which came
    between is lost.
    """
    sent = credential(request)
    found = comment_to_change(comment_id)
    editor_of(found, claim_of(request, sent, found.article.site), sent.api_key)
    return json_response({"body": found.source, "revision": found.revision}, headers=PRIVATE)


urlpatterns = [
    path(kept.COMMENT.route, comment, name="comment"),
    path("api/v1/comments/<int:comment_id>/source", source, name="comment_source"),
]
