"""A web server on loopback that plays everybody else's: pages that link to ours, and endpoints that we tell of ours."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from project import http as client

HOST, OTHER = "far.example", "further.example"
HTML = ("Content-Type", "text/html; charset=utf-8")


@dataclass
class FarPage:
    """What one path answers: `pieces` are sent one after the other with `pause` seconds between them."""

    body: bytes = b""
    status: int = 200
    headers: Sequence[tuple[str, str]] = (HTML,)
    pieces: int = 1
    pause: float = 0.0


@dataclass
class FarSide:
    """`pages` by path; `asked` are the requests (method, path, headers, body) since `forget`."""

    pages: dict[str, FarPage] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.url = f"http://{HOST}:{self.server.server_port}"
        self.other = f"http://{OTHER}:{self.server.server_port}"

    def has(self, path: str, body: bytes | str = b"", status: int = 200, *headers: tuple[str, str], **more: Any) -> str:
        """Answer a path like this from now on; return its address."""
        data = body.encode() if isinstance(body, str) else body
        self.pages[path] = FarPage(data, status, headers or (HTML,), **more)
        return self.url + path

    def requests(self, method: str = "GET") -> list[str]:
        """Return the paths that were asked for by a method since the last call."""
        found = [path for asked, path, _, _ in self.asked if asked == method]
        self.asked[:] = [one for one in self.asked if one[0] != method]
        return found


def _handler(side: FarSide) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = {name.lower(): value for name, value in self.headers.items()}
            side.asked.append((self.command, self.path, asked, body))
            page = side.pages.get(self.path, FarPage(b"nothing here", 404))
            self.send_response(page.status)
            for name, value in page.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page.body) * page.pieces))
            self.end_headers()
            for _ in range(page.pieces):
                try:
                    self.wfile.write(page.body)
                except OSError:
                    return
                time.sleep(page.pause)

        do_GET = do_POST = answer  # noqa: N815  (names of the library)

        def log_message(self, *_: Any) -> None:
            return

    return Handler


@contextmanager
def far_side() -> Iterator[FarSide]:
    side = FarSide()
    threading.Thread(target=side.server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        with patch.dict(client.stands_for, {HOST: "127.0.0.1", OTHER: "127.0.0.1"}):
            yield side
    finally:
        side.server.shutdown()
        side.server.server_close()
