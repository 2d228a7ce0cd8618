"""Readers of live updates: any number of them in one thread, each as a browser's EventSource would be.

A reader whose connection ends comes back after the time that the stream named, at the next of her servers, and names
the last event that she heard. A refusal ends her for good.
"""

from __future__ import annotations

import heapq
import json
import resource
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

from tests.processes import WebProcess, wait_until

FILES = 20_000
_numbers = count()


@dataclass(frozen=True)
class Event:
    name: str
    data: Any
    id: str


@dataclass
class Listener:
    """One reader. `events` are all that she heard, over all her connections; `ends` how often a stream ended whole."""

    article_id: int
    webs: Sequence[WebProcess]
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    # Bytes of her receive buffer, and whether she takes anything out of it.
    buffer: int = 0
    is_reading: bool = True
    retry: float = 3.0
    # Comes back at once, for tests about what she hears and not when.
    is_hasty: bool = False
    status: int = 0
    last_id: str = ""
    events: list[Event] = field(default_factory=list)
    heartbeats: int = 0
    connections: int = 0
    failures: int = 0
    ends: int = 0
    answer_headers: list[tuple[str, str]] = field(default_factory=list)
    _line: socket.socket | None = None
    _raw: bytearray = field(default_factory=bytearray)
    _text: bytearray = field(default_factory=bytearray)
    _body: bytearray = field(default_factory=bytearray)
    _is_whole: bool = False

    @property
    def is_open(self) -> bool:
        return self._line is not None and self.status == 200

    def of(self, *names: str) -> list[Event]:
        return [event for event in self.events if event.name in names]

    def ids(self, *names: str) -> list[int]:
        """Return the ids of the comments in events of these names."""
        return [event.data["id"] for event in self.of(*names)]

    def connect(self) -> socket.socket:
        """Ask for the stream; OSError while the server is away."""
        web = self.webs[self.connections % len(self.webs)]
        self.connections += 1
        line = socket.socket()
        if self.buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer)
        line.settimeout(5)
        try:
            line.connect(("127.0.0.1", web.port))
            headers = {"Host": "127.0.0.1", **self.headers, **({"Last-Event-ID": self.last_id} if self.last_id else {})}
            lines = [f"GET /api/v1/articles/{self.article_id}/stream{self.query} HTTP/1.1"]
            line.sendall("\r\n".join([*lines, *(f"{k}: {v}" for k, v in headers.items()), "", ""]).encode())
        except OSError:
            line.close()
            raise
        line.setblocking(False)
        self._line, self.status, self._is_whole = line, 0, False
        for kept in (self._raw, self._text, self._body):
            kept.clear()
        return line

    def hear(self, data: bytes) -> None:
        """Take what came off the line."""
        self._raw += data
        if not self.status:
            head, found, rest = bytes(self._raw).partition(b"\r\n\r\n")
            if not found:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            self.answer_headers = [(k.lower(), v.strip()) for k, _, v in (each.partition(":") for each in lines)]
            self.status = int(first.split()[1])
            self._raw[:] = rest
        if ("transfer-encoding", "chunked") in self.answer_headers:
            self._take_chunks()
        else:
            self._body += self._raw
            self._raw.clear()
        if self.status == 200:
            self._take_events()

    def _take_chunks(self) -> None:
        while (end := self._raw.find(b"\r\n")) >= 0:
            size = int(self._raw[:end], 16)
            if size == 0:
                self._is_whole = True
                self._raw.clear()
                return
            if len(self._raw) < end + 2 + size + 2:
                return
            self._body += self._raw[end + 2 : end + 2 + size]
            del self._raw[: end + 2 + size + 2]

    def _take_events(self) -> None:
        while (end := self._body.find(b"\n\n")) >= 0:
            block = self._body[:end].decode()
            del self._body[: end + 2]
            fields: dict[str, str] = {}
            for line in block.split("\n"):
                name, _, value = line.partition(":")
                if name:
                    fields[name] = value.removeprefix(" ")
                else:
                    self.heartbeats += 1
            if "retry" in fields:
                self.retry = int(fields["retry"]) / 1000
            if "id" in fields:
                self.last_id = fields["id"]
            if "data" in fields:
                self.events.append(
                    Event(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id", ""))
                )


class Audience:
    """Many readers; use it as a context, and `add` readers at any time."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Listener]] = []
        self._lock = threading.Lock()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < FILES:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()
        for listener in self.listeners:
            if listener._line is not None:
                listener._line.close()
        self._selector.close()

    def add(self, article_id: int, *webs: WebProcess, wait: bool = True, **options: Any) -> Listener:
        """Let a reader come; with `wait` she is there, or refused, when this returns."""
        listener = Listener(article_id, webs, **options)
        self.listeners.append(listener)
        self._plan(listener, 0)
        if wait:
            wait_until(lambda: listener.status and (listener.status != 200 or listener.last_id), "a stream to begin")
        return listener

    def drop(self, listener: Listener) -> None:
        """Break a reader's connection from her side; she comes back."""
        line = listener._line
        if line is not None:
            line.shutdown(socket.SHUT_RDWR)

    def all(self, happened: Callable[[Listener], object], what: str, seconds: float = 30.0) -> None:
        wait_until(lambda: all(happened(listener) for listener in self.listeners), what, seconds)

    def _plan(self, listener: Listener, seconds: float) -> None:
        with self._lock:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(_numbers), listener))

    def _next_due(self) -> Listener | None:
        with self._lock:
            if self._due and self._due[0][0] <= time.monotonic():
                return heapq.heappop(self._due)[2]
        return None

    def _run(self) -> None:
        while not self._is_over:
            while (listener := self._next_due()) is not None:
                self._connect(listener)
            for key, _ in self._selector.select(0.05):
                if key.data.is_reading:
                    self._read(key.data)
                else:
                    time.sleep(0.01)

    def _connect(self, listener: Listener) -> None:
        try:
            self._selector.register(listener.connect(), selectors.EVENT_READ, listener)
        except OSError:
            listener.failures += 1
            self._again(listener)

    def _read(self, listener: Listener) -> None:
        line = listener._line
        assert line is not None
        try:
            data = line.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            listener.hear(data)
            if not listener._is_whole:
                return
        self._selector.unregister(line)
        line.close()
        listener._line = None
        listener.ends += listener._is_whole
        if listener.status in (0, 200):
            self._again(listener)

    def _again(self, listener: Listener) -> None:
        self._plan(listener, 0.05 if listener.is_hasty else listener.retry)
