"""The wire format of server-sent events (HTML Living Standard, 9.2), and what a read of changes gives to readers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

import orjson

# Milliseconds after which a browser whose stream has ended comes back: apart, so that not all come at once.
SOONEST: Final = 2_000
LATEST: Final = 8_000
# A comment, which readers do not see; proxies see that the connection is in use.
HEARTBEAT: Final = b":\n\n"
MAX_VERSION: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class News:
    """What brings a reader to `version`, ready to be sent, and the `counts` event of that version alone."""

    version: int
    events: bytes
    counts: bytes


def pack(news: News) -> bytes:
    """Return news as one process of ours gives them to another."""
    return orjson.dumps([news.version, news.events.decode(), news.counts.decode()])


def unpack(packed: bytes) -> News:
    """Return what `pack` was given."""
    version, events, counts = orjson.loads(packed)
    return News(version, events.encode(), counts.encode())


def event(name: str, data: Any, version: int | None = None) -> bytes:
    """Return one event; with `version` a reader who comes back resumes behind it."""
    mark = b"" if version is None else b"id: %d\n" % version
    return b"event: %s\n%sdata: %s\n\n" % (name.encode(), mark, orjson.dumps(data))


def position(version: int) -> bytes:
    """Return a block that fires nothing and lets a browser know from where to resume."""
    return b"id: %d\n\n" % version


def greeting() -> bytes:
    """Return the first bytes of a stream, which say when to come back after it ends."""
    return b"retry: %d\n: live updates\n\n" % random.randint(SOONEST, LATEST)  # noqa: S311  (nobody gains by guessing)


def read_version(text: str) -> int | None:
    """Return the version that a reader names, None where the text is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_VERSION)) else -1
    return number if 0 <= number <= MAX_VERSION else None
