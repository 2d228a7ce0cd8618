"""What a reader with a session may ask for herself: what she follows, all that is held about her, and its erasure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema

from comments.authentication import signed_in
from comments.selectors.person import person_of_reader
from project.answers import PRIVATE, json_response
from project.documented import SESSION, documented
from project.errors import refused_field
from project.parsers import read_json
from project.routes import allows
from project.throttling import limited
from sharing.selectors.follows import follows_of, newest_first
from sharing.selectors.person import held_about
from sharing.serializers.follows import MAX_ID
from sharing.serializers.person import (
    WISHES,
    EndedFollowsSerializer,
    ErasureSerializer,
    HeldSerializer,
    OwnFollowsSerializer,
    ReceiptSerializer,
    own_follow_data,
)
from sharing.services.erasure import erase_person
from sharing.services.follows import end_follows

# Seconds that a reader waits for messages which are on their way; the receipt tells how many were left.
PATIENCE: Final = 5.0


@documented(get=extend_schema(operation_id="export_reader", parameters=[SESSION], responses=HeldSerializer))
@csrf_exempt
@limited("edits")
@allows("GET")
def export(request: HttpRequest) -> HttpResponse:
    """Everything that this site holds about the reader: account, comments with their texts, votes, follows, mails."""
    person = person_of_reader(signed_in(request).reader)
    return json_response(held_about(person), headers=PRIVATE)


@documented(
    post=extend_schema(
        operation_id="erase_reader",
        parameters=[SESSION],
        request=ErasureSerializer,
        responses={200: ReceiptSerializer},
    )
)
@csrf_exempt
@limited("edits")
@allows("POST")
def erasure(request: HttpRequest) -> HttpResponse:
    """Erase the reader from this site, at once and for good; the answer is a receipt that does not name her.

    `texts` says what becomes of what she wrote: `keep` leaves it without her name, `erase` removes it. Sessions end.
    """
    reader = signed_in(request).reader
    texts = _read_wish(read_json(request))
    receipt = erase_person(person_of_reader(reader), texts=texts == "erase", patience=PATIENCE)
    return json_response(receipt, headers=PRIVATE)


@documented(get=extend_schema(operation_id="reader_follows", parameters=[SESSION], responses=OwnFollowsSerializer))
@csrf_exempt
@allows("GET")
def follows(request: HttpRequest) -> HttpResponse:
    """What the reader's proven address follows on this site, or was asked to confirm, the newest first."""
    found = newest_first(follows_of(signed_in(request).reader))
    return json_response({"follows": [own_follow_data(follow) for follow in found]}, headers=PRIVATE)


@documented(
    delete=extend_schema(operation_id="end_follow", parameters=[SESSION], responses={200: EndedFollowsSerializer}),
)
@csrf_exempt
@limited("edits")
@allows("DELETE")
def one_follow(request: HttpRequest, follow_id: int) -> HttpResponse:
    """End one of the reader's follows; one that has ended, or another's, ends nothing."""
    hers = follows_of(signed_in(request).reader).filter(pk=min(follow_id, MAX_ID))
    return json_response({"ended": end_follows(Q(pk__in=hers.values("pk")), door="reader")}, headers=PRIVATE)


def _read_wish(data: Mapping[str, Any]) -> str:
    """Return what is to become of her texts; it has no default, because nothing brings them back."""
    wish = data.get("texts")
    if wish not in WISHES:
        raise refused_field("texts", "unknown_choice", f"One of {', '.join(WISHES)}.")
    return str(wish)


urlpatterns = [
    path("api/v1/readers/me/export", export, name="export_reader"),
    path("api/v1/readers/me/follows", follows, name="reader_follows"),
    path("api/v1/readers/me/follows/<int:follow_id>", one_follow, name="reader_follow"),
    path("api/v1/readers/me/erasure", erasure, name="erase_reader"),
]
