"""A door in front of Django: so many requests inside, so many in line, all others get 503 at once.

Without it a flood queues without bound in memory, and each request is answered after its reader has gone.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from project.errors import Problem, problem_response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Requests that Django works on at once, in one process. Each may hold one database connection (project.web_process).
INSIDE: Final = 16
# Requests that may wait; at some 200 a second the last of them waits about half a second.
IN_LINE: Final = 100
RETRY_SECONDS: Final = 1


class Admission:
    """An ASGI application around another one. `/livez` always passes: a busy process is not a dead one."""

    def __init__(self, application: Application, inside: int = INSIDE, in_line: int = IN_LINE) -> None:
        self.application = application
        self.limit = inside + in_line
        self.present = 0
        self.slots = asyncio.Semaphore(inside)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/livez":
            await self.application(scope, receive, send)
        elif self.present >= self.limit:
            await _refuse(send)
        else:
            self.present += 1
            try:
                async with self.slots:
                    await self.application(scope, receive, send)
            finally:
                self.present -= 1


async def _refuse(send: Send) -> None:
    detail = "The service has more to do than it can; ask again in a moment."
    response = problem_response(Problem("unavailable", detail, headers={"Retry-After": str(RETRY_SECONDS)}))
    response["Access-Control-Allow-Origin"] = "*"
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
