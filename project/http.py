"""The one client for requests that go out: it never reaches what only we can reach.

A name is looked up once, every address that it has must be the internet's, and the connection goes to one of these and
nowhere else, so that a name cannot mean another address a moment later. Nothing is followed: a redirect is a failure.
Time and bytes are bounded as a whole, however slowly they come. Only tasks call it, never a reader's request.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

SECONDS: Final = 10.0
BYTES: Final = 1_000_000
PORTS: Final = {"http": 80, "https": 443}
CHUNK: Final = 65_536
OK: Final = 200

# The one seam: which loopback address stands for a name. Tests write into it, nothing else does.
stands_for: Final[dict[str, str]] = {}


class FetchError(Exception):
    """Nothing was fetched; the text says why, for operators."""


def fetch(url: str, *, seconds: float = SECONDS, limit: int = BYTES, accept: str = "*/*") -> bytes:
    """Return the body that an address answers with 200, at most `limit` bytes, within so many seconds in all.

    FetchError: no http or https address, a name without an address or with one that is not the internet's, no
    connection, another status, too slow, too large.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    except (KeyError, ValueError) as error:
        raise FetchError("this is no http or https address") from error
    if not host or parts.username or parts.password:
        raise FetchError("this is no http or https address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with closing(_connect(_resolve(host, port), port, seconds)) as line:
            return _ask(line, parts.scheme, host, parts.netloc, path, seconds, limit, accept)
    except (OSError, http.client.HTTPException, UnicodeError, ValueError) as error:
        raise FetchError(f"{type(error).__name__}: {error}") from error


def _resolve(host: str, port: int) -> str:
    """Return the one address to connect to."""
    if host in stands_for:
        return stands_for[host]
    found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    for address in found:
        if not is_global(address):
            raise FetchError("the name has an address that is not the internet's")
    return sorted(found, key=lambda address: ":" in address)[0]


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


def _ask(
    line: socket.socket, scheme: str, host: str, netloc: str, path: str, seconds: float, limit: int, accept: str
) -> bytes:
    # Each read has a timeout of its own; this ends them all together.
    spare = line.dup()
    watch = threading.Timer(seconds, lambda: spare.shutdown(socket.SHUT_RDWR))
    watch.daemon = True
    watch.start()
    try:
        wrapped = ssl.create_default_context().wrap_socket(line, server_hostname=host) if scheme == "https" else line
        client = http.client.HTTPConnection(host)
        client.sock = wrapped
        headers = {"Host": netloc, "Accept": accept, "User-Agent": "Afterword", "Connection": "close"}
        client.request("GET", path, headers=headers)
        with closing(client.getresponse()) as answer:
            if answer.status != OK:
                raise FetchError(f"the answer has the status {answer.status}")
            body = bytearray()
            while chunk := answer.read(CHUNK):
                body += chunk
                if len(body) > limit:
                    raise FetchError(f"the answer is longer than {limit:,} bytes")
            if answer.length:
                raise FetchError("the answer was cut off")
            return bytes(body)
    finally:
        watch.cancel()
        watch.join()
        spare.close()
