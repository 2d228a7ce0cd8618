"""The one client for requests that go out: it never reaches what only we can reach.

A name is looked up once, every address that it has must be the internet's, and the connection goes to one of these and
nowhere else, so that a name cannot mean another address a moment later. Nothing is followed: a redirect is a failure.
Time and bytes are bounded as a whole, however slowly they come. Only tasks call it, and of readers' requests only those
that sign her in at a provider which the operator has set up (project.guarded).
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

SECONDS: Final = 10.0
BYTES: Final = 1_000_000
PORTS: Final = {"http": 80, "https": 443}
CHUNK: Final = 65_536
OK: Final = 200

# The one seam: which loopback address, with a port or without, stands for a name. Only tests write into it.
stands_for: Final[dict[str, str]] = {}


class FetchError(Exception):
    """Nothing was fetched; the text says why, for operators."""


class NeverSent(FetchError):  # noqa: N818
    """No connection came about, so that the other side knows nothing of the request."""


@dataclass(frozen=True)
class Answer:
    """What a server said, whatever its status; names of headers are as it wrote them.

    Lines of one name are one value, with commas between them (RFC 9110, 5.3).
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(url: str, *, seconds: float = SECONDS, limit: int = BYTES, accept: str = "*/*") -> bytes:
    """Return the body that an address answers with 200, at most `limit` bytes, within so many seconds in all.

    FetchError: no http or https address, a name without an address or with one that is not the internet's, no
    connection, another status, too slow, too large.
    """
    answer = exchange("GET", url, {"Accept": accept}, seconds=seconds, limit=limit, only_ok=True)
    return answer.body


def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    *,
    seconds: float = SECONDS,
    limit: int = BYTES,
    only_ok: bool = False,
    only_head: bool = False,
    inside: str = "",
) -> Answer:
    """Send one request and return the answer; `inside` is a `host[:port]` that may have any address.

    With `only_head` no byte of the body is waited for. FetchError: as `fetch`, another status only with `only_ok`;
    NeverSent, if it is sure that nothing was asked.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    except (KeyError, ValueError) as error:
        raise NeverSent("this is no http or https address") from error
    if not host or parts.username or parts.password:
        raise NeverSent("this is no http or https address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    own = {"Host": parts.netloc, "User-Agent": "Afterword", "Connection": "close"}
    failure: type[FetchError] = NeverSent
    try:
        address = _resolve(host, port, anywhere=parts.netloc == inside)
        with closing(_connect(*address, seconds)) as line, _ended_after(line, seconds):
            client = http.client.HTTPConnection(host)
            client.sock = _secured(line, host) if parts.scheme == "https" else line
            failure = FetchError
            client.request(method, path, body=body or None, headers={**headers, **own})
            return _head(client) if only_head else _read(client, limit, only_ok=only_ok)
    except (OSError, http.client.HTTPException, UnicodeError, ValueError) as error:
        raise failure(f"{type(error).__name__}: {error}") from error


def _resolve(host: str, port: int, *, anywhere: bool = False) -> tuple[str, int]:
    """Return the one address to connect to, and the port."""
    if host in stands_for:
        address, _, other = stands_for[host].partition(":")
        return address, int(other or port)
    found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    for address in found:
        if not anywhere and not is_global(address):
            raise NeverSent("the name has an address that is not the internet's")
    return sorted(found, key=lambda address: ":" in address)[0], port


def is_global(address: str) -> bool:
    """Say whether an IP address is one of the internet's; one that carries an IPv4 address is judged by that."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            found = inner
        elif found in NAT64:
            found = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    return found.is_global and not found.is_multicast


NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def _connect(address: str, port: int, seconds: float) -> socket.socket:
    return socket.create_connection((address, port), timeout=seconds)


def _secured(line: socket.socket, host: str) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(line, server_hostname=host)


@contextmanager
def _ended_after(line: socket.socket, seconds: float) -> Iterator[None]:
    """End whatever is done on a connection: each read has a timeout of its own, this ends them all together."""
    spare = line.dup()
    watch = threading.Timer(seconds, lambda: spare.shutdown(socket.SHUT_RDWR))
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        watch.join()
        spare.close()


def _head(client: http.client.HTTPConnection) -> Answer:
    with closing(client.getresponse()) as answer:
        return Answer(answer.status, dict(answer.headers.items()), b"")


def _read(client: http.client.HTTPConnection, limit: int, *, only_ok: bool) -> Answer:
    with closing(client.getresponse()) as answer:
        if only_ok and answer.status != OK:
            raise FetchError(f"the answer has the status {answer.status}")
        body = bytearray()
        while chunk := answer.read(CHUNK):
            body += chunk
            if len(body) > limit:
                raise FetchError(f"the answer is longer than {limit:,} bytes")
        if answer.length:
            raise FetchError("the answer was cut off")
        return Answer(answer.status, _joined(answer.headers.items()), bytes(body))


def _joined(lines: Iterable[tuple[str, str]]) -> dict[str, str]:
    names: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, value in lines:
        first = names.setdefault(name.lower(), name)
        values[first] = f"{values[first]}, {value}" if first in values else value
    return values
