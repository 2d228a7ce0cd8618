"""Hostile and odd texts, and every place of every writing request that takes one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

from articles.models import Article
from project.errors import CODES
from project.tokens import edit_token
from tests.factories import make_api_key, make_comment
from tests.processes import WebProcess
from tests.world import OWN

TEXTS = [
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "</textarea><script>x"),
    *("[a](javascript:alert(1))", "<javascript:alert(1)>", '[a](https://a.example "onmouseover=alert(1)")', "[a](//b)"),
    *(
        "![a](https://evil.example/x.png)",
        "<https://a.example/'onclick='x>",
        "[a](data:text/html,x)",
        "<a id=comments>",
    ),
    *("</p></div></li></ol><h1>Escaped</h1>", "<math><mi><style><img src=x onerror=x>", "{{ 7*7 }}{% now 'Y' %}%s{0}"),
    *(
        "a\x00b",
        "\x1b[31m",
        "\ud800",
        "\ufffe",
        "\u202etxt.exe",
        "e" + "\u0301" * 400,
        "\u200b",
        "\u2028",
        "👩‍👩‍👧",
        "مرحبا",
    ),
    *(
        "a\r\nBcc: c@evil.example",
        "b@a.example\nBcc: c@evil.example",
        "b@a.example,c@evil.example",
        "=?utf-8?q?=0ABcc?=",
    ),
    *(
        "b+tag@a.example",
        "ben@exämple.org",
        '"b\r\n"@a.example',
        "<b@a.example>",
        "b@[127.0.0.1]",
        "@",
        "Bcc: c@d.example",
    ),
    *(
        "http://127.0.0.1:6379/",
        "https://a@evil.example/",
        "http://[::1",
        "javascript:alert(1)",
        "//evil.example",
        "file:///x",
    ),
    *(
        "",
        " ",
        "0",
        "-1",
        "99999999999999999999",
        "1e5",
        "true",
        "null",
        "' OR 1=1 --",
        "a" * 600,
        "[" * 3_000,
        "*a **b " * 800,
    ),
]
# JSON that is wrong as a whole, or whose values are of the wrong kind.
BYTES = [
    *(
        b"",
        b" ",
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b"{",
        b'{"body":',
        b'{"body":"\xff"}',
        b'{"body":"\\ud800"}',
        b"[" * 100_000,
    ),
    *(
        b'{"body":"a","body":"b"}',
        b'{"body":NaN}',
        b'{"body":[]}',
        b'{"body":{}}',
        b'{"body":1e999}',
        b"\xef\xbb\xbf{}",
    ),
    *(b'{"a":' * 5_000, b'{"body":true,"author":"x","parent":{}}', b'{"author":{"name":[],"email":{},"url":1}}'),
    b'{"status":[],"reason":{},"ids":[{}],"email":[],"tag":{},"value":"1","tags":[[]],"source":[]}',
]


def corpus_texts(shared_data: Path) -> list[str]:
    """Return each input of the shared corpus that is one text."""
    files = sorted((shared_data / "badinput").glob("*.jsonl"))
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [row["input"] for row in rows if isinstance(row["input"], str)]


def corpus_bytes(shared_data: Path) -> list[bytes]:
    """Return each body of a request that the shared corpus has."""
    folder = shared_data / "badinput" / "json_bad"
    rows = [json.loads(line) for line in (folder / "jsontestsuite.jsonl").read_text(encoding="utf-8").splitlines()]
    return [file.read_bytes() for file in sorted(folder.glob("*.json"))] + [
        bytes.fromhex(row["input_hex"]) for row in rows
    ]


@dataclass(frozen=True)
class Sent:
    """One request; `body` goes out as JSON, as a form where `is_form`, or as it is where it is bytes."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_form: bool = False

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        if self.is_form:
            pairs = [f"{name}={quote(value, safe='', errors='surrogatepass')}" for name, value in self.body.items()]
            kind = {"Content-Type": "application/x-www-form-urlencoded", "Origin": OWN}
            return "&".join(pairs).encode(), {**kind, **self.headers}
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return body, {"Content-Type": "application/json", **self.headers}


Place = Callable[[str], Sent]


class Places:
    """Every place of a writing request on one article that takes a text; `said` is an approved comment on it."""

    def __init__(self, article: Article) -> None:
        self.article, self.site, self._number = article, article.site.slug, count(1)
        self.said = make_comment(article, body="Here before.")
        self.key = {"Authorization": f"Bearer {make_api_key(article.site)}"}
        self.owner = {"Authorization": f"Bearer {edit_token(self.said.pk, self.said.nonce.hex)}"}
        self.all: dict[str, Place] = {
            **self._comments(),
            **self._of_a_comment(),
            **self._articles(),
            **self._others(),
            **self._forms(),
            **self._headers(),
        }

    def say(self, **fields: Any) -> Sent:
        """A comment that is all right but for the fields given; no two are the same."""
        number = next(self._number)
        author = {"name": f"Ben {number}", **fields.pop("author", {})}
        data = {"article": self.article.pk, "body": f"Well said {number}.", "author": author, **fields}
        return Sent("POST", "/api/v1/comments", data)

    def _comments(self) -> dict[str, Place]:
        page = {"article": None, "site": self.site}
        return {
            "comment body": lambda v: self.say(body=v),
            "comment name": lambda v: self.say(author={"name": v}),
            "comment email": lambda v: self.say(author={"email": v}, follow="replies"),
            "comment author url": lambda v: self.say(author={"url": v}),
            "comment title": lambda v: self.say(**page, url=f"https://news.example.org/{next(self._number)}", title=v),
            "comment page url": lambda v: self.say(**page, url=v),
            "comment identifier": lambda v: self.say(**page, identifier=v),
            "comment site": lambda v: self.say(article=None, site=v, url=self.article.url),
            "comment parent": lambda v: self.say(parent=v),
            "comment follow": lambda v: self.say(follow=v),
            "comment reply": lambda v: self.say(parent=self.said.pk, body=v),
        }

    def _of_a_comment(self) -> dict[str, Place]:
        one, held = f"/api/v1/comments/{self.said.pk}", f"/api/v1/moderation/comments/{self.said.pk}/decision"
        approve = {"status": "approved"}
        return {
            "edit body": lambda v: Sent("PATCH", one, {"body": v}, self.owner),
            "moderator's edit": lambda v: Sent("PATCH", one, {"body": v}, self.key),
            "edit revision": lambda v: Sent("PATCH", one, {"body": "So.", "revision": v}, self.owner),
            "preview": lambda v: Sent("POST", "/api/v1/preview", {"body": v}),
            "report detail": lambda v: Sent("POST", f"{one}/reports", {"reason": "abuse", "detail": v}),
            "report reason": lambda v: Sent("POST", f"{one}/reports", {"reason": v}),
            "vote": lambda v: Sent("PUT", f"{one}/vote", {"value": v}),
            "decision reason": lambda v: Sent("POST", held, {**approve, "reason": v}, self.key),
            "decision note": lambda v: Sent("POST", held, {**approve, "note": v}, self.key),
            "decision status": lambda v: Sent("POST", held, {"status": v}, self.key),
            "decisions reason": lambda v: Sent(
                "POST", "/api/v1/moderation/decisions", {"ids": [self.said.pk], **approve, "reason": v}, self.key
            ),
            "pin": lambda v: Sent("POST", f"/api/v1/moderation/comments/{self.said.pk}/pin", {"pinned": v}, self.key),
        }

    def _articles(self) -> dict[str, Place]:
        def put(**fields: Any) -> Sent:
            data = {"site": self.site, "identifier": f"put-{next(self._number)}", "title": "Bees", **fields}
            return Sent("PUT", "/api/v1/articles", data, self.key)

        names = ("site", "url", "identifier", "title", "summary", "html", "author_name", "author_email", "image")
        places: dict[str, Place] = {f"article {name}": lambda v, name=name: put(**{name: v}) for name in names}  # type: ignore[misc]
        for name in ("name", "author", "title", "url"):
            places[f"article source {name}"] = lambda v, name=name: put(source={"name": "Ledger", name: v})  # type: ignore[misc]
        places["article published_at"] = lambda v: put(published_at=v)
        places["article tags"] = lambda v: put(tags=[v, "bees"])
        return places

    def _others(self) -> dict[str, Place]:
        def follow(**fields: Any) -> Sent:
            return Sent("POST", "/api/v1/follows", {"email": f"r{next(self._number)}@a.example", **fields})

        def share(**fields: Any) -> Sent:
            return Sent("POST", "/api/v1/shares", {"article": self.article.pk, "network": "copy", **fields})

        here = {"site": self.site}
        return {
            "follow email": lambda v: follow(article=self.article.pk, email=v),
            "follow tag": lambda v: follow(**here, tag=v),
            "follow author": lambda v: follow(**here, author=v),
            "follow url": lambda v: follow(**here, url=v),
            "share network": lambda v: share(network=v),
            "share url": lambda v: share(article=None, **here, url=v),
            "share comment": lambda v: share(comment=v),
            "counts": lambda v: Sent("POST", "/api/v1/counts", {**here, "urls": [v]}),
        }

    def _forms(self) -> dict[str, Place]:
        page = f"/a/{self.article.pk}"
        places: dict[str, Place] = {}
        for name in ("body", "name", "email", "url", "parent", "follow"):
            places[f"form {name}"] = lambda v, name=name: Sent(  # type: ignore[misc]
                "POST",
                f"{page}/comments",
                {"body": f"By form {next(self._number)}.", "name": "Ben", name: v},
                is_form=True,
            )
        report, follow = f"{page}/comments/{self.said.pk}/report", f"{page}/follow"
        return places | {
            "form report": lambda v: Sent("POST", report, {"reason": "abuse", "detail": v}, is_form=True),
            "form report reason": lambda v: Sent("POST", report, {"reason": v, "detail": "x"}, is_form=True),
            "form follow": lambda v: Sent("POST", follow, {"email": v}, is_form=True),
            "webmention source": lambda v: Sent(
                "POST", "/webmention", {"source": v, "target": self.article.url}, is_form=True
            ),
            "webmention target": lambda v: Sent(
                "POST", "/webmention", {"source": "https://far.example/", "target": v}, is_form=True
            ),
            "form instance": lambda v: Sent("POST", f"/s/mastodon/{self.article.pk}", {"instance": v}, is_form=True),
        }

    def _headers(self) -> dict[str, Place]:
        def with_header(name: str, value: str) -> Sent:
            sent, line = self.say(), value.translate(dict.fromkeys([*range(32), 127]))
            return Sent(sent.method, sent.path, sent.body, {name: line.encode("utf-8", "replace").decode("latin-1")})

        names = ("Idempotency-Key", "Authorization", "X-Afterword-Voter", "X-Forwarded-For", "Origin", "Referer")
        return {f"header {name}": lambda v, name=name: with_header(name, v) for name in names}  # type: ignore[misc]


class Line:
    """A connection to the web process that is kept, as a client's is, and opened again where it was closed."""

    def __init__(self, web: WebProcess) -> None:
        self.web, self._line = web, HTTPConnection("127.0.0.1", web.port, timeout=30)

    def send(self, sent: Sent) -> tuple[int, dict[str, str], bytes]:
        body, headers = sent.encoded()
        self._line.request(sent.method, sent.path, body, headers)
        answer = self._line.getresponse()
        return answer.status, {name.title(): value for name, value in answer.getheaders()}, answer.read()


def check(where: str, sent: Sent, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fail unless the answer is one that a client may be given: no fault, no cookie, refusals that are explained."""
    what = (where, ascii(sent.body)[:300], status, body[:300])
    assert status < 500 and "Set-Cookie" not in headers and b"Traceback" not in body, what
    if status >= 400 and sent.path.startswith("/api/"):
        assert headers["Content-Type"] == "application/problem+json", what
        problem = json.loads(body)
        assert (problem["code"] in CODES, problem["status"]) == (True, status), what
