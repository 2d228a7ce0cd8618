"""Answers that one process built, for the others: the broker keeps each for some seconds, under its versions.

An answer of given versions never changes, so what is there is never overwritten. A broker that is away or slow costs a
build, as if nobody had built before.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import orjson
import redis
import redis.asyncio
from django.conf import settings

from project.snapshots.requests import Key
from project.snapshots.snapshot import GZIP, Header, Snapshot, now
from project.snapshots.versions import Kind, Known, Versions

log = logging.getLogger(__name__)

# Seconds that an answer waits for other processes: they ask when a thread has moved, or have just been started. Short,
# because the broker must never fill up with answers.
KEPT: Final = 10
# Bytes that one process may leave there in that time, so that the broker, which refuses nothing, is not filled.
MOST: Final = 16 * 1024 * 1024
# Seconds that a build waits for the broker, and for which a broker that failed is left alone.
PATIENCE: Final = 0.1
LEFT_ALONE: Final = 5.0
# Seconds since a version was read that still count as knowing it.
KNOWN_FOR: Final = 0.5


class Shared:
    """What the processes of one database keep for each other."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._client: redis.asyncio.Redis | None = None
        self._asked_again_at = 0.0
        self._left, self._period_ends = 0, 0.0
        # Versions of another database say nothing about ours, though both may use one broker.
        database = settings.DATABASES["default"]
        self._mark = f"{database['HOST']} {database['PORT']} {database['NAME']}"

    async def fetch(self, key: Key, before: Snapshot | None, at_least: int) -> Snapshot | None:
        """Return the answer of the present versions, if another process built it; `before` is what we had till now."""
        names = [known.name for known, _ in before.stamps] if before else await self._names(key)
        if not names:
            return None
        knowns = [self._versions.known(*name) for name in names]
        if any(known.version is None or now() - known.read_at > KNOWN_FOR for known in knowns):
            await self._versions.check(knowns)
        stamps = [(known, known.version) for known in knowns if known.version is not None]
        if len(stamps) < len(knowns) or stamps[0][1] < at_least:
            return None
        read_at = min(known.read_at for known in knowns)
        value: bytes | None = await self._try(lambda client: client.get(self._address(key, stamps)))
        return _opened(value, stamps, read_at) if value else None

    async def offer(self, key: Key, snapshot: Snapshot) -> None:
        """Leave a new answer for the others; one that no version tells the age of is nobody else's."""
        if not snapshot.stamps or snapshot.ends_at != float("inf"):
            return
        address, value = self._address(key, snapshot.stamps), _packed(snapshot)
        if not self._has_room(len(value)):
            return
        names = orjson.dumps([known.name for known, _ in snapshot.stamps])
        await self._try(lambda client: client.set(address, value, nx=True, ex=KEPT))
        await self._try(lambda client: client.set(self._pointer(key), names, ex=KEPT))

    def _has_room(self, size: int) -> bool:
        """Say whether what this process left lately, all of it still there, and `size` bytes are within the bound."""
        if now() >= self._period_ends:
            self._left, self._period_ends = 0, now() + KEPT
        self._left += size
        return self._left <= MOST

    async def _names(self, key: Key) -> list[tuple[Kind, int]]:
        found = await self._try(lambda client: client.get(self._pointer(key)))
        return [(kind, number) for kind, number in orjson.loads(found)] if found else []

    def _pointer(self, key: Key) -> str:
        return f"afterword:names:{_digest(self._mark, key)}"

    def _address(self, key: Key, stamps: Sequence[tuple[Known, int]]) -> str:
        return f"afterword:answer:{_digest(self._mark, key, [(*known.name, version) for known, version in stamps])}"

    async def _try(self, ask: Callable[[redis.asyncio.Redis], Awaitable[Any]]) -> Any:
        if now() < self._asked_again_at:
            return None
        if self._client is None:
            self._client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        try:
            async with asyncio.timeout(PATIENCE):
                return await ask(self._client)
        except (redis.RedisError, OSError, TimeoutError) as error:
            log.info("the broker is away (%s); each process builds for itself", error)
            self._asked_again_at = now() + LEFT_ALONE
            return None


def _digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _packed(snapshot: Snapshot) -> bytes:
    """Return headers in one line, then the body, compressed where it is worth it."""
    body: bytes = snapshot.best[GZIP].body["body"]
    head = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in snapshot.headers]
    return orjson.dumps(head) + b"\n" + body


def _opened(value: bytes, stamps: Sequence[tuple[Known, int]], read_at: float) -> Snapshot:
    head, _, body = value.partition(b"\n")
    headers: list[Header] = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in orjson.loads(head)]
    is_coded = body.startswith(b"\x1f\x8b")
    snapshot = Snapshot(gzip.decompress(body) if is_coded else body, headers, built_at=read_at, stamps=stamps)
    if is_coded:
        snapshot.add_gzip(body)
    return snapshot
