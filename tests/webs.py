"""Web processes asked with exactly the bytes that a test chooses, and what their /metrics say."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

import brotli
from prometheus_client.parser import text_string_to_metric_families

from tests.processes import WebProcess, wait_until

ANSWERS = "afterword_snapshot_answers_total"
BUILDS = "afterword_snapshot_builds_total"
ENTRIES = "afterword_snapshot_entries"
BYTES = "afterword_snapshot_bytes"
EVICTIONS = "afterword_snapshot_evictions_total"

Headers = Sequence[tuple[str, str]]
Pair = tuple[WebProcess, WebProcess]


@dataclass(frozen=True)
class Reply:
    """An answer as it came: names of headers in lower case, the body not decoded."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header that may come once at most."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, found
        return found[0] if found else None

    @property
    def plain(self) -> bytes:
        """The body as it was before it was compressed."""
        coding = self.header("content-encoding")
        if coding is None:
            return self.body
        plain: bytes = {"gzip": gzip.decompress, "br": brotli.decompress}[coding](self.body)
        return plain

    @property
    def text(self) -> str:
        return self.plain.decode()

    def json(self) -> Any:
        return json.loads(self.plain)


def ask(web: WebProcess, target: str, headers: Headers = (), *, method: str = "GET", body: bytes = b"") -> Reply:
    """Send one request on a connection of its own; `target` goes onto the line as it is, escaped or not."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as line:
        line.sendall(_request(target, headers, method, body))
        answer = HTTPResponse(line, method=method)
        answer.begin()
        return Reply(answer.status, [(name.lower(), value) for name, value in answer.getheaders()], answer.read())


def write(web: WebProcess, method: str, path: str, data: Any, key: str = "") -> Any:
    """Send JSON, with an API key where one is given, and return the answer's; anything but 2xx fails the test."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = web.request(method, path, data, headers)
    assert 200 <= answer.status < 300, (method, path, answer.status, answer.text)
    return answer.json() if answer.body else None


async def crowd(web: WebProcess, targets: Iterable[str], *, at_once: int = 2_000, headers: Headers = ()) -> list[Reply]:
    """Send all requests together, each on a connection of its own, and return the answers in the order asked."""
    gate = asyncio.Semaphore(at_once)

    async def one(target: str) -> Reply:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
            try:
                writer.write(_request(target, headers, "GET", b""))
                return _read(await reader.read())
            finally:
                writer.close()

    return await asyncio.gather(*(one(target) for target in targets))


def numbers(web: WebProcess) -> dict[str, float]:
    """Return the metrics of one process by name, those with labels summed."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(ask(web, "/metrics").text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def numbers_after(web: WebProcess, before: dict[str, float], answers: int) -> dict[str, float]:
    """Return by how much the metrics rose, once the store has counted so many answers more: numbers come at a tick."""
    found: dict[str, float] = {}

    def counted() -> bool:
        found.update(numbers(web))
        return found.get(ANSWERS, 0) - before.get(ANSWERS, 0) >= answers

    wait_until(counted, f"{answers} answers to be counted", 10)
    return {name: value - before.get(name, 0) for name, value in found.items()}


def _request(target: str, headers: Headers, method: str, body: bytes) -> bytes:
    lines = [f"{method} {target} HTTP/1.1"]
    if not any(name.lower() == "host" for name, _ in headers):
        lines.append("Host: 127.0.0.1")
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _read(raw: bytes) -> Reply:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    assert not any(name == "transfer-encoding" for name, _ in headers)
    return Reply(int(first.split()[1]), headers, body)
