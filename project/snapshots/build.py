"""Making what is missing: the request goes through this process's own Django, with its declared parameters only.

So nothing else that a client sent can get into an answer that others will be given.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from project.admission import Application, Message, Scope
from project.snapshots.depends import SCOPE_KEY, Depends, Ticket
from project.snapshots.requests import Key, Wanted
from project.snapshots.snapshot import Header, Snapshot, gzipped, now
from project.snapshots.versions import Known, Versions

OK: Final = 200


@dataclass(frozen=True, slots=True)
class Relay:
    """An answer that is not kept: a refusal, or one about which the view said nothing."""

    status: int
    headers: list[Header]
    body: bytes


@dataclass(frozen=True, slots=True)
class Built:
    """A new answer; one with `exact` is only for requests that have this key, addresses as they are spelt included."""

    snapshot: Snapshot
    exact: Key | None


async def build(application: Application, versions: Versions, wanted: Wanted) -> Built | Relay:
    """Ask Django and return what came of it, compressed."""
    began, ticket = now(), Ticket()
    answer = await _ask(application, wanted, ticket)
    if answer.status != OK or ticket.depends is None:
        return answer
    depends = ticket.depends
    snapshot = Snapshot(
        answer.body,
        answer.headers,
        built_at=began,
        stamps=_stamps(versions, depends, began),
        max_age=depends.max_age,
    )
    if snapshot.is_worth_coding:
        loop = asyncio.get_running_loop()
        snapshot.add_gzip(await loop.run_in_executor(None, gzipped, answer.body))
    return Built(snapshot, wanted.exact if depends.exact else None)


def _stamps(versions: Versions, depends: Depends, read_at: float) -> list[tuple[Known, int]]:
    stamps = [(versions.known("article", number), version) for number, version in depends.articles.items()]
    if depends.site is not None:
        stamps.append((versions.known("site", depends.site[0]), depends.site[1]))
    for known, version in stamps:
        versions.note(known, version, read_at)
    return stamps


async def _ask(application: Application, wanted: Wanted, ticket: Ticket) -> Relay:
    start: dict[str, Any] = {"status": 500, "headers": []}
    body: list[bytes] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.append(bytes(message.get("body", b"")))

    await application(_scope(wanted, ticket), _Silence().receive, send)
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


def _scope(wanted: Wanted, ticket: Ticket) -> Scope:
    public = urlsplit(settings.PUBLIC_URL)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": public.scheme,
        "path": wanted.path,
        "raw_path": wanted.path.encode(),
        "query_string": wanted.query,
        "root_path": "",
        "headers": [(b"host", public.netloc.encode())],
        "client": None,
        "server": None,
        SCOPE_KEY: ticket,
    }
