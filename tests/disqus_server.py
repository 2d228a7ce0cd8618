"""Disqus' API 3.0 on loopback, as it is documented: cursors, related objects, states, errors, rate limits.

It holds one forum. Ids are texts but for a parent's, which is a number; `next` of a cursor is always set; an error is a
code with a text as `response`.
"""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from project import http as client
from tests.channel_server import certificates

HOST = "disqus.com"
FORUM = "gazette"
SECRET, TOKEN = "s3cret/key+of-the+application", "t0ken-of-a-moderator"
BLOG = "https://blog.example.org"


@dataclass
class Say:
    """An answer out of the ordinary; with `lose` the connection ends without one."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    lose: bool = False


class DisqusServer:
    """`posts` and `threads` are what it holds, `asked` the method and arguments of each request, `next_says` answers
    that come before the usual ones. `left` is what is left of the rate limit, `limit_headers` whether it says so.
    """

    def __init__(self, folder: Path) -> None:
        self.posts: dict[str, dict[str, Any]] = {}
        self.threads: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.next_says: list[Say] = []
        self.total, self.left, self.reset_at = 1000, 1000, 0
        self.relates_threads = True
        self.authority, chain = certificates(folder, (HOST,))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.address = f"127.0.0.1:{self.server.server_port}"

    def has_thread(self, number: int, path: str = "", **fields: Any) -> str:
        """Hold a thread; return its id."""
        path = path or f"/{number}/"
        usual = {"id": str(number), "forum": FORUM, "identifiers": [], "link": f"{BLOG}{path}", "title": f"On {path}"}
        state = {"isClosed": False, "isDeleted": False, "createdAt": "2020-01-01T00:00:00", "posts": 0}
        self.threads[str(number)] = usual | state | fields
        return str(number)

    def has_post(self, number: int, thread: int, text: str = "", **fields: Any) -> str:
        """Hold a post, by default an approved one written `number` seconds after the beginning of 2020."""
        if str(thread) not in self.threads:
            self.has_thread(thread)
        written = datetime.fromtimestamp(1_577_836_800 + number, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        author = {"name": "Ben", "username": "ben", "id": "7", "url": "", "isAnonymous": False}
        usual = {"id": str(number), "forum": FORUM, "thread": str(thread), "parent": None, "author": author}
        words = {"message": f"<p>{text or f'Post {number}.'}</p>", "raw_message": text, "createdAt": written}
        state = {"isApproved": True, "isDeleted": False, "isSpam": False, "isEdited": False, "isFlagged": False}
        self.posts[str(number)] = usual | words | state | {"likes": 0, "dislikes": 0} | fields
        return str(number)

    def writes(self, number: int, **fields: Any) -> None:
        """Change a post."""
        self.posts[str(number)].update(fields)

    def edits(self, number: int, text: str) -> None:
        self.writes(number, message=f"<p>{text}</p>", isEdited=True)

    def calls(self, method: str = "") -> list[dict[str, list[str]]]:
        """Return the arguments of the requests for a method so far, and forget all requests."""
        found = [asked for name, asked in self.asked if not method or name == method]
        self.asked.clear()
        return found

    def answer(self, path: str) -> Say:
        split = urlsplit(path)
        method, asked = split.path.removeprefix("/api/3.0/").removesuffix(".json"), parse_qs(split.query)
        self.asked.append((method, asked))
        if self.next_says:
            return self.next_says.pop(0)
        if self.left <= 0:
            return self._error(429, 13, "You have exceeded your hourly limit of requests")
        self.left -= 1
        if asked.get("api_secret") != [SECRET]:
            return self._error(401, 5, "Invalid API key")
        if asked.get("access_token") != [TOKEN]:
            return self._error(400, 18, "Invalid access token")
        known = {"posts/list": self._list, "threads/set": self._set, "threads/details": self._details}
        return known[method](asked) if method in known else self._error(404, 1, "Endpoint not valid")

    def _error(self, status: int, code: int, text: str) -> Say:
        return Say(status, {"code": code, "response": text})

    def _list(self, asked: dict[str, list[str]]) -> Say:
        limit = int(asked.get("limit", ["25"])[0])
        if asked.get("forum") != [FORUM]:
            return self._error(400, 2, f"Invalid argument, 'forum': Unable to find forum '{asked.get('forum')}'")
        if not 1 <= limit <= 100:
            return self._error(400, 2, "Invalid argument, 'limit': must be at most 100")
        assert asked.get("order") == ["asc"], "the default is the newest first"
        wanted = set(asked.get("include[]", ["approved"]))
        rows = sorted((_micros(post), int(post["id"]), post) for post in self.posts.values())
        rows = [row for row in rows if _states(row[2]) & wanted]
        since = int(asked.get("since", ["0"])[0]) * 1_000_000
        rows = [row for row in rows if row[0] >= since]
        cursor = asked.get("cursor", ["0:0:0"])[0]
        at, seen = (int(part) for part in cursor.split(":")[:2])
        same = [row for row in rows if row[0] == at]
        rest = same[seen:] + [row for row in rows if row[0] > at]
        page = rest[:limit]
        if page:
            last = page[-1][0]
            delivered = sum(row[0] == last for row in page) + (seen if last == at else 0)
            cursor = f"{last}:{delivered}:0"
        has_next = len(rest) > limit
        place = {"prev": None, "hasPrev": False, "next": cursor, "hasNext": has_next, "id": cursor, "more": has_next}
        response = [self._shown(row[2], asked) for row in page]
        return Say(body={"cursor": place | {"total": None}, "code": 0, "response": response})

    def _shown(self, post: dict[str, Any], asked: dict[str, list[str]]) -> dict[str, Any]:
        related = "thread" in asked.get("related[]", []) and self.relates_threads
        return post | {"thread": self.threads[post["thread"]]} if related else post

    def _set(self, asked: dict[str, list[str]]) -> Say:
        found = [self.threads[one] for one in asked.get("thread[]", []) if one in self.threads]
        return Say(body={"code": 0, "response": [one for one in found if not one["isDeleted"]]})

    def _details(self, asked: dict[str, list[str]]) -> Say:
        found = self.threads.get(asked["thread"][0])
        return Say(body={"code": 0, "response": found}) if found else self._error(400, 2, "Unable to find thread")

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                say = server.answer(self.path)
                time.sleep(say.seconds)
                if say.lose:
                    self.close_connection = True
                    self.connection.close()
                    return
                data = say.body if isinstance(say.body, bytes) else json.dumps(say.body).encode()
                self.send_response(say.status)
                limits = {"Limit": server.total, "Remaining": max(server.left, 0), "Reset": server.reset_at}
                said = {f"X-Ratelimit-{name}": str(value) for name, value in limits.items() if server.reset_at}
                for name, value in {"Content-Type": "application/json", **said, **say.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                return

        return Handler


def _micros(post: dict[str, Any]) -> int:
    written = datetime.fromisoformat(post["createdAt"]).replace(tzinfo=UTC)
    return int(written.timestamp()) * 1_000_000


def _states(post: dict[str, Any]) -> set[str]:
    """Return the words of `include[]` that show a post."""
    if post["isDeleted"]:
        return {"deleted"}
    if post["isSpam"]:
        return {"spam"}
    return {"approved"} if post["isApproved"] else {"unapproved"}


@contextmanager
def disqus_on_loopback(folder: Path) -> Iterator[DisqusServer]:
    server = DisqusServer(folder)
    threading.Thread(target=server.server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        with (
            patch.dict(client.stands_for, {HOST: server.address}),
            patch.dict("os.environ", {"SSL_CERT_FILE": str(server.authority)}),
        ):
            yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
