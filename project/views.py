"""What a proxy, an orchestrator and `manage.py up` ask: does the process live, can it serve?"""

from django.http import HttpRequest, HttpResponse, JsonResponse

from project import health
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


def _uncached(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
