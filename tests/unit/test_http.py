"""The client for requests that go out: where it does not go, and what it does not wait for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from project import http
from project.http import FetchError, NeverSent, exchange, fetch, is_global

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[socket.socket], Any]], str]]:
    """Return a function that answers one connection as told, and the address at which a name stands for it."""
    doors = []
    monkeypatch.setitem(http.stands_for, "keys.example.org", "127.0.0.1")

    def begin(work: Callable[[socket.socket], Any]) -> str:
        door = socket.create_server(("127.0.0.1", 0))
        doors.append(door)

        def answer() -> None:
            line, _ = door.accept()
            with line:
                line.recv(4_096)
                work(line)

        threading.Thread(target=answer, daemon=True).start()
        return f"http://keys.example.org:{door.getsockname()[1]}/keys?x=1"

    yield begin
    for door in doors:
        door.close()


def test_answer_is_read(serve: Any) -> None:
    assert fetch(serve(lambda line: line.sendall(ANSWER))) == b"hello"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200,
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
)
def test_any_other_answer_is_a_failure(serve: Any, answer: bytes) -> None:
    with pytest.raises(FetchError):
        fetch(serve(lambda line: line.sendall(answer)), limit=100)


def test_slow_answer_ends_with_the_time_for_the_whole(serve: Any) -> None:
    over = threading.Event()

    def drip(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.1):
            line.sendall(b"x")

    begun = time.monotonic()
    try:
        with pytest.raises(FetchError):
            fetch(serve(drip), seconds=1)
    finally:
        over.set()
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:5432/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://0x7f.1/",
        "https://user:pass@example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "http:///x",
        "http://example.org:99999/",
        "http://a\x00b/",
        "",
    ],
)
def test_what_only_we_can_reach_is_not_reached(url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url)


@pytest.mark.parametrize(
    "address",
    ["192.168.1.1", "100.64.0.1", "224.0.0.1", "fe80::1", "fc00::1", "::", "64:ff9b::7f00:1", "2002:7f00:1::", "x"],
)
def test_addresses_that_are_not_the_internets(address: str) -> None:
    assert not is_global(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::5db8:d70e"])
def test_addresses_of_the_internet(address: str) -> None:
    assert is_global(address)


def test_it_is_told_whether_the_other_side_may_know_of_a_request(serve: Any) -> None:
    with pytest.raises(FetchError) as lost:
        exchange("POST", serve(lambda line: None), {}, b"{}")
    assert not isinstance(lost.value, NeverSent)
    for url in ("https://127.0.0.1/", "http://keys.example.org:1/", "ftp://example.org/"):
        with pytest.raises(NeverSent):
            exchange("POST", url, {}, b"{}")


def test_the_head_of_an_answer_is_enough_where_no_more_is_asked_for(serve: Any) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\nX-A: b\r\n\r\n"
    answer = exchange("POST", serve(lambda line: line.sendall(head)), {}, only_head=True)
    assert (answer.status, answer.headers["X-A"], answer.body) == (200, "b", b"")
