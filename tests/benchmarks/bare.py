"""The least that a Python server can do: bytes read at the start are the answer, chosen by the path.

Served with our own options, it shows what granian, uvloop and ASGI leave to win. EXHIBITS names a folder of
`NAME.json` (status and headers) and `NAME.body`; `NAME` is then the path.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]


def _load(folder: Path) -> dict[str, tuple[Message, Message]]:
    found: dict[str, tuple[Message, Message]] = {}
    for path in folder.glob("*.json"):
        told = json.loads(path.read_text())
        headers = [(name.lower().encode(), value.encode()) for name, value in told["headers"]]
        start: Message = {"type": "http.response.start", "status": told["status"], "headers": headers}
        found[f"/{path.stem}"] = start, {"type": "http.response.body", "body": path.with_suffix(".body").read_bytes()}
    return found


ANSWERS = _load(Path(os.environ["EXHIBITS"]))
UNKNOWN: tuple[Message, Message] = (
    {"type": "http.response.start", "status": 404, "headers": []},
    {"type": "http.response.body", "body": b""},
)


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    start, body = ANSWERS.get(scope["path"], UNKNOWN)
    await send(start)
    await send(body)
