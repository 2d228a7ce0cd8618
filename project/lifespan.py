"""What a web process does beside answering: work that runs on its event loop from the first request to the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from project.admission import Application, Receive, Scope, Send

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]
# Seconds before work that failed is begun again.
PAUSE: Final = 1.0


class Lifespan:
    """An ASGI application around another one: it speaks the lifespan protocol and keeps `work` going.

    Under a server that does not speak it the work begins with the first request.
    """

    def __init__(self, application: Application, *work: Work) -> None:
        self.application = application
        self._work = work
        self._tasks: list[asyncio.Task[None]] = []

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # No coroutine of our own around every request.
        if not self._tasks:
            self._tasks = [asyncio.create_task(_keep_going(work)) for work in self._work]
        if scope["type"] == "lifespan":
            return self._live(receive, send)
        return self.application(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


async def _keep_going(work: Work) -> None:
    while True:
        try:
            await work()
        except Exception:  # whatever it is must not end what every reader hangs on
            log.exception("work of the web process failed and is begun again")
        await asyncio.sleep(PAUSE)
