"""What this process knows of the versions of threads and sites, and how old that knowledge is.

A version is *read* by one batched SELECT: at each tick for all that is in use, and between ticks for whoever needs to
know now. A change is also *heard* at once, from this process or through the broker (`push`); a word that was lost is
made good by the next tick. Everything here runs on one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Literal, Protocol
from weakref import WeakValueDictionary

log = logging.getLogger(__name__)

# Seconds between two reads of all versions in use: an answer in use never reaches MAX_AGE without having been checked.
TICK: Final = 0.4
# Seconds for which an answer may be given after its version was last read (contract, section 3, "Freshness").
MAX_AGE: Final = 1.0
# Seconds that a reader waits for versions; then her answer is built, and a database that is away says so itself.
PATIENCE: Final = 2.0

Kind = Literal["article", "site"]
Name = tuple[Kind, int]
Read = Callable[[list[int], list[int]], Awaitable[tuple[dict[int, int], dict[int, int]]]]
"""Ids of articles and of sites in, their versions out; what does not exist is left out."""
Listener = Callable[[int, int], None]


class Dependent(Protocol):
    """What hangs on versions: told before one of them moves."""

    def outdate(self) -> None: ...


class Known:
    """The version of one thread or site: `version` is None until it was read, `read_at` the monotonic time before."""

    __slots__ = ("__weakref__", "dependents", "heard_at", "name", "read_at", "version")

    def __init__(self, name: Name) -> None:
        self.name = name
        self.version: int | None = None
        self.read_at = self.heard_at = float("-inf")
        self.dependents: set[Dependent] = set()


class Versions:
    """The versions that somebody in this process asks about; run `run()` as long as the process serves."""

    def __init__(self, read: Read) -> None:
        self.listeners: list[Listener] = []
        self.in_use: Callable[[float], Iterable[Known]] = lambda since: ()
        # Called when a thread has its first version: a page that nobody had written on is known from now on.
        self.on_birth: Callable[[], None] = lambda: None
        self.checks = 0
        self._read = read
        # What nobody holds any more is forgotten by itself.
        self._known: WeakValueDictionary[Name, Known] = WeakValueDictionary()
        self._watched: Counter[Known] = Counter()
        self._wanted: set[Name] = set()
        self._answer: asyncio.Future[bool] | None = None
        self._bell = asyncio.Event()

    def __len__(self) -> int:
        return len(self._known)

    def known(self, kind: Kind, number: int) -> Known:
        """Return what is known of one version, at first nothing; remembered as long as somebody holds it."""
        name: Name = (kind, number)
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = Known(name)
        return found

    def watch(self, article_id: int) -> Known:
        """Keep reading the version of an article's thread, whether anybody asks or not, and tell the listeners."""
        known = self.known("article", article_id)
        self._watched[known] += 1
        return known

    def unwatch(self, article_id: int) -> None:
        """Take back one `watch`."""
        known = self.known("article", article_id)
        self._watched[known] -= 1
        if self._watched[known] <= 0:
            del self._watched[known]

    def hear(self, article_id: int, version: int) -> None:
        """Take note that a thread has reached a version; older news, and news of what nobody needs, is nothing."""
        if version == 1:
            self.on_birth()
        known = self._known.get(("article", article_id))
        if known is not None and known.version is not None and version > known.version:
            known.heard_at = time.monotonic()
            self._move(known, version)

    def note(self, known: Known, version: int, read_at: float) -> None:
        """Take note that a version was read from the database, by a read that began at `read_at`."""
        if known.version is None:
            known.version, known.read_at = version, read_at
        elif version == known.version:
            known.read_at = max(known.read_at, read_at)
        elif version > known.version or read_at > max(known.heard_at, known.read_at):
            # Lower than what was known is believed only of a later look: the database is the truth.
            self._move(known, version)
            known.read_at = read_at

    def doubt(self) -> None:
        """Ask for all versions at once: news may have been lost."""
        self._wanted.update(self._known.keys())
        self._bell.set()

    async def check(self, names: Iterable[Known]) -> bool:
        """Read these versions now, together with whatever others ask for; False if the database does not answer."""
        self._wanted.update(known.name for known in names)
        if self._answer is None:
            self._answer = asyncio.get_running_loop().create_future()
        answer = self._answer
        self._bell.set()
        await asyncio.wait([answer], timeout=PATIENCE)
        return answer.done() and answer.result()

    async def run(self) -> None:
        """Read what is in use at every tick, and what is asked for as soon as it is asked."""
        next_tick = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), max(0.0, next_tick - time.monotonic()))
            self._bell.clear()
            began = time.monotonic()
            if began >= next_tick:
                next_tick = began + TICK
                self._wanted.update(known.name for known in self.in_use(began - 2 * TICK))
                self._wanted.update(known.name for known in self._watched)
            await self._read_wanted(began)

    async def _read_wanted(self, began: float) -> None:
        wanted, self._wanted = self._wanted, set()
        answer, self._answer = self._answer, None
        if wanted:
            self.checks += 1
            try:
                found = await self._read(*_ids(wanted))
            except Exception:  # whatever it is, answers grow old and are built again, which says what is wrong
                log.warning("versions cannot be read", exc_info=True)
                if answer is not None:
                    answer.set_result(False)
                return
            self._note_all(wanted, found, began)
        if answer is not None:
            answer.set_result(True)

    def _note_all(self, wanted: set[Name], found: tuple[dict[int, int], dict[int, int]], began: float) -> None:
        articles, sites = found
        for kind, number in wanted:
            known = self._known.get((kind, number))
            if known is not None:
                self.note(known, (articles if kind == "article" else sites).get(number, 0), began)

    def _move(self, known: Known, version: int) -> None:
        for dependent in known.dependents:
            dependent.outdate()
        known.version = version
        kind, number = known.name
        if known in self._watched and kind == "article":
            for listener in self.listeners:
                listener(number, version)


def _ids(names: Iterable[Name]) -> tuple[list[int], list[int]]:
    articles: list[int] = []
    sites: list[int] = []
    for kind, number in names:
        (articles if kind == "article" else sites).append(number)
    return sorted(articles), sorted(sites)
