"""GET /api/v1/articles/{id}/stream: the one answer that stays open, so it is given here and not by Django.

Whatever else comes to that address (HEAD, OPTIONS, other methods, a number that is none) is Django's: see
`comments.views.stream`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from collections import Counter
from collections.abc import Awaitable
from io import BytesIO
from typing import Any, Final
from urllib.parse import parse_qs

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponseBase

from project.admission import Application, Message, Receive, Scope, Send
from project.errors import Problem, problem_response, refused_field
from project.middleware import check_address, opened
from project.streams.events import read_version
from project.streams.hub import Channel, Hub
from project.streams.reading import unavailable
from project.streams.stream import Stream
from project.visitors import client_prefix

log = logging.getLogger(__name__)

ADDRESS: Final = re.compile(r"/api/v1/articles/([0-9]{1,18})/stream")
HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    # nginx and those who do as it does hand on what they get at once.
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
}
START: Final[Message] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()],
}


class Streams:
    """An ASGI application around the one that answers everything else, `inside`.

    `most` bounds the streams of the process, `most_of_one` those of one client where limits are on.
    """

    def __init__(self, inside: Application, hub: Hub, most: int, most_of_one: int) -> None:
        self.inside = inside
        self.hub = hub
        self.present = 0
        self._most = most
        self._most_of_one = most_of_one
        self._of_client: Counter[str] = Counter()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # No coroutine of our own around every other request.
        if scope["type"] == "http" and scope["path"].endswith("/stream") and scope["method"] == "GET":
            named = ADDRESS.fullmatch(scope["path"])
            if named is not None:
                return self._answer(int(named[1]), scope, receive, send)
        return self.inside(scope, receive, send)

    async def _answer(self, article_id: int, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            client, since = _read_request(scope)
            self._admit(client)
        except Problem as problem:
            await _refuse(problem, send)
            return
        # A stream is held for hours; its headers are not needed any more.
        scope["headers"] = []
        try:
            begun = await self._begin(article_id, since, send)
            if begun is not None:
                await self._hold(*begun, receive)
        finally:
            self._dismiss(client)

    async def _begin(self, article_id: int, since: int | None, send: Send) -> tuple[Channel, Stream] | None:
        """Begin the stream, or refuse and return None."""
        try:
            greeted = await self.hub.greet(article_id, since)
        except Problem as problem:
            await _refuse(problem, send)
            return None
        except Exception:  # as Django does: a fault of ours is told in the form of the API
            log.exception("a stream cannot begin")
            await _refuse(Problem("server_error"), send)
            return None
        if greeted is None:
            await _refuse(Problem("not_found", "There is no such article."), send)
            return None
        channel, news = greeted
        try:
            await send(START)
        except BaseException:
            self.hub.decline(channel)
            raise
        return channel, self.hub.join(channel, news, send)

    async def _hold(self, channel: Channel, stream: Stream, receive: Receive) -> None:
        """Wait until the reader goes, or the stream is ended; meanwhile the hub writes to her."""
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if not stream.is_ended:
                raise
            stream.task.uncancel()
        finally:
            self.hub.leave(channel, stream)

    def _admit(self, client: str) -> None:
        if self.hub.is_ending or self.present >= self._most:
            raise unavailable()
        if client and self._of_client[client] >= self._most_of_one:
            raise Problem("rate_limited", "So many streams are open from this address.", headers={"Retry-After": "30"})
        self.present += 1
        self._of_client[client] += 1

    def _dismiss(self, client: str) -> None:
        self.present -= 1
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]


def _read_request(scope: Scope) -> tuple[str, int | None]:
    """Return the client whose streams are counted, "" where they are not, and the version that she has."""
    request = ASGIRequest(scope, BytesIO())
    check_address(request)
    return _client(request), read_since(request)


def read_since(request: HttpRequest) -> int | None:
    """Return where to resume: what the browser heard last (Last-Event-ID), else the version of the page (`since`).

    None for a reader who names neither. Problem: validation_failed.
    """
    text, field = request.headers.get("Last-Event-ID", ""), "Last-Event-ID"
    if not text:
        given = parse_qs(request.META.get("QUERY_STRING", ""), keep_blank_values=True).get("since")
        if given is None:
            return None
        text, field = given[-1], "since"
    version = read_version(text)
    if version is None:
        raise refused_field(field, "invalid", "This is no version of a thread.")
    return version


def _client(request: ASGIRequest) -> str:
    """Return the client's address or network if it is one of the internet's.

    Behind any other address there may be many: an office, or a proxy that TRUSTED_PROXIES does not name.
    """
    prefix = client_prefix(request) if settings.RATE_LIMITS else ""
    return prefix if prefix and ipaddress.ip_network(prefix).is_global else ""


async def _refuse(problem: Problem, send: Send) -> None:
    response: Any = opened(problem_response(problem))
    await send({"type": "http.response.start", "status": response.status_code, "headers": _headers(response)})
    await send({"type": "http.response.body", "body": response.content})


def _headers(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in response.items()]
