"""A name server of ours instead of the internet's, and a note of every connection that is tried.

Names are those of the shared corpus `urls_ssrf.jsonl`; numbers in every spelling are the real resolver's business.
"""

from __future__ import annotations

import itertools
import socket
from typing import Any

import pytest

from project import http

PUBLIC = "93.184.215.14"
# What is answered, one after the other; other names below `.test` do not exist.
RECORDS = {
    "rebind.test": [[PUBLIC], ["127.0.0.1"]],
    "multi.test": [[PUBLIC, "10.0.0.1"]],
    "mixed.test": [[PUBLIC, "::1"]],
    "cname.test": [["169.254.169.254"]],
    "ttl0.test": [[PUBLIC], ["10.0.0.1"], ["::1"]],
    "127.0.0.1.nip.test": [["127.0.0.1"]],
    "localhost": [["127.0.0.1", "::1"]],
}


class StubNet:
    """Only a server of the test's own, on port `own` of loopback, really answers; `connected` are the others."""

    def __init__(self, own: int = 0) -> None:
        self.tried: list[tuple[str, int]] = []
        self.own = own
        self.resolve, self.connect = socket.getaddrinfo, socket.create_connection
        self.turns = {name: itertools.cycle(answers) for name, answers in RECORDS.items()}

    @property
    def connected(self) -> list[str]:
        return [address for address, port in self.tried if (address, port) != ("127.0.0.1", self.own)]

    def getaddrinfo(self, host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        try:
            return self.resolve(host, port, *rest, flags=socket.AI_NUMERICHOST, **more)
        except socket.gaierror:
            found = next(self.turns[host.rstrip(".")], []) if host.rstrip(".") in self.turns else []
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    def create_connection(self, address: tuple[str, int], **options: Any) -> socket.socket:
        self.tried.append(address)
        if address == ("127.0.0.1", self.own):
            return self.connect(address, **options)
        raise ConnectionRefusedError("nobody is there")

    def take_over(self, monkeypatch: pytest.MonkeyPatch) -> StubNet:
        """Stand between the guarded client and the net for the rest of a test."""
        monkeypatch.setattr(http.socket, "getaddrinfo", self.getaddrinfo)
        monkeypatch.setattr(http.socket, "create_connection", self.create_connection)
        return self
