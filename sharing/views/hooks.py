"""The door by which mail providers tell us of bounces and complaints.

It is open once MAIL_EVENTS_SECRET is set, to whoever sends it as the password of HTTP Basic, under any name: all
providers can, in the address that they are given. Events may come twice and in any order.
"""

from __future__ import annotations

import hmac

from anymail.utils import get_request_basic_auth
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from project.errors import Problem
from project.routes import allows
from project.throttling import limited
from sharing.models import MailEvent
from sharing.providers import read_events
from sharing.services.returns import note_bounce, note_complaint


@csrf_exempt
@allows("POST")
def mail_events(request: HttpRequest, provider: str) -> HttpResponse:
    """Note the events of a provider; an event about a message that is not ours is passed over."""
    _check_secret(request)
    for event in read_events(provider, request):
        kind = MailEvent.Kind(event.kind)
        if kind == MailEvent.Kind.COMPLAINT:
            note_complaint(event.token, source=provider)
        else:
            note_bounce(event.token, kind, source=provider, status=event.status, says=event.says)
    return HttpResponse()


def _check_secret(request: HttpRequest) -> None:
    expected = settings.MAIL_EVENTS_SECRET
    if not expected:
        raise Problem("not_found")
    given = (get_request_basic_auth(request) or "").partition(":")[2]
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Problem("unauthorized", headers={"WWW-Authenticate": 'Basic realm="mail events"'})


urlpatterns = [
    path("hooks/email/<slug:provider>", limited("mail_events")(mail_events), name="mail_events"),
]
