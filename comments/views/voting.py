"""Doors for votes: a token for a reader without an account, and a reader's vote on a comment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiParameter, extend_schema

from articles.authentication import credential
from articles.origins import check_write_origin
from comments import writing_serializers as serializers
from comments.authentication import reader_of
from comments.selectors.votes import comment_to_vote_on
from comments.services.voting import DOWN, NONE, UP, vote
from comments.voters import voter_of
from project.answers import json_response
from project.documented import SESSION, documented
from project.errors import refused_field
from project.parsers import read_json
from project.routes import allows
from project.throttling import limited
from project.tokens import new_voter_token
from project.visitors import client_prefix

VOTER_HEADER: Final = "X-Afterword-Voter"
VOTER: Final = OpenApiParameter(VOTER_HEADER, str, OpenApiParameter.HEADER, description="What `POST voter` gave.")


@documented(post=extend_schema(operation_id="create_voter", request=None, responses={201: serializers.VoterSerializer}))
@csrf_exempt
@limited("voter_tokens")
@allows("POST")
def create_voter(request: HttpRequest) -> HttpResponse:
    """Make a token for a reader without an account, who is to keep it: her votes are hers by it.

    Nothing is stored until she votes. A body is not needed.
    """
    if request.body:
        read_json(request)
    return json_response({"voter": new_voter_token()}, status=201)


@documented(
    put=extend_schema(
        operation_id="vote",
        parameters=[VOTER, SESSION],
        request=serializers.VoteSerializer,
        responses=serializers.VotedSerializer,
    )
)
@csrf_exempt
@limited("votes")
@allows("PUT")
def vote_on_comment(request: HttpRequest, comment_id: int) -> HttpResponse:
    """Vote a comment up (1) or down (-1), or take the vote back (0); the same vote twice counts once.

    One vote for each reader with a session, else for each voter token; a vote that a reader gave without her session
    becomes hers when both are sent. None on one's own comment (`edit_token`, or the voter token that it was posted
    with), and from one network no more than the site's settings say.
    """
    value = _value(read_json(request))
    comment = comment_to_vote_on(comment_id)
    site = comment.article.site
    check_write_origin(request, site)
    reader = reader_of(request, site)
    token = request.headers.get(VOTER_HEADER, "")
    voter = voter_of(site.pk, token, client_prefix(request), reader.pk if reader else None)
    voted = vote(comment, voter, value, edit_tokens=credential(request).edit_tokens)
    answer = {"up": voted.up, "down": voted.down, "score": voted.up - voted.down, "value": voted.value}
    return json_response(answer | {"version": voted.version})


def _value(data: Mapping[str, Any]) -> int:
    value = data.get("value")
    if value is None:
        raise refused_field("value", "required", "Send 1, 0 or -1.")
    if type(value) is not int or value not in (UP, NONE, DOWN):
        raise refused_field("value", "unknown_choice", "This must be 1, 0 or -1.")
    return value


urlpatterns = [
    path("api/v1/voter", create_voter, name="create_voter"),
    path("api/v1/comments/<int:comment_id>/vote", vote_on_comment, name="vote"),
]
