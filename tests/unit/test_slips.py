"""What the front and Django's own process tell each other, and what nobody else can say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from project.slips import ASKED_VARIABLE, TOLD, Asked, Behind, read_asked, read_told, write_asked, write_told
from project.snapshots.depends import SCOPE_KEY, Depends, Ticket
from project.snapshots.push import announce


@pytest.mark.parametrize("asked", [Asked("https", "2001:db8::1"), Asked("http", "203.0.113.7"), Asked("http", "")])
def test_what_was_asked_arrives(asked: Asked) -> None:
    assert read_asked(write_asked(asked)) == asked


@pytest.mark.parametrize("text", ["", "-", "http 203.0.113.7", "word http 203.0.113.7", "wörd http 203.0.113.7"])
def test_nobody_else_can_write_it(text: str) -> None:
    assert read_asked(text) is None


@pytest.mark.parametrize(
    "ticket",
    [
        Ticket(Depends({12: 345, 13: 1}, (7, 8), 0.5, exact=True), [(12, 345)]),
        Ticket(Depends()),
        Ticket(None, [(1, 2), (3, 4)]),
    ],
)
def test_what_was_told_arrives(ticket: Ticket) -> None:
    found = Ticket()
    read_told(write_told(ticket).encode(), found)
    assert found == ticket


def test_nothing_to_tell_is_no_header() -> None:
    assert write_told(Ticket()) == ""


def answered(environ: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what an application behind saw, which moves thread 12 to 345, and the headers of its answer."""
    seen: dict[str, Any] = {}
    headers: dict[str, str] = {}

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.update(environ)
        if SCOPE_KEY in environ:
            announce(12, 345)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]

    def start(status: str, given: list[tuple[str, str]], exc_info: Any = None) -> None:
        headers.update(given)

    Behind(application)({"REMOTE_ADDR": "10.0.0.1", "wsgi.url_scheme": "http", **environ}, start)
    return seen, headers


def test_the_front_says_who_asks_and_hears_what_moved() -> None:
    seen, headers = answered({ASKED_VARIABLE: write_asked(Asked("https", "203.0.113.7"))})
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("203.0.113.7", "https")
    assert ASKED_VARIABLE not in seen
    assert headers[TOLD] == '{"depends":null,"moved":[[12,345]]}'


def test_a_stranger_says_nothing_and_is_told_nothing() -> None:
    seen, headers = answered({ASKED_VARIABLE: "guess https 203.0.113.7"})
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("10.0.0.1", "http")
    assert ASKED_VARIABLE not in seen
    assert list(headers) == ["Content-Type"]
