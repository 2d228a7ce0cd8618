"""Doors for a reader with a session: herself, her sessions, her comments, whom she mutes. Never cached, no cookie."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiParameter, extend_schema

from comments import reader_serializers as serializers
from comments.authentication import signed_in
from comments.inputs import MAX_ID, read_profile
from comments.models import Reader
from comments.selectors.readers import comments_of, mutes_of
from comments.selectors.sessions import sessions_of
from comments.serializers import comment_data, headline
from comments.services.mutes import mute_author, unmute
from comments.services.readers import change_profile, claim_comments, spread
from comments.services.sessions import end_sessions
from comments.tasks import spread_reader
from project import cursors
from project.answers import PRIVATE, json_response
from project.documented import SESSION, documented
from project.errors import refused_field
from project.parsers import read_json
from project.routes import allows
from project.throttling import limited

PAGE: Final = 25


def _private(data: Any, status: int = 200) -> HttpResponse:
    return json_response(data, status=status, headers=PRIVATE)


@documented(
    get=extend_schema(operation_id="reader_me", parameters=[SESSION], responses=serializers.ReaderSerializer),
    patch=extend_schema(
        operation_id="change_reader",
        parameters=[SESSION],
        request=serializers.ProfileSerializer,
        responses=serializers.ReaderSerializer,
    ),
)
@csrf_exempt
@limited("edits", "PATCH")
@allows("GET", "PATCH")
def me(request: HttpRequest) -> HttpResponse:
    """The reader of the session. PATCH gives her another name or web address, in everything that she said too."""
    reader = signed_in(request).reader
    if request.method == "PATCH":
        name, url = read_profile(read_json(request), reader)
        change_profile(reader, name=name, url=url)
        _spread(reader)
    return _private(serializers.reader_data(reader))


@documented(
    get=extend_schema(operation_id="reader_sessions", parameters=[SESSION], responses=serializers.SessionsSerializer),
    delete=extend_schema(
        operation_id="end_sessions", parameters=[SESSION], responses={200: serializers.EndedSerializer}
    ),
)
@csrf_exempt
@limited("edits", "DELETE")
@allows("GET", "DELETE")
def sessions(request: HttpRequest) -> HttpResponse:
    """The reader's open sessions, the newest first; DELETE ends all of them, this one too."""
    session = signed_in(request)
    if request.method == "DELETE":
        return _private({"ended": end_sessions(session.reader)})
    listed = [serializers.session_data(each, session.pk) for each in sessions_of(session.reader)]
    return _private({"sessions": listed})


@documented(
    delete=extend_schema(operation_id="end_session", parameters=[SESSION], responses={200: serializers.EndedSerializer})
)
@csrf_exempt
@limited("edits")
@allows("DELETE")
def one_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """End one of the reader's sessions; one that is over, or another's, ends nothing."""
    reader = signed_in(request).reader
    return _private({"ended": end_sessions(reader, session_id) if session_id <= MAX_ID else 0})


@documented(
    get=extend_schema(
        operation_id="reader_comments",
        parameters=[SESSION, OpenApiParameter("cursor", str)],
        responses=serializers.OwnCommentsSerializer,
    )
)
@allows("GET")
def own_comments(request: HttpRequest) -> HttpResponse:
    """What the reader said on her site, public or waiting for a moderator, the latest first, 25 at a time."""
    reader = signed_in(request).reader
    scope, cursor = f"reader:{reader.pk}", request.GET.get("cursor")
    before = int(cursors.decode(scope, cursor)[0]) if cursor else MAX_ID
    found = comments_of(reader, before=before, limit=PAGE + 1)
    rows, more = found[:PAGE], found[PAGE:]
    listed = [comment_data(row, row.article, disclosed=True) | {"article": headline(row.article)} for row in rows]
    return _private({"comments": listed, "next": cursors.encode(scope, rows[-1].pk) if more else None})


@documented(post=extend_schema(operation_id="claim", parameters=[SESSION], responses=serializers.ClaimedSerializer))
@csrf_exempt
@limited("edits")
@allows("POST")
def claims(request: HttpRequest) -> HttpResponse:
    """Take over what was said on the site under the reader's proven address, as a guest or before an import.

    It can be sent again: what is hers already is not claimed twice.
    """
    reader = signed_in(request).reader
    if request.body:
        read_json(request)
    claimed = claim_comments(reader)
    _spread(reader)
    return _private({"claimed": claimed})


@documented(
    get=extend_schema(operation_id="mutes", parameters=[SESSION], responses=serializers.MutesSerializer),
    put=extend_schema(
        operation_id="mute",
        parameters=[SESSION],
        request=serializers.MuteWishSerializer,
        responses=serializers.MuteSerializer,
    ),
)
@csrf_exempt
@limited("edits", "PUT")
@allows("GET", "PUT")
def mutes(request: HttpRequest) -> HttpResponse:
    """Whom the reader does not want to read; PUT mutes the author of a comment. `thread/mine` names their comments."""
    reader = signed_in(request).reader
    if request.method == "GET":
        return _private({"mutes": [serializers.mute_data(each) for each in mutes_of(reader)]})
    comment_id = read_json(request).get("comment")
    if type(comment_id) is not int or not 0 < comment_id <= MAX_ID:
        raise refused_field("comment", "not_an_id", "This must be the id of a comment.")
    return _private(serializers.mute_data(mute_author(reader, comment_id)))


@documented(delete=extend_schema(operation_id="unmute", parameters=[SESSION], responses={204: None}))
@csrf_exempt
@limited("edits")
@allows("DELETE")
def one_mute(request: HttpRequest, mute_id: int) -> HttpResponse:
    """Take a mute back."""
    reader = signed_in(request).reader
    if mute_id <= MAX_ID:
        unmute(reader, mute_id)
    return HttpResponse(status=204, headers=PRIVATE)


def _spread(reader: Reader) -> None:
    """Show her new self in the first threads now; a worker does the rest."""
    if not spread(reader.pk):
        spread_reader.delay_on_commit(reader.pk)


urlpatterns = [
    path("api/v1/readers/me", me, name="reader_me"),
    path("api/v1/readers/me/sessions", sessions, name="reader_sessions"),
    path("api/v1/readers/me/sessions/<int:session_id>", one_session, name="reader_session"),
    path("api/v1/readers/me/comments", own_comments, name="reader_comments"),
    path("api/v1/readers/me/claims", claims, name="reader_claims"),
    path("api/v1/readers/me/mutes", mutes, name="reader_mutes"),
    path("api/v1/readers/me/mutes/<int:mute_id>", one_mute, name="reader_mute"),
]
