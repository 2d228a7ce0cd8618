"""What the front and Django's own process tell each other beside request and answer: one header each way.

With the request goes who asked, from where; with the answer comes what the view said about it and which threads it
moved. No client can send the first, which begins with a word that only holders of SECRET_KEY can make, and none is
shown the second. This is the only place that knows either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final

import orjson
from django.utils.crypto import constant_time_compare, salted_hmac

from project import metrics
from project.snapshots.depends import SCOPE_KEY, Depends, Ticket, at_work

ASKED: Final = "X-Afterword-Asked"
TOLD: Final = "X-Afterword-Told"
ASKED_VARIABLE: Final = "HTTP_X_AFTERWORD_ASKED"
NOBODY: Final = "-"

StartResponse = Callable[..., Any]
WsgiApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The scheme (`http`, `https`) and the address that asked, empty for a build of ours."""

    scheme: str
    client: str


class Behind:
    """A WSGI application around Django: it takes the slip off a request of the front, and puts one on the answer."""

    def __init__(self, application: WsgiApplication) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        asked = read_asked(environ.pop(ASKED_VARIABLE, ""))
        if asked is None:
            return self.application(environ, start_response)
        environ["REMOTE_ADDR"] = asked.client
        environ["wsgi.url_scheme"] = asked.scheme
        ticket = environ[SCOPE_KEY] = Ticket(is_own=not asked.client)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            told = write_told(ticket)
            return start_response(status, [*headers, (TOLD, told)] if told else headers, exc_info)

        before = at_work.set(ticket)
        try:
            return self.application(environ, start)
        finally:
            at_work.reset(before)
            metrics.note_memory()


def write_asked(asked: Asked) -> str:
    return f"{_word()} {asked.scheme} {asked.client or NOBODY}"


def read_asked(text: str) -> Asked | None:
    """Return what the front wrote; None for anything that it cannot have written."""
    word, _, rest = text.partition(" ")
    scheme, _, client = rest.partition(" ")
    if not word.isascii() or not constant_time_compare(word, _word()):
        return None
    return Asked(scheme, "" if client == NOBODY else client)


def write_told(ticket: Ticket) -> str:
    """Return a ticket as a header's value; empty where there is nothing to tell."""
    if ticket.depends is None and not ticket.moved:
        return ""
    depends = asdict(ticket.depends) if ticket.depends else None
    return orjson.dumps({"depends": depends, "moved": ticket.moved}, option=orjson.OPT_NON_STR_KEYS).decode("ascii")


def read_told(value: bytes, ticket: Ticket) -> None:
    """Fill a ticket from what `write_told` made of another."""
    found = orjson.loads(value)
    ticket.moved = [(article_id, version) for article_id, version in found["moved"]]
    if depends := found["depends"]:
        articles = {int(number): version for number, version in depends["articles"].items()}
        site = tuple(depends["site"]) if depends["site"] else None
        ticket.depends = Depends(articles, site, depends["max_age"], depends["exact"])


@cache
def _word() -> str:
    return salted_hmac("afterword.front", "asked", algorithm="sha256").hexdigest()
