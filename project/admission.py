"""A door in front of Django: so many requests inside, so many in line, all others get 503 at once.

Without it a flood queues without bound in memory, and each request is answered after its reader has gone.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from project import metrics
from project.errors import Problem, problem_response

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Requests that Django works on at once, in one process. Each may hold one database connection (project.web_process).
INSIDE: Final = 16
# Requests that may wait; at some 200 a second the last of them waits about half a second.
IN_LINE: Final = 100
RETRY_SECONDS: Final = 1
# Scrapes that pass by the line: a full house is when its numbers are wanted. Each may hold a connection too.
SCRAPES: Final = 2


class Admission:
    """An ASGI application around another one. `/livez` always passes: a busy process is not a dead one."""

    def __init__(self, application: Application, inside: int = INSIDE, in_line: int = IN_LINE) -> None:
        self.application = application
        self.inside = inside
        self.limit = inside + in_line
        self.present = 0
        self.scrapes = 0
        self.slots = asyncio.Semaphore(inside)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/livez":
            await self.application(scope, receive, send)
        elif scope["path"] == "/metrics" and self.scrapes < SCRAPES:
            self.scrapes += 1
            try:
                await self.application(scope, receive, send)
            finally:
                self.scrapes -= 1
        elif self.present >= self.limit:
            metrics.request_refused()
            await refuse(send, "The service has more to do than it can; ask again in a moment.")
        else:
            await self._let_in(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.present += 1
        metrics.request_came(*self._line())
        try:
            async with self.slots:
                await self.application(scope, receive, send)
        finally:
            self.present -= 1
            metrics.request_went(*self._line())

    def _line(self) -> tuple[int, int]:
        """Return how many requests are inside and how many wait."""
        return min(self.present, self.inside), max(self.present - self.inside, 0)


async def refuse(send: Send, detail: str) -> None:
    """Answer 503 `unavailable`, to be asked again in a second."""
    response = problem_response(Problem("unavailable", detail, headers={"Retry-After": str(RETRY_SECONDS)}))
    response["Access-Control-Allow-Origin"] = "*"
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
