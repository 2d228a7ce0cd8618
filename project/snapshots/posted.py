"""A body that the front has to read before it can know whether the request is one of its own."""

from __future__ import annotations

from typing import Final

from project.admission import Message, Receive, Scope
from project.snapshots.requests import takes_posts

# Longer ones are passed on unread: no read that we keep needs more.
MAX_BODY: Final = 16_000
JSON: Final = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")


class Posted:
    """A body read so far; `replay` is a `receive` that gives everything once more, to whoever is asked instead."""

    def __init__(self, receive: Receive, accepted: bytes) -> None:
        self.accepted = accepted
        self.body = b""
        self.is_whole = False
        self._receive = receive
        self._seen: list[Message] = []

    async def read(self) -> None:
        while not self.is_whole and len(self.body) <= MAX_BODY:
            message = await self._receive()
            self._seen.append(message)
            if message["type"] != "http.request":
                return
            self.body += bytes(message.get("body", b""))
            self.is_whole = not message.get("more_body", False)

    async def replay(self) -> Message:
        return self._seen.pop(0) if self._seen else await self._receive()


def may_be_read(scope: Scope) -> bool:
    """Say whether a POST may be a read, as far as its head tells."""
    if not takes_posts(scope["path"]):
        return False
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return kind.lower() in JSON


async def read_posted(scope: Scope, receive: Receive) -> Posted:
    """Return the body of a POST that may be a read."""
    accepted = next((value for name, value in scope["headers"] if name == b"accept-encoding"), b"")
    posted = Posted(receive, accepted)
    await posted.read()
    return posted
