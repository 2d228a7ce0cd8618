"""The front with an application behind it that counts how often it is asked; versions come from a table."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest

from project.snapshots import front as front_module
from project.snapshots.depends import SCOPE_KEY, Depends
from project.snapshots.front import Front
from project.snapshots.versions import Versions

THREAD = "/api/v1/thread"
MIB = 1024 * 1024


class World:
    """One thread (article 7 of site 1) behind a front; `version` is what the database would say."""

    def __init__(self, limit: int = MIB) -> None:
        self.version = 1
        self.builds = 0
        self.queries: list[bytes] = []
        self.passed: list[str] = []
        self.text = "x" * 3_000
        self.depends: Depends | None = None
        self.delay = 0.0
        self.versions = Versions(self._read)
        self.front = Front(self._inside, self.versions, limit)
        self.front.shared.fetch = self._nobody  # type: ignore[method-assign]
        self.front.shared.offer = self._nobody  # type: ignore[method-assign]

    async def _nobody(self, *_: Any) -> None:
        return None

    async def _read(self, articles: list[int], sites: list[int]) -> tuple[dict[int, int], dict[int, int]]:
        return dict.fromkeys(articles, self.version), dict.fromkeys(sites, 0)

    async def _inside(self, scope: Any, receive: Any, send: Any) -> None:
        ticket = scope.get(SCOPE_KEY)
        if ticket is None:
            self.passed.append(scope["path"])
            await _send(send, 404, b"django", [])
            return
        self.builds += 1
        self.queries.append(scope["query_string"])
        version = self.version
        await asyncio.sleep(self.delay)
        if b"article=404" in scope["query_string"]:
            await _send(send, 404, b"none", [])
            return
        ticket.depends = self.depends or Depends({7: version}, (1, 0))
        body = f"{version} {scope['query_string'].decode()} {self.text}".encode()
        await _send(send, 200, body, [(b"content-type", b"application/json"), (b"content-length", b"1")])

    async def ask(
        self, query: str = "article=7", path: str = THREAD, method: str = "GET", body: bytes = b"", **headers: str
    ) -> Answer:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": pairs}
        await self.front(scope, receive, send)
        return Answer(sent[0]["status"], dict(sent[0]["headers"]), b"".join(part["body"] for part in sent[1:]))


class Answer:
    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def version(self) -> int:
        return int(self.body.split()[0])


async def _send(send: Any, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def run(program: Callable[[World], Awaitable[None]], **options: Any) -> World:
    async def main() -> World:
        world = World(**options)
        ticking = asyncio.create_task(world.versions.run())
        try:
            await asyncio.wait_for(program(world), 20)
        finally:
            ticking.cancel()
        return world

    return asyncio.run(main())


def test_a_page_is_built_once_and_given_to_all() -> None:
    async def program(world: World) -> None:
        world.delay = 0.05
        answers = await asyncio.gather(*(world.ask() for _ in range(2_000)))
        assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
        assert (await world.ask()).body == answers[0].body

    assert run(program).builds == 1


def test_a_reader_who_leaves_ends_nobody_elses_wait() -> None:
    async def program(world: World) -> None:
        world.delay = 0.1
        first, second = asyncio.create_task(world.ask()), asyncio.create_task(world.ask())
        await asyncio.sleep(0.02)
        first.cancel()
        assert (await second).status == 200

    assert run(program).builds == 1


def test_what_is_not_declared_neither_splits_nor_reaches_the_answer() -> None:
    async def program(world: World) -> None:
        url = "https%3A%2F%2Fnews.example.org%2Fa"
        same = [
            f"site=s&url={url}",
            f"url={url}&site=s",
            f"utm_source=x&site=s&url={url}&callback=alert",
            f"site=other&site=s&url={url}",
            f"site=s&url={url}%3Futm_campaign%3Dy%26fbclid%3Dz",
            "site=s&url=http%3A%2F%2FNEWS.example.org%3A80%2Fa%2F%23top",
        ]
        bodies = {(await world.ask(query, cookie="a=b", host="evil", authorization="Bearer x")).body for query in same}
        assert len(bodies) == 1 and b"utm" not in bodies.pop()

    world = run(program)
    assert (world.builds, len(world.front.store)) == (1, 1)


def test_answers_that_repeat_an_address_are_for_those_who_spelt_it_so() -> None:
    async def program(world: World) -> None:
        world.depends = Depends(site=(1, 0), max_age=1.0, exact=True)
        plain = await world.ask("site=s&url=https://news.example.org/new")
        junk = await world.ask("site=s&url=https://news.example.org/new?utm_source=evil")
        assert b"evil" not in plain.body and b"evil" in junk.body
        assert (await world.ask("site=s&url=https://news.example.org/new")).body == plain.body
        assert (world.builds, len(world.front.apart), len(world.front.store)) == (2, 2, 0)
        world.depends, world.version = None, 1
        world.versions.hear(7, 1)
        assert len(world.front.apart) == 0

    run(program)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", b"gzip"),
        ("gzip, deflate, br", b"gzip"),
        ("GZIP;q=0.5, *;q=0", b"gzip"),
        ("*", b"gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0.000, *", None),
        ("identity", None),
        ("br", None),
        ("", None),
        (";;,=,q=1,\x00;gzip", None),
    ],
)
def test_codings_are_those_that_the_client_takes(accepted: str, coding: bytes | None) -> None:
    async def program(world: World) -> None:
        plain = await world.ask()
        answer = await world.ask(accept_encoding=accepted)
        assert answer.headers.get(b"content-encoding") == coding
        assert (gzip.decompress(answer.body) if coding else answer.body) == plain.body
        assert int(answer.headers[b"content-length"]) == len(answer.body)
        assert answer.headers[b"vary"] == b"Accept-Encoding"
        assert (answer.headers[b"etag"] == plain.headers[b"etag"]) == (coding is None)

    run(program)


def test_brotli_comes_once_a_page_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "SETTLED", 0.0)

    async def program(world: World) -> None:
        plain = await world.ask()
        before = world.front.store.bytes
        for _ in range(100):
            answer = await world.ask(accept_encoding="gzip, br")
            if answer.headers[b"content-encoding"] == b"br":
                break
            await asyncio.sleep(0.02)
        assert brotli.decompress(answer.body) == plain.body
        assert world.front.store.bytes == before + len(answer.body)

    assert run(program).builds == 1


def test_not_modified_for_any_of_our_tags() -> None:
    async def program(world: World) -> None:
        plain, coded = await world.ask(), await world.ask(accept_encoding="gzip")
        tags = [answer.headers[b"etag"].decode() for answer in (plain, coded)]
        for known in (*tags, f"W/{tags[0]}", f'"other", {tags[1]}', "*"):
            answer = await world.ask(if_none_match=known, accept_encoding="gzip")
            assert (answer.status, answer.body) == (304, b"")
            assert b"content-length" not in answer.headers and b"content-type" not in answer.headers
            assert answer.headers[b"etag"].decode() in tags
        for unknown in ('"other"', "W/", tags[0].strip('"'), '"' + "x" * 9_000):
            assert (await world.ask(if_none_match=unknown)).status == 200

    run(program)


def test_head_is_get_without_the_body() -> None:
    async def program(world: World) -> None:
        answer, head = await world.ask(), await world.ask(method="HEAD")
        assert (head.headers, head.body) == (answer.headers, b"")

    assert run(program).builds == 1


def test_a_change_that_is_heard_is_shown_at_once_and_four_times_a_second_at_most() -> None:
    async def program(world: World) -> None:
        for _ in range(40):
            await world.ask()
            world.version += 1
            world.versions.hear(7, world.version)
            await asyncio.sleep(0.01)
        assert world.builds <= 5
        assert (await world.ask()).version < world.version
        own = await world.ask(f"article=7&at_least={world.version}")
        assert own.version == world.version

    run(program)


def test_a_change_that_nobody_told_of_is_seen_within_a_second() -> None:
    async def program(world: World) -> None:
        await world.ask()
        world.version = 5
        begin = asyncio.get_running_loop().time()
        while (await world.ask()).version != 5:
            assert asyncio.get_running_loop().time() - begin < 1.0
            await asyncio.sleep(0.01)

    assert run(program).builds == 2


def test_an_answer_nobody_asked_for_is_checked_and_not_built_again() -> None:
    async def program(world: World) -> None:
        await world.ask()
        await asyncio.sleep(1.3)
        assert (await world.ask()).version == 1

    assert run(program).builds == 1


def test_without_versions_nothing_old_is_given() -> None:
    async def program(world: World) -> None:
        await world.ask()

        async def fail(*_: Any) -> Any:
            raise OSError("the database is away")

        world.versions._read = fail
        await asyncio.sleep(1.1)
        await world.ask()

    assert run(program).builds == 2


def test_a_version_that_is_not_there_yet_is_left_to_django() -> None:
    async def program(world: World) -> None:
        await world.ask()
        for wrong in ("99", "-1", "x", "1" * 40, ""):
            assert (await world.ask(f"article=7&at_least={wrong}")).body == b"django"

    world = run(program)
    assert (world.builds, len(world.passed)) == (1, 5)


def test_a_build_that_began_before_ones_own_write_is_not_the_answer() -> None:
    async def program(world: World) -> None:
        world.delay = 0.1
        early = asyncio.create_task(world.ask())
        await asyncio.sleep(0.02)
        world.version = 2
        own = await world.ask("article=7&at_least=2")
        assert ((await early).version, own.version) == (1, 2)

    assert run(program).builds == 2


def test_refusals_are_given_and_not_kept() -> None:
    async def program(world: World) -> None:
        for _ in range(2):
            assert (await world.ask("article=404")).body == b"none"
        assert len(world.front.store) == 0

    assert run(program).builds == 2


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/v1/networks", ""),
        ("/api/v1/nothing", ""),
        ("/a/7", ""),
        (THREAD, "article=%00"),
        (THREAD, "article=%ff"),
        (THREAD, "&".join(f"a{number}=1" for number in range(1_500))),
        (THREAD, "x" * 400_000),
    ],
)
def test_what_is_not_plainly_ours_goes_on_to_django(path: str, query: str) -> None:
    async def program(world: World) -> None:
        assert (await world.ask(query, path)).body == b"django"

    assert run(program).builds == 0


def test_memory_is_bounded_in_bytes() -> None:
    async def program(world: World) -> None:
        for number in range(300):
            await world.ask(f"article=7&limit={number}&junk={'y' * 500}{number}")
            assert world.front.store.bytes <= world.front.store.limit
            assert world.front.memo.bytes <= world.front.memo.limit
        assert world.front.store.evictions > 0 and len(world.front.memo) < 300
        kept_bytes = sum(place.weight + kept.size for place, kept in world.front.store._kept.items())
        assert world.front.store.bytes == kept_bytes
        world.text = "x" * 300_000
        world.version += 1
        kept = len(world.front.store)
        assert (await world.ask("article=7&at_least=2")).version == 2
        assert len(world.front.store) == kept

    run(program, limit=200_000)


def test_counts_may_come_as_a_post() -> None:
    async def program(world: World) -> None:
        world.depends = Depends({7: 1}, (1, 0), max_age=10.0)
        path, body = "/api/v1/counts", b'{"site": "s", "urls": ["https://news.example.org/a", "b"]}'
        posted = await world.ask("", path, "POST", body, content_type="application/json")
        read = await world.ask("site=s&url=https://news.example.org/a&url=b", path)
        assert posted.body == read.body
        assert posted.headers[b"cache-control"] == b"no-store" and b"etag" not in posted.headers
        assert (await world.ask("", path, "POST", body, content_type="application/json")).body == read.body
        assert world.builds == 1
        for wrong in (b"[]", b"{", b'{"site": 1, "urls": ["a"]}', b'{"site": "s", "urls": "a"}', b'{"site": "s"}'):
            answer = await world.ask("", path, "POST", wrong, content_type="application/json")
            assert answer.body == b"django"
        assert (await world.ask("", path, "POST", body, content_type="text/plain")).body == b"django"

    run(program)
