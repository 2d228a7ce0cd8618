"""A web server on loopback with the feeds of `news.example.org`: what it answers by path, and what it was asked."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from unittest.mock import patch

from project import http as client

HOST = "news.example.org"


class FeedServer:
    """`pages` is path -> (status, headers, body); with an `ETag` among the headers conditional requests get 304."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://{HOST}:{self.server.server_port}"

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = {name.lower(): value for name, value in self.headers.items()}
                server.asked.append((self.path, asked))
                status, headers, body = server.pages.get(self.path, (404, {}, b"nothing here"))
                tag, date = headers.get("ETag"), headers.get("Last-Modified")
                if (tag and asked.get("if-none-match") == tag) or (date and asked.get("if-modified-since") == date):
                    status, body = 304, b""
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        return Handler

    def has(self, path: str, body: bytes | str, status: int = 200, **headers: str) -> str:
        """Answer a path like this from now on; return its address. `_` in a header's name stands for `-`."""
        data = body.encode() if isinstance(body, str) else body
        self.pages[path] = (status, {name.replace("_", "-"): value for name, value in headers.items()}, data)
        return self.url + path

    def paths(self) -> list[str]:
        """Return the paths that were asked for since the last call."""
        found = [path for path, _ in self.asked]
        self.asked.clear()
        return found


@contextmanager
def feeds_on_loopback() -> Iterator[FeedServer]:
    server = FeedServer()
    threading.Thread(target=server.server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        with patch.dict(client.stands_for, {HOST: "127.0.0.1"}):
            yield server
    finally:
        server.server.shutdown()
        server.server.server_close()


def item(path: str, date: datetime | None = None, *, title: str = "", base: str = "https://news.example.org") -> str:
    """Return an item of an RSS feed."""
    parts = [f"<title>{title or f'About {path}'}</title><link>{base}{path}</link>"]
    parts += [f"<pubDate>{format_datetime(date)}</pubDate>"] if date else []
    return f"<item>{''.join(parts)}</item>"


def rss(*items: str) -> str:
    return f"<rss version='2.0'><channel><title>The Gazette</title>{''.join(items)}</channel></rss>"


def sitemap(*paths: str, date: str = "") -> str:
    changed = f"<lastmod>{date}</lastmod>" if date else ""
    rows = "".join(f"<url><loc>https://news.example.org{path}</loc>{changed}</url>" for path in paths)
    return f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{rows}</urlset>"
