"""Requests that a web process makes of its own application: to keep what it answers, or to tell readers of news."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from project.admission import Application, Message, Scope
from project.snapshots.depends import SCOPE_KEY, Ticket
from project.snapshots.snapshot import Header


@dataclass(frozen=True, slots=True)
class Relay:
    """An answer as it came."""

    status: int
    headers: list[Header]
    body: bytes


async def ask(application: Application, path: str, query: bytes, ticket: Ticket) -> Relay:
    """Ask an application for what a GET gives, with an encoded query, in this process's own name."""
    start: dict[str, Any] = {"status": 500, "headers": []}
    body: list[bytes] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.append(bytes(message.get("body", b"")))

    await application(_scope(path, query, ticket), _Silence().receive, send)
    headers = [(bytes(name).lower(), bytes(value)) for name, value in start["headers"]]
    return Relay(start["status"], headers, b"".join(body))


class _Silence:
    """A client that sends an empty body and then waits."""

    def __init__(self) -> None:
        self._has_sent = False

    async def receive(self) -> Message:
        if self._has_sent:
            await asyncio.get_running_loop().create_future()
        self._has_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}


def _scope(path: str, query: bytes, ticket: Ticket) -> Scope:
    public = urlsplit(settings.PUBLIC_URL)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": public.scheme,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", public.netloc.encode())],
        "client": None,
        "server": None,
        SCOPE_KEY: ticket,
    }
