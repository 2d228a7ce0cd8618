"""The door for pages elsewhere that link here (W3C Webmention), and the page that says what became of one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from project.errors import Problem, problem_response, refused_field
from project.forms import read_form
from project.routes import allows
from project.throttling import limited
from sharing.models import Webmention
from sharing.selectors.webmentions import mention_status
from sharing.services.webmentions import receive
from sharing.tasks import verify_webmentions

STATUS_HEADERS: Final = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}


def with_problem_documents(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer refusals as under /api/: who asks here is a program."""

    @wraps(view)
    def inner(request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Problem as problem:
            return problem_response(problem)

    return inner


@csrf_exempt
@allows("POST")
def webmention(request: HttpRequest) -> HttpResponse:
    """Note that the page `source` links to our page `target`, and say where to see what becomes of it (201)."""
    form = read_form(request)
    for name in ("source", "target"):
        if len(form.getlist(name)) != 1 or not form[name]:
            raise refused_field(name, "required", "Send source and target, each once.")
    mention = receive(str(form["source"]), str(form["target"]), Webmention.Protocol.WEBMENTION)
    verify_webmentions.delay_on_commit()
    location = f"{settings.PUBLIC_URL}/webmention/{mention.token}"
    headers = {"Location": location, "Cache-Control": "no-store"}
    return HttpResponse(f"{location}\n", status=201, content_type="text/plain; charset=utf-8", headers=headers)


@allows("GET")
def webmention_status(request: HttpRequest, token: UUID) -> HttpResponse:
    """Show how far the look at one page has come; the token in the path is known to whoever announced it."""
    response = render(request, "sharing/webmention.html", {"status": mention_status(token)})
    for name, value in STATUS_HEADERS.items():
        response[name] = value
    return response


urlpatterns = [
    path("webmention", with_problem_documents(limited("webmentions")(webmention)), name="webmention"),
    path("webmention/<uuid:token>", webmention_status, name="webmention_status"),
]
