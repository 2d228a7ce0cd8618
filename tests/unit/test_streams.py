"""One reader's stream in itself: what waits for her is bounded, and a reader who takes nothing is let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any

import pytest

from project.streams.events import HEARTBEAT, event, read_version
from project.streams.stream import LAST, MAX_LATE, MAX_WAITING, Stream, chunk

Message = MutableMapping[str, Any]
BEAT = chunk(HEARTBEAT)


class Socket:
    """A client's side: what was sent, and whether it may go on."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_free = asyncio.Event()
        self.is_free.set()

    async def send(self, message: Message) -> None:
        await self.is_free.wait()
        self.sent.append(message["body"])


def with_stream(play: Callable[[Stream, Socket], Coroutine[Any, Any, None]]) -> tuple[Socket, bool]:
    """Return the client's side after `play`, and whether the request was told to end."""

    async def run() -> tuple[Socket, bool]:
        socket, made = Socket(), asyncio.get_running_loop().create_future()

        async def request() -> None:
            made.set_result(Stream(socket.send, 1))
            await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(request())
        await play(await made, socket)
        await asyncio.sleep(0.01)
        ended = task.cancelled()
        task.cancel()
        return socket, ended

    return asyncio.run(run())


async def rest() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_is_given_arrives_in_order_and_the_end_comes_last() -> None:
    async def play(stream: Stream, socket: Socket) -> None:
        stream.give(chunk(b"a"))
        stream.give(chunk(b"b"))
        stream.beat(BEAT)
        await rest()
        stream.give(chunk(b"c"))
        stream.end()
        stream.give(chunk(b"too late"))

    socket, ended = with_stream(play)
    assert socket.sent == [b"a", b"b", b"c", LAST["body"]]
    assert ended


def test_a_reader_far_behind_is_let_go() -> None:
    async def play(stream: Stream, socket: Socket) -> None:
        socket.is_free.clear()
        stream.give(chunk(b"being sent"))
        await rest()
        for _ in range(4):
            stream.give(chunk(b"x" * (MAX_WAITING // 4)))
        assert not stream.is_ended
        stream.give(chunk(b"x"))
        assert stream.is_ended
        socket.is_free.set()

    socket, ended = with_stream(play)
    assert (socket.sent, ended) == ([], True)


def test_one_large_change_is_not_too_much() -> None:
    async def play(stream: Stream, socket: Socket) -> None:
        stream.give(chunk(b"x" * MAX_WAITING * 4))

    socket, ended = with_stream(play)
    assert ([len(data) for data in socket.sent], ended) == ([MAX_WAITING * 4], False)


def test_a_reader_who_takes_nothing_for_a_minute_is_let_go() -> None:
    async def play(stream: Stream, socket: Socket) -> None:
        socket.is_free.clear()
        stream.give(chunk(b"a"))
        for _ in range(MAX_LATE - 1):
            stream.beat(BEAT)
        await rest()
        assert not stream.is_ended
        for _ in range(MAX_LATE):
            stream.beat(BEAT)

    assert with_stream(play)[1]


def test_a_reader_who_is_slow_now_and_then_stays() -> None:
    async def play(stream: Stream, socket: Socket) -> None:
        for _ in range(3):
            socket.is_free.clear()
            stream.beat(BEAT)
            await rest()
            for _ in range(MAX_LATE - 1):
                stream.beat(BEAT)
            socket.is_free.set()
            await rest()

    socket, ended = with_stream(play)
    assert (socket.sent, ended) == ([HEARTBEAT] * 3, False)


def test_no_text_breaks_out_of_its_event() -> None:
    text = "a\nevent: remove\r\n\r\ndata: \u2028\u2029\0"
    made = event("comment", {"html": text}, 7)
    assert made.split(b"\n")[:2] == [b"event: comment", b"id: 7"]
    assert made.count(b"\n") == 4
    assert b"\r" not in made
    assert b"\0" not in made


@pytest.mark.parametrize(
    ("text", "version"), [("0", 0), ("9223372036854775807", 2**63 - 1), ("9223372036854775808", None), ("", None)]
)
def test_a_version_fits_the_database(text: str, version: int | None) -> None:
    assert read_version(text) == version
