"""The outermost door: public reads are answered here, on the event loop, from finished bytes; the rest goes on.

The way of a request that came before: a look at its bytes in `Memo`, a look at the clock, two messages. One that did
not is read (`requests`), and its answer checked against the database or built, once for all who wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any, Final, NamedTuple

from project.admission import Application, Receive, Scope, Send
from project.asking import Relay
from project.metrics import SnapshotNumbers
from project.snapshots.build import Built, build
from project.snapshots.posted import may_be_read, read_posted
from project.snapshots.requests import PREFIXES, Wanted, codings, read_body, read_request
from project.snapshots.shared import Shared
from project.snapshots.snapshot import BROTLI, Message, Snapshot, brotlied, now
from project.snapshots.store import Meaning, Memo, Place, Raw, Store
from project.snapshots.versions import Versions

# Of all memory for answers, the shares of what only helps: meanings of requests, and pages that nobody has written on.
MEMO_SHARE: Final = 8
APART_SHARE: Final = 16
# A request whose parts are longer than this is read each time.
MAX_RAW: Final = 16_000
# Seconds after which an answer that is still asked for is worth a slower, better coding.
SETTLED: Final = 1.0

log = logging.getLogger(__name__)

NO_BODY: Final[Message] = {"type": "http.response.body", "body": b""}


class Found(NamedTuple):
    """An answer to give, and how it was come by: `kept` or `built`."""

    snapshot: Snapshot
    outcome: str


class Front:
    """An ASGI application around the one that answers everything else, `inside`.

    `limit` bounds the memory of kept answers, in bytes. It needs `Versions.run` in the same loop.
    """

    def __init__(self, inside: Application, versions: Versions, limit: int) -> None:
        self.inside = inside
        self.versions = versions
        # Pages that nobody has written on, apart, so that a flood of addresses drives out no answer that is read.
        self.apart = Store(limit // APART_SHARE)
        self.shared = Shared(versions)
        self.memo = Memo(limit // MEMO_SHARE)
        self.store = Store(limit - self.apart.limit - self.memo.limit)
        self.answers = {"kept": 0, "not_modified": 0, "built": 0, "relayed": 0}
        self._build_seconds: list[float] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        versions.in_use = self.store.in_use
        versions.on_birth = self.apart.clear

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # No coroutine of our own around any request that is answered inside, nor around one for a kept answer.
        if scope["type"] != "http" or not scope["path"].startswith(PREFIXES):
            return self.inside(scope, receive, send)
        if scope["method"] in {"GET", "HEAD"}:
            return self._answer_read(scope, receive, send)
        if scope["method"] == "POST" and may_be_read(scope):
            return self._answer_posted(scope, receive, send)
        return self.inside(scope, receive, send)

    def numbers(self, *, pushes_sent: int, pushes_received: int) -> SnapshotNumbers:
        """Return what there is to tell, with what the push has to, and forget the durations that were told."""
        seconds, self._build_seconds = self._build_seconds, []
        return SnapshotNumbers(
            bytes=self.store.bytes + self.apart.bytes + self.memo.bytes,
            entries=len(self.store) + len(self.apart),
            answers=self.answers,
            evictions=self.store.evictions + self.apart.evictions,
            version_checks=self.versions.checks,
            pushes_sent=pushes_sent,
            pushes_received=pushes_received,
            build_seconds=seconds,
        )

    async def _answer_read(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = known = b""
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = accepted + b"," + value if accepted else value
            elif name == b"if-none-match":
                known = known + b"," + value if known else value
        raw = (scope["path"], scope["query_string"], accepted)
        meaning = self.memo.get(raw)
        if meaning is not None and (snapshot := self._at_hand(meaning)) is not None:
            start, body = self._choose(meaning.place, snapshot, meaning.accepts, known)
            await send(start)
            await send(body if scope["method"] == "GET" else NO_BODY)
            return
        wanted = meaning.wanted if meaning else read_request(scope["path"], scope["query_string"])
        found = await self._find(wanted) if wanted is not None else None
        if isinstance(found, Found) and wanted is not None:
            accepts = codings(accepted)
            place = self._remember(raw, wanted, accepts)
            start, body = self._choose(place, found.snapshot, accepts, known, found.outcome)
            await send(start)
            await send(body if scope["method"] == "GET" else NO_BODY)
        elif isinstance(found, Relay):
            self.answers["relayed"] += 1
            await _relay(found, scope, send)
        else:
            await self.inside(scope, receive, send)

    async def _answer_posted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a read that came as a POST; a refusal is left to Django, which puts it in terms of what was sent."""
        posted = await read_posted(scope, receive)
        if not posted.is_whole:
            await self.inside(scope, posted.replay, send)
            return
        raw = (scope["path"], b"\0" + posted.body, posted.accepted)
        meaning = self.memo.get(raw)
        if meaning is not None and (snapshot := self._at_hand(meaning)) is not None:
            self.answers["kept"] += 1
            await _give_posted(snapshot, meaning.accepts, send)
            return
        wanted = meaning.wanted if meaning else read_body(scope["path"], posted.body)
        found = await self._find(wanted) if wanted is not None else None
        if isinstance(found, Found) and wanted is not None:
            accepts = codings(posted.accepted)
            self._remember(raw, wanted, accepts)
            self.answers[found.outcome] += 1
            await _give_posted(found.snapshot, accepts, send)
        else:
            await self.inside(scope, posted.replay, send)

    def _at_hand(self, meaning: Meaning) -> Snapshot | None:
        """Return the kept answer if it may be given as it is."""
        snapshot = meaning.place.snapshot
        moment = now()
        if snapshot is None or moment >= snapshot.fresh_until or snapshot.version < meaning.wanted.at_least:
            return None
        snapshot.used_at = moment
        self.store.touch(meaning.place)
        return snapshot

    def _choose(
        self, place: Place, snapshot: Snapshot, accepts: int, known: bytes, outcome: str = "kept"
    ) -> tuple[Message, Message]:
        """Return the two messages of a GET: a 304 where the client has the answer, else its bytes as it takes them."""
        if known and (unchanged := snapshot.unchanged(known, accepts)) is not None:
            self.answers["not_modified"] += 1
            return unchanged, NO_BODY
        self.answers[outcome] += 1
        if accepts & BROTLI and not snapshot.brotli_asked and now() - snapshot.built_at > SETTLED:
            snapshot.brotli_asked = True
            self._start(self._code_better(place, snapshot))
        answer = snapshot.best[accepts]
        return answer.start, answer.body

    async def _find(self, wanted: Wanted) -> Found | Relay | None:
        """Return the answer, kept or new; None where Django has to answer this very request."""
        place, apart = self.store.place(wanted.key), self.apart.place(wanted.exact)
        # A build that others began may have read an older version, or spell an unknown address as they did.
        for home in (place, apart):
            for store, kept in ((self.store, place), (self.apart, apart)):
                if (snapshot := await self._kept(store, kept, wanted.at_least)) is not None:
                    return Found(snapshot, "kept")
            if await self._is_ahead(place, wanted.at_least):
                return None
            result = await self._flight(home, wanted)
            if result is None or isinstance(result, Relay):
                return result
            if result.exact in {None, wanted.exact} and result.snapshot.version >= wanted.at_least:
                return Found(result.snapshot, "built")
        return None

    async def _kept(self, store: Store, place: Place, at_least: int) -> Snapshot | None:
        """Return the answer of a place if it is fresh, if need be after a look at its versions."""
        snapshot = place.snapshot
        if snapshot is None or snapshot.version < at_least:
            return None
        if not snapshot.renew(now()) and snapshot.can_be_renewed(now()):
            await self.versions.check(known for known, _ in snapshot.stamps)
        if not snapshot.renew(now()):
            return None
        snapshot.used_at = now()
        if place.snapshot is snapshot:
            store.touch(place)
        return snapshot

    async def _is_ahead(self, place: Place, at_least: int) -> bool:
        """Say whether a client names a version that the thread has not reached: no build could show it."""
        snapshot = place.snapshot
        if snapshot is None or snapshot.version >= at_least or snapshot.is_outdated:
            return False
        return await self.versions.check(known for known, _ in snapshot.stamps) and not snapshot.is_outdated

    async def _flight(self, home: Place, wanted: Wanted) -> Built | Relay | None:
        """Build an answer, or wait for the build that is under way; a reader who leaves ends nothing.

        None for a fault of ours: each reader's own request then says what Django makes of it.
        """
        if home.flight is None:
            home.flight = self._start(self._build(home, wanted))
        try:
            result: Built | Relay = await asyncio.shield(home.flight)
        except Exception:
            log.exception("%s?%s cannot be built", wanted.path, wanted.query)
            return None
        return result

    async def _build(self, home: Place, wanted: Wanted) -> Built | Relay:
        began, place = now(), self.store.place(wanted.key)
        try:
            ready = await self.shared.fetch(wanted.key, place.snapshot, wanted.at_least)
            result = Built(ready, None) if ready else await build(self.inside, self.versions, wanted)
        finally:
            home.flight = None
        if isinstance(result, Built):
            if result.exact is None:
                self.store.put(place, result.snapshot)
            else:
                self.apart.put(self.apart.place(wanted.exact), result.snapshot)
            if ready is None:
                self._build_seconds.append(now() - began)
                if result.exact is None:
                    self._start(self.shared.offer(wanted.key, result.snapshot))
        return result

    async def _code_better(self, place: Place, snapshot: Snapshot) -> None:
        if snapshot.is_worth_coding:
            body = await asyncio.get_running_loop().run_in_executor(None, brotlied, snapshot.plain)
            self.store.code(place, snapshot, body)

    def _remember(self, raw: Raw, wanted: Wanted, accepts: int) -> Place:
        place = self.store.place(wanted.key)
        if place.snapshot is not None and sum(map(len, raw)) <= MAX_RAW:
            self.memo.put(raw, Meaning(place, accepts, wanted))
        return place

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _give_posted(snapshot: Snapshot, accepts: int, send: Send) -> None:
    answer = snapshot.best[accepts]
    await send(answer.posted)
    await send(answer.body)


async def _relay(answer: Relay, scope: Scope, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body if scope["method"] == "GET" else b""})
