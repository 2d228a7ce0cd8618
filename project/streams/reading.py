"""Changes of an article for its readers, read once for all who ask for the same at the same time.

By a few threads where Django is in this process, and else from the process where it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import InterfaceError, OperationalError, connection

from project.admission import Application
from project.asking import ask
from project.errors import Problem
from project.snapshots.depends import Ticket
from project.streams.events import News, unpack

# Reads at the same time; each holds one of the connections that the process has (project.web_process).
AT_ONCE: Final = 3
# Reads that may wait for their turn.
IN_LINE: Final = 2_000
# Seconds for which a database that did not answer is left alone.
LEFT_ALONE: Final = 1.0

Read = Callable[[int, int | None], News | None]
"""Id of an article and the version that a reader has (None: she has just come) in, news out; None: not public."""
ReadLater = Callable[[int, int | None], Awaitable[News | None]]
"""The same, waited for. Problem: unavailable."""


class Readings:
    """`read` for the event loop. Problem: unavailable, where the database is away or too many wait."""

    def __init__(self, read: ReadLater) -> None:
        self._read = read
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._flights: dict[tuple[int, int | None], asyncio.Future[News | None]] = {}
        self._asked_again_at = 0.0

    async def news(self, article_id: int, since: int | None) -> News | None:
        """Return what happened since a version; a reader who leaves meanwhile ends nothing for the others."""
        key = (article_id, since)
        flight = self._flights.get(key)
        if flight is None:
            loop = asyncio.get_running_loop()
            if loop.time() < self._asked_again_at or len(self._flights) >= IN_LINE:
                raise unavailable()
            flight = self._flights[key] = loop.create_task(self._fetch(article_id, since))
            flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    async def _fetch(self, article_id: int, since: int | None) -> News | None:
        async with self._turns:
            return await self._read(article_id, since)

    def _landed(self, key: tuple[int, int | None], done: asyncio.Future[News | None]) -> None:
        del self._flights[key]
        if not done.cancelled() and done.exception() is not None:
            self._asked_again_at = asyncio.get_running_loop().time() + LEFT_ALONE


def in_threads(read: Read) -> ReadLater:
    """Return what reads in threads of this process, which keep no connection."""
    threads = ThreadPoolExecutor(AT_ONCE, "streams")

    def fetch(article_id: int, since: int | None) -> News | None:
        try:
            return read(article_id, since)
        finally:
            connection.close()  # back to the pool

    async def later(article_id: int, since: int | None) -> News | None:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, fetch, article_id, since)
        except (OperationalError, InterfaceError) as error:
            raise unavailable() from error

    return later


def from_django(application: Application) -> ReadLater:
    """Return what asks Django in a process of its own, at the stream's address: to us it gives the news themselves."""

    async def later(article_id: int, since: int | None) -> News | None:
        query = b"" if since is None else b"since=%d" % since
        answer = await ask(application, f"/api/v1/articles/{article_id}/stream", query, Ticket())
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise unavailable()
        return unpack(answer.body)

    return later


def unavailable() -> Problem:
    """Return the refusal of a reader for whom the service has no room or no database at the moment."""
    detail = "Live updates are not to be had at the moment; ask thread/changes meanwhile."
    return Problem("unavailable", detail, headers={"Retry-After": "5"})
