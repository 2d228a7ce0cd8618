"""What a reader with a session may ask for herself: all that is held about her, and that it is erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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
from sharing.selectors.person import held_about
from sharing.serializers.person import WISHES, ErasureSerializer, HeldSerializer, ReceiptSerializer
from sharing.services.erasure import erase_person

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


def _read_wish(data: Mapping[str, Any]) -> str:
    """Return what is to become of her texts; it has no default, because nothing brings them back."""
    wish = data.get("texts")
    if wish not in WISHES:
        raise refused_field("texts", "unknown_choice", f"One of {', '.join(WISHES)}.")
    return str(wish)


urlpatterns = [
    path("api/v1/readers/me/export", export, name="export_reader"),
    path("api/v1/readers/me/erasure", erasure, name="erase_reader"),
]
