"""One kept answer: its bytes in every coding, ready to be sent, and how long it may be given."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import brotli  # type: ignore[import-untyped]

from project.snapshots.versions import MAX_AGE, Known

Header = tuple[bytes, bytes]
Message = dict[str, Any]

# Bits of what a client takes; the index of `Snapshot.best`.
GZIP: Final = 1
BROTLI: Final = 2

# Below this many bytes a coding saves nothing that a packet would notice.
WORTH_CODING: Final = 1_000
# Measured on pages of 1,000 comments: 8 ms less than level 6 for 6 % more bytes; brotli takes over where it pays.
GZIP_LEVEL: Final = 4
BROTLI_QUALITY: Final = 5
# Bytes that an entry takes besides its bodies: messages, headers, its places in tables.
OVERHEAD: Final = 4_000

NOT_STORED: Final = (b"cache-control", b"no-store")
CODED: Final = frozenset({b"content-encoding", b"content-length", b"etag", b"vary"})


class Answer:
    """The bytes of one coding with the messages that send them: as a GET, as a POST, and 304."""

    __slots__ = ("body", "etag", "not_modified", "posted", "start")

    def __init__(self, body: bytes, etag: bytes, headers: Sequence[Header], coding: bytes = b"") -> None:
        self.etag = etag
        common = [*headers, (b"etag", etag), (b"vary", b"Accept-Encoding")]
        whole = [*common, (b"content-length", b"%d" % len(body))]
        if coding:
            whole.append((b"content-encoding", coding))
        kept = [header for header in common if header[0] != b"content-type"]
        self.start: Message = {"type": "http.response.start", "status": 200, "headers": whole}
        unkept = [header for header in whole if header[0] not in {b"etag", b"cache-control"}]
        self.posted: Message = {**self.start, "headers": [*unkept, NOT_STORED]}
        self.body: Message = {"type": "http.response.body", "body": body}
        self.not_modified: Message = {"type": "http.response.start", "status": 304, "headers": kept}


class Snapshot:
    """An answer of status 200 that is the same for every reader.

    `stamps` are the versions it was built at; it is fresh until `fresh_until` (monotonic), a bound that is moved on as
    long as the versions are read again and found equal. `version` is that of the thread it shows, 0 if none.
    """

    __slots__ = (
        "best",
        "brotli_asked",
        "built_at",
        "ends_at",
        "etags",
        "fresh_until",
        "headers",
        "is_outdated",
        "plain",
        "rests_until",
        "size",
        "stamps",
        "tag",
        "used_at",
        "version",
    )

    def __init__(
        self,
        plain: bytes,
        headers: Iterable[Header],
        *,
        built_at: float,
        stamps: Sequence[tuple[Known, int]],
        max_age: float | None = None,
    ) -> None:
        self.plain, self.stamps = plain, stamps
        self.built_at = self.used_at = built_at
        self.ends_at = built_at + max_age if max_age is not None else float("inf")
        self.fresh_until = min(built_at + MAX_AGE, self.ends_at)
        self.rests_until = float("-inf")
        self.version = stamps[0][1] if stamps and stamps[0][0].name[0] == "article" else 0
        self.is_outdated = self.brotli_asked = False
        # Those of every coding.
        self.headers = [header for header in headers if header[0] not in CODED]
        self.tag = hashlib.blake2b(plain, digest_size=16).hexdigest()
        whole = Answer(plain, self._etag(""), self.headers)
        self.best = [whole, whole, whole, whole]
        self.etags = {whole.etag: whole}
        self.size = len(plain) + OVERHEAD

    @property
    def is_worth_coding(self) -> bool:
        return len(self.plain) >= WORTH_CODING

    def add_gzip(self, body: bytes) -> None:
        coded = self._add(body, b"gzip", "gz")
        self.best[GZIP] = self.best[GZIP | BROTLI] = coded

    def add_brotli(self, body: bytes) -> None:
        coded = self._add(body, b"br", "br")
        self.best[BROTLI] = self.best[GZIP | BROTLI] = coded

    def _add(self, body: bytes, coding: bytes, mark: str) -> Answer:
        coded = Answer(body, self._etag(mark), self.headers, coding)
        self.etags[coded.etag] = coded
        self.size += len(body)
        return coded

    def _etag(self, mark: str) -> bytes:
        return f'"{self.tag}{"-" if mark else ""}{mark}"'.encode()

    def unchanged(self, known: bytes, accepts: int) -> Message | None:
        """Return the 304 for a client that names one of our tags, compared weakly, or `*`; None for any other.

        Any coding will do: the bytes that she has say the same.
        """
        if (found := self.etags.get(known)) is not None:
            return found.not_modified
        for tag in known.split(b","):
            name = tag.strip()
            if name == b"*":
                return self.best[accepts].not_modified
            if (found := self.etags.get(name.removeprefix(b"W/"))) is not None:
                return found.not_modified
        return None

    def outdate(self) -> None:
        """One of its versions is about to move: it is given no longer, save while its place rests from builds.

        Even then no longer than a second after it was last known to be current.
        """
        if not self.is_outdated:
            self.is_outdated = True
            self.fresh_until = min(self._current_until(), self.rests_until)

    def renew(self, now: float) -> bool:
        """Move the bound on if all versions are known to be the same still; say whether it may be given at `now`."""
        if not self.is_outdated:
            self.fresh_until = self._current_until()
        return now < self.fresh_until

    def _current_until(self) -> float:
        read_at = min((known.read_at for known, _ in self.stamps), default=self.built_at)
        return min(max(read_at, self.built_at) + MAX_AGE, self.ends_at)

    def attach(self) -> None:
        """Hang on its versions; outdated from the start if one has moved while it was built."""
        for known, version in self.stamps:
            known.dependents.add(self)
            if known.version != version:
                self.outdate()

    def detach(self) -> None:
        for known, _ in self.stamps:
            known.dependents.discard(self)

    def can_be_renewed(self, now: float) -> bool:
        """Whether reading its versions again could make it fresh."""
        return bool(self.stamps) and not self.is_outdated and now < self.ends_at


def gzipped(body: bytes) -> bytes:
    """The same bytes for the same body, whenever and wherever it is compressed."""
    return gzip.compress(body, GZIP_LEVEL, mtime=0)


def brotlied(body: bytes) -> bytes:
    compressed: bytes = brotli.compress(body, mode=brotli.MODE_TEXT, quality=BROTLI_QUALITY)
    return compressed


def now() -> float:
    return time.monotonic()
