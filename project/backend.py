"""Django in a process of its own, seen from the front: an ASGI application that passes requests on over a Unix socket.

Python lets one thread of a process run at a time, so that what Django does here would be done in the readers' time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, UnixConnector
from yarl import URL

from project.admission import Message, Receive, Scope, Send, refuse
from project.middleware import largest_body
from project.slips import ASKED, TOLD, Asked, read_told, write_asked
from project.snapshots.depends import SCOPE_KEY, Ticket

log = logging.getLogger(__name__)

# What concerns one connection only (RFC 9110, 7.6.1), and what each connection writes anew.
OF_ONE_CONNECTION: Final = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding"
    b" upgrade expect".split()
)
NOT_PASSED_IN: Final = OF_ONE_CONNECTION | {b"content-length", ASKED.lower().encode()}
TOLD_BACK: Final = TOLD.lower().encode()
NOT_PASSED_OUT: Final = OF_ONE_CONNECTION | {b"date", b"server", TOLD_BACK}
# Seconds that an idle connection is kept: well below the 30 after which the server closes it.
IDLE: Final = 10.0
CONNECT_SECONDS: Final = 5.0
# Bytes of one header of an answer: addresses may be long, and so may be what a list of pages hangs on.
MAX_HEADER: Final = 65_536
# Answers up to this many bytes travel in one piece.
IN_ONE_PIECE: Final = 4 * 1024 * 1024

Heard = Callable[[int, int], None]


class Backend:
    """`heard(article id, version)` is called for each thread that a request moved, before its answer is given.

    While nobody serves the socket, answers are 503. A request is sent again only if its method allows that (RFC 9110,
    9.2.2) and the connection was lost before an answer, and then once. A client who leaves is not watched for: Django
    finishes what it began, and until then its place inside is taken.
    """

    def __init__(self, path: str, heard: Heard) -> None:
        self.path = path
        self.heard = heard
        self.is_away = False
        self._session: ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = list(scope["headers"])
        body = await _body(headers, receive, largest_body(scope["path"]))
        if body is None:
            return
        has_begun = False

        async def pass_out(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            request = self._opened().request(
                scope["method"],
                _url(scope),
                headers=_passed_in(scope, headers),
                data=body or None,
                allow_redirects=False,
            )
            async with request as answer:
                self.is_away = False
                self._take_slip(answer, scope)
                await _pass_out(answer, pass_out)
        except (ClientError, OSError, TimeoutError) as error:
            if has_begun:
                raise
            self._note_away(error)
            await refuse(send, "The application does not answer; ask again in a moment.")

    async def run(self) -> None:
        """Keep connections until cancelled."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            if self._session is not None:
                await self._session.close()
                self._session = None

    def _opened(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                # How many connections there are is bounded by who is let in (project.admission).
                connector=UnixConnector(self.path, limit=0, keepalive_timeout=IDLE),
                cookie_jar=DummyCookieJar(),
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                max_line_size=MAX_HEADER,
                max_field_size=MAX_HEADER,
            )
        return self._session

    def _take_slip(self, answer: ClientResponse, scope: Scope) -> None:
        told = next((value for name, value in answer.raw_headers if name.lower() == TOLD_BACK), None)
        if told is None:
            return
        ticket = scope.get(SCOPE_KEY) or Ticket()
        read_told(told, ticket)
        for article_id, version in ticket.moved:
            self.heard(article_id, version)

    def _note_away(self, error: Exception) -> None:
        if not self.is_away:
            log.warning("the application on %s does not answer (%s)", self.path, error or type(error).__name__)
        self.is_away = True


async def _body(headers: list[tuple[bytes, bytes]], receive: Receive, limit: int) -> bytes | None:
    """Return the body, or as much as is refused for being too long; None when the client leaves before its end."""
    if not any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers):
        return b""
    parts: list[bytes] = []
    length, more = 0, True
    while more and length <= limit:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(bytes(message.get("body", b"")))
        length += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts)[: limit + 1]


def _url(scope: Scope) -> URL:
    path, query = scope["raw_path"].decode("ascii", "ignore"), scope["query_string"].decode("ascii", "ignore")
    return URL.build(scheme="http", host="application", path=path, query_string=query, encoded=True)


def _passed_in(scope: Scope, headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    of_this = {part.strip().lower() for name, value in headers if name == b"connection" for part in value.split(b",")}
    passed = [
        (name.decode("ascii"), value.decode("utf-8", "ignore"))
        for name, value in headers
        # WSGI cannot tell `_` from `-`, so that a name with `_` could pass for one that we look at.
        if name not in NOT_PASSED_IN and name not in of_this and b"_" not in name
    ]
    if not any(name == "host" for name, _ in passed):
        host, port = scope.get("server") or ("localhost", None)
        passed.append(("host", f"{host}:{port}" if port else str(host)))
    client = scope.get("client")
    passed.append((ASKED, write_asked(Asked(scope.get("scheme", "http"), str(client[0]) if client else ""))))
    return passed


async def _pass_out(answer: ClientResponse, send: Send) -> None:
    of_this = {part.strip().lower() for part in answer.headers.get("Connection", "").encode("latin-1").split(b",")}
    headers = [(name.lower(), value) for name, value in answer.raw_headers]
    headers = [(name, value) for name, value in headers if name not in NOT_PASSED_OUT and name not in of_this]
    start: dict[str, Any] = {"type": "http.response.start", "status": answer.status, "headers": headers}
    if answer.content_length is not None and answer.content_length <= IN_ONE_PIECE:
        body = await answer.read()
        await send(start)
        await send({"type": "http.response.body", "body": body})
        return
    await send(start)
    async for piece in answer.content.iter_any():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
