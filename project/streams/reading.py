"""Changes from the database: by a few threads, and once for all who ask for the same at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import InterfaceError, OperationalError, connection

from project.errors import Problem
from project.streams.events import News

# Reads at the same time; each holds one of the connections that the process has (project.web_process).
THREADS: Final = 3
# Reads that may wait for a thread.
IN_LINE: Final = 2_000
# Seconds for which a database that did not answer is left alone.
LEFT_ALONE: Final = 1.0

Read = Callable[[int, int | None], News | None]
"""Id of an article and the version that a reader has (None: she has just come) in, news out; None: not public."""


class Readings:
    """`read` for the event loop. Problem: unavailable, where the database is away or too many wait."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._threads = ThreadPoolExecutor(THREADS, "streams")
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
            flight = self._flights[key] = loop.run_in_executor(self._threads, self._fetch, article_id, since)
            flight.add_done_callback(lambda done: self._landed(key, done))
        try:
            return await asyncio.shield(flight)
        except (OperationalError, InterfaceError) as error:
            raise unavailable() from error

    def _fetch(self, article_id: int, since: int | None) -> News | None:
        try:
            return self._read(article_id, since)
        finally:
            connection.close()  # back to the pool

    def _landed(self, key: tuple[int, int | None], done: asyncio.Future[News | None]) -> None:
        del self._flights[key]
        if not done.cancelled() and done.exception() is not None:
            self._asked_again_at = asyncio.get_running_loop().time() + LEFT_ALONE


def unavailable() -> Problem:
    """Return the refusal of a reader for whom the service has no room or no database at the moment."""
    detail = "Live updates are not to be had at the moment; ask thread/changes meanwhile."
    return Problem("unavailable", detail, headers={"Retry-After": "5"})
