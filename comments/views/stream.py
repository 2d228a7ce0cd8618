"""The stream of an article as far as Django has a part in it: what its readers are told, and the address itself.

`project.streams` holds streams open and asks `read_news`: in its own process, or here, where Django has one of its own.
Where Django is alone (WSGI) a stream ends after what there is to tell, and browsers come back for more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from articles.models import Article
from articles.selectors import article_by_id
from comments import selectors, serializers
from comments.selectors.changes import Changed, changed_since, thread_version
from project.documented import documented
from project.errors import Problem
from project.routes import allows
from project.snapshots.depends import ticket_of
from project.streams.door import HEADERS, read_since
from project.streams.events import News, event, pack, position

ABOUT: Final = (
    "Server-sent events: `comment` and `update` with a Comment, `remove` with `{id}`, `counts` with the numbers of the "
    "thread page, `reset` with `{version}`: read the page again. The last event of a version carries it as `id`."
)

# Bytes of what is told at once; a reader who missed more reads the page again, which is smaller.
MAX_NEWS: Final = 8 * 1024 * 1024
# Milliseconds after which a browser asks again where a stream cannot stay open.
AGAIN: Final = b"retry: 20000\n\n"


def read_news(article_id: int, since: int | None) -> News | None:
    """Return what happened in a thread since a version, as events; None where the article is not public.

    `since` None is a reader who has just come and is told the counts. Four SELECTs at most.
    """
    with selectors.snapshot():
        article = article_by_id(article_id)
        if article is None or not article.is_public:
            return None
        version, numbers = thread_version(article), selectors.thread_counts(article)
        changed = changed_since(article, since, version) if since is not None else []
    counts = event("counts", {"total": sum(numbers.values()), **numbers}, version)
    if since == version:
        return News(version, position(version), counts)
    events = None if changed is None else _events(changed, version, article) + counts
    if events is None or len(events) > MAX_NEWS:
        events = event("reset", {"version": version}, version)
    return News(version, events, counts)


def _events(changed: Sequence[Changed], version: int, article: Article) -> bytes:
    """Return an event for each comment, with an id at the last of each version but the newest, which counts ends."""
    after = [each.version for each in changed[1:]] + [version]
    ids = [None if each.version == next_one else each.version for each, next_one in zip(changed, after, strict=False)]
    return b"".join(event(*_told(each, article), mark) for each, mark in zip(changed, ids, strict=True))


def _told(each: Changed, article: Article) -> tuple[str, Mapping[str, Any]]:
    if not each.is_shown:
        return "remove", {"id": each.row.id}
    return "comment" if each.is_new else "update", serializers.comment_data(each.row, article)


@documented(
    get=extend_schema(
        operation_id="article_stream",
        parameters=[
            OpenApiParameter("since", int, description="The version of the page that was read."),
            OpenApiParameter(
                "Last-Event-ID",
                int,
                OpenApiParameter.HEADER,
                description="Sent by browsers that come back; it decides.",
            ),
        ],
        responses={(200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description=ABOUT)},
    )
)
@csrf_exempt
@allows("GET")
def stream(request: HttpRequest, article_id: int) -> HttpResponse:
    """What happens in a thread from now on, or from a version on.

    Without `since` the first event is `counts`. A reader who is too far behind is told to `reset`.
    """
    news = read_news(article_id, read_since(request))
    if news is None:
        raise Problem("not_found", "There is no such article.")
    if (ticket := ticket_of(request)) and ticket.is_own:
        return HttpResponse(pack(news), content_type="application/json")
    return HttpResponse(AGAIN + news.events, headers=HEADERS)


urlpatterns = [path("api/v1/articles/<int:article_id>/stream", stream, name="article-stream")]
