"""The door for WordPress and its like: Pingback 1.0, which ends in the same place as a webmention."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from project.errors import Problem
from project.routes import allows
from project.throttling import limited
from sharing.models import Webmention
from sharing.services.webmentions import is_known, receive
from sharing.tasks import verify_webmentions
from sharing.views.webmentions import with_problem_documents
from sharing.webmentions.pingbacks import Fault, PingFault, answer_of, fault_of, read_ping

XML: Final = frozenset({"text/xml", "application/xml"})
# What a refusal of `receive` is called here, by the field that it is about.
FAULTS: Final = {"source": Fault.NO_SOURCE, "target": Fault.NOT_A_TARGET}


@csrf_exempt
@allows("POST")
def pingback(request: HttpRequest) -> HttpResponse:
    """Note that a page is said to link to one of ours; whether it does is looked at later."""
    if request.content_type not in XML:
        raise Problem("unsupported_media_type", "Send text/xml.")
    try:
        document = answer_of(_ping(request.body))
    except PingFault as fault:
        document = fault_of(fault)
    return HttpResponse(document, content_type="text/xml; charset=utf-8", headers={"Cache-Control": "no-store"})


def _ping(body: bytes) -> str:
    ping = read_ping(body)
    try:
        if is_known(ping.source, ping.target):
            raise PingFault(Fault.KNOWN, "This page is known already.")
        receive(ping.source, ping.target, Webmention.Protocol.PINGBACK)
    except Problem as problem:
        raise PingFault(_code(problem), problem.detail) from problem
    verify_webmentions.delay_on_commit()
    return "The page will be looked at. Thank you."


def _code(problem: Problem) -> Fault:
    if problem.code == "rate_limited":
        return Fault.DENIED
    return FAULTS.get(problem.errors[0]["field"], Fault.GENERIC) if problem.errors else Fault.GENERIC


urlpatterns = [path("pingback", with_problem_documents(limited("webmentions")(pingback)), name="pingback")]
