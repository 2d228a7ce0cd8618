"""The doors by which mail providers tell us of bounces and complaints, and hand us answers to our mails.

They are open once MAIL_EVENTS_SECRET is set, to whoever sends it as the password of HTTP Basic, under any name: all
providers can, in the address that they are given. Events may come twice and in any order.
"""

from __future__ import annotations

import hmac
import logging

from anymail.utils import get_request_basic_auth
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from project.errors import Problem
from project.routes import allows
from project.throttling import limited
from sharing.models import MailEvent
from sharing.providers import read_events, read_mails
from sharing.replies import NotAReply
from sharing.services.replies import take_reply
from sharing.services.returns import note_bounce, note_complaint

log = logging.getLogger(__name__)


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


@csrf_exempt
@allows("POST")
def inbound_mail(request: HttpRequest, provider: str) -> HttpResponse:
    """Post the answers to our mails that a provider got; whatever is no answer, or refused, is passed over.

    A refusal would make the provider try again, or write to whoever the mail claims to be from.
    """
    _check_secret(request)
    if not settings.REPLY_ADDRESS:
        raise Problem("not_found")
    for mail in read_mails(provider, request):
        if isinstance(mail, NotAReply):
            log.info("a mail from %s is passed over: %s", provider, mail)
        else:
            take_reply(mail)
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
    path("hooks/email/<slug:provider>/inbound", limited("mail_events")(inbound_mail), name="inbound_mail"),
]
