"""The page on which authors and members choose how often they are told; the token in the path is the proof."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt

from project.errors import Problem
from project.languages import in_readers_language, speak
from project.routes import allows
from project.tokens import BadToken
from sharing import tokens
from sharing.selectors.follows import language_at, site_of
from sharing.selectors.notices import choice_of
from sharing.services.notices import choose
from sharing.views.follows import page

CHOICES: Final = [("immediate", _("at once")), ("daily", _("once a day")), ("none", _("nothing"))]


@csrf_exempt
@allows("GET", "POST")
@in_readers_language
def notices(request: HttpRequest, token: str) -> HttpResponse:
    """Show how often an author or a member is told (GET); change it (POST).

    `choice` is `immediate`, `daily` or `none`; an owner's `summary` is there where she wants one of each week.
    """
    try:
        recipient = tokens.read_notices(token)
    except BadToken as error:
        raise Problem("not_found", gettext("This is no link of ours; perhaps it was cut off on the way.")) from error
    site, choice = site_of(recipient.site_id), choice_of(recipient)
    if site is None or choice is None:
        raise Problem("not_found", gettext("Nothing comes to this address any more."))
    speak(language_at(recipient.site_id, recipient.address_key))
    done: dict[str, Any] = {}
    if request.method == "POST":
        summary = "summary" in request.POST if choice.summary is not None else None
        try:
            choose(recipient, request.POST.get("choice", ""), summary=summary)
            done = {"saved": True}
        except Problem as problem:
            done = {"error": problem.errors[0]["message"]}
    context = {"site": site, "why": recipient.why, "choice": choice_of(recipient), "choices": CHOICES, **done}
    response = page(request, "notices", context)
    response.status_code = 400 if "error" in done else 200
    return response


urlpatterns = [
    path("notices/<str:token>", notices, name="choose_notices"),
    path("notices/<str:token>/", notices),
]
