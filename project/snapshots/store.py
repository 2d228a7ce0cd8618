"""Where finished answers are kept: bounded in bytes, the least recently used go first."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

from project.snapshots.requests import Key, Wanted
from project.snapshots.snapshot import Snapshot
from project.snapshots.versions import Known

# However fast a thread moves, an answer is built at most so many times in so many seconds, unless a reader names a
# version that it has not reached.
BUILDS: Final = 4
PERIOD: Final = 1.0

Raw = tuple[str, bytes, bytes]
"""Path, query (or body) and Accept-Encoding as a client sent them."""


class Place:
    """The one place of all requests that ask for the same answer: it, or the `flight` that is getting it."""

    __slots__ = ("__weakref__", "builds", "flight", "snapshot", "weight")

    def __init__(self, key: Key) -> None:
        # A query may be longer than its answer.
        self.weight = sum(len(name) + len(value) for name, value in key[1])
        self.snapshot: Snapshot | None = None
        self.flight: asyncio.Task[Any] | None = None
        self.builds: deque[float] = deque(maxlen=BUILDS)

    def take(self, snapshot: Snapshot) -> None:
        """Hold a new answer, and tell it until when it has to do even if its thread moves on."""
        self.snapshot = snapshot
        self.builds.append(snapshot.built_at)
        if len(self.builds) == BUILDS:
            snapshot.rests_until = self.builds[0] + PERIOD


class Store:
    """Answers in their places. What alone is larger than the bound is not kept."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = self.evictions = 0
        self._places: WeakValueDictionary[Key, Place] = WeakValueDictionary()
        self._kept: OrderedDict[Place, Snapshot] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def place(self, key: Key) -> Place:
        """Return the place of a key, an empty one for a key that nobody asks for yet."""
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = Place(key)
        return found

    def touch(self, place: Place) -> None:
        """Note that a kept answer was given just now: the order of use decides who goes."""
        self._kept.move_to_end(place)

    def put(self, place: Place, snapshot: Snapshot) -> None:
        """Keep an answer in its place, instead of the one that was there."""
        self.remove(place)
        if place.weight + snapshot.size > self.limit:
            return
        place.take(snapshot)
        self._kept[place] = snapshot
        self.bytes += place.weight + snapshot.size
        snapshot.attach()
        self._shrink()

    def code(self, place: Place, snapshot: Snapshot, body: bytes) -> None:
        """Add another coding of an answer, if that is still the one of its place."""
        if place.snapshot is snapshot:
            self.bytes += len(body)
            snapshot.add_brotli(body)
            self._shrink()

    def remove(self, place: Place) -> None:
        snapshot = self._kept.pop(place, None)
        if snapshot is None:
            return
        place.snapshot = None
        self.bytes -= place.weight + snapshot.size
        snapshot.detach()

    def clear(self) -> None:
        for place in list(self._kept):
            self.remove(place)

    def in_use(self, since: float) -> Iterator[Known]:
        """Yield the versions on which answers hang that were given since then."""
        for snapshot in reversed(self._kept.values()):
            if snapshot.used_at < since:
                return
            for known, _ in snapshot.stamps:
                yield known

    def _shrink(self) -> None:
        while self.bytes > self.limit:
            self.evictions += 1
            self.remove(next(iter(self._kept)))


class Meaning(NamedTuple):
    """What the very bytes of a request mean: a place, the codings that the client takes, and what it asks for."""

    place: Place
    accepts: int
    wanted: Wanted


class Memo:
    """The meaning of requests that came before, so that an equal one need not be read again.

    Bounded in bytes too: junk in queries costs a reading, and room here, but never a second answer.
    """

    OVERHEAD = 1_000

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._meanings: dict[Raw, Meaning] = {}

    def __len__(self) -> int:
        return len(self._meanings)

    def get(self, raw: Raw) -> Meaning | None:
        return self._meanings.get(raw)

    def put(self, raw: Raw, meaning: Meaning) -> None:
        """Remember a meaning; the oldest are forgotten, however often they are used: they come back at once."""
        if (earlier := self._meanings.get(raw)) is not None:
            self.bytes -= self._size(raw, earlier)
        self._meanings[raw] = meaning
        self.bytes += self._size(raw, meaning)
        while self.bytes > self.limit:
            oldest = next(iter(self._meanings))
            self.bytes -= self._size(oldest, self._meanings.pop(oldest))

    def _size(self, raw: Raw, meaning: Meaning) -> int:
        # The query once more as it is asked, and twice in keys.
        return self.OVERHEAD + len(raw[0]) + len(raw[1]) + len(raw[2]) + 3 * len(meaning.wanted.query)
