"""Pages about the service itself: does the process live, can it serve, and (for staff) what mail went out."""

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from project import health, mailbox, metrics
from project.routes import allows


@allows("GET")
def livez(request: HttpRequest) -> HttpResponse:
    """200 while this process answers; it looks at nothing else, so that a dead database restarts no web server."""
    return _uncached(JsonResponse({"status": "ok"}))


@allows("GET")
def readyz(request: HttpRequest) -> HttpResponse:
    """200 while the database answers and all migrations are applied, else 503; `?strict=1` is 503 on anything degraded.

    Body: `{"status", "database", "migrations", "broker", "workers", "delivery"}`, each `ok`, `degraded` or (for
    the first three) `failed`.
    """
    report = health.report()
    strict = request.GET.get("strict") == "1"
    ready = report["status"] == "ok" or (report["status"] == "degraded" and not strict)
    return _uncached(JsonResponse(report, status=200 if ready else 503))


@allows("GET")
def metrics_page(request: HttpRequest) -> HttpResponse:
    """The numbers of this service in Prometheus' text form; open, as `/readyz` is."""
    return _uncached(HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE))


# Links that act for their reader stand in these messages, so only staff may see them.
LETTERS = 200


@staff_member_required
@allows("GET")
def sent_mail(request: HttpRequest) -> HttpResponse:
    """The newest messages, where mail is kept as files."""
    _only_with_files()
    return _uncached(render(request, "project/sent_mail.html", {"letters": mailbox.recent_letters(LETTERS)}))


@staff_member_required
@allows("GET")
def sent_letter(request: HttpRequest, name: str) -> HttpResponse:
    """One message: its headers and text, or with `?raw=1` the file."""
    _only_with_files()
    letter = mailbox.read_letter(name)
    if letter is None:
        raise Http404
    if request.GET.get("raw") == "1":
        return _uncached(HttpResponse(letter.raw, content_type="text/plain; charset=utf-8"))
    return _uncached(render(request, "project/sent_letter.html", {"letter": letter}))


def _only_with_files() -> None:
    if settings.EMAIL_BACKEND != "project.mailbox.EmailBackend":
        raise Http404


def _uncached(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
