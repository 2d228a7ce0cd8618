"""Hostile reads of a running service: what it keeps for others stays what it was, and stays small.

A part in an ordinary run; whole with `-m drill`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

import pytest

from articles.models import Article
from tests.api.test_reading_badinput import HELD, RAW, REMOVED, VALUES, shared_values
from tests.factories import make_article, make_comment, make_site
from tests.processes import WebProcess, wait_until
from tests.webs import BYTES, ENTRIES, Headers, Pair, Reply, ask, numbers, write

pytestmark = [
    pytest.mark.live,
    pytest.mark.drill,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(1_800),
]

MEGABYTE = 1024 * 1024
# What one may send beside a request, in the hope that the answer kept for others is made of it.
HEADERS: list[Headers] = [
    [("Host", "evil.example")],
    [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "javascript"), ("X-Forwarded-Port", "1")],
    [("Forwarded", "host=evil.example;proto=https"), ("X-Host", "evil.example"), ("X-Forwarded-For", "<script>")],
    [("X-Original-URL", "/admin/"), ("X-Rewrite-URL", "/admin/"), ("X-HTTP-Method-Override", "DELETE")],
    [("Origin", "null"), ("Referer", "javascript:alert(1)")],
    [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "DELETE")],
    [("Accept", "text/html"), ("Accept-Language", "xx-<script>")],
    [("Accept-Encoding", "gzip;q=nan, br;q=-1, *;q=0, \xff")],
    [("Accept-Encoding", "identity;q=0, *;q=0")],
    [("Range", "bytes=0-1"), ("If-Range", "*")],
    [("If-None-Match", "*")],
    [("If-None-Match", '"' * 4_000)],
    [("Cookie", "sessionid=x; csrftoken=<script>"), ("Authorization", "Basic \xff")],
    [("Authorization", "Bearer awk_x"), ("X-Afterword-Voter", "awv_x"), ("X-Afterword-Edit-Tokens", "awe_x," * 500)],
    [("Content-Length", "0"), ("Content-Type", "application/x-www-form-urlencoded")],
    [("X-Quagga", "q" * 8_000)],
]


@dataclass(frozen=True)
class Place:
    """An article with a comment, and two that are hidden."""

    article: Article
    comment: int

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Return the plain requests whose answers are kept, each with the parameters that it may have."""
        article, url = self.article.pk, quote(self.article.url, safe="")
        page = f"site={self.article.site.slug}&url={url}"
        return {
            f"/api/v1/thread?article={article}": ("article", "sort", "limit", "cursor", "at_least"),
            f"/api/v1/thread?{page}": ("site", "url", "identifier", "sort", "limit", "cursor"),
            f"/api/v1/comments/{self.comment}": ("cursor",),
            f"/api/v1/comments/{self.comment}/replies": ("cursor", "limit"),
            f"/api/v1/counts?{page}": ("site", "url"),
            f"/api/v1/recent?site={self.article.site.slug}": ("site", "limit"),
            f"/api/v1/most-discussed?site={self.article.site.slug}": ("site", "days", "limit"),
            f"/api/v1/search?site={self.article.site.slug}&q=said": ("site", "q", "cursor", "limit"),
            f"/a/{article}": ("sort", "provider", "cursor", "comment", "branch"),
        }


@pytest.fixture
def place() -> Place:
    article = make_article(make_site("here"), identifier="one", title="Bees")
    root = make_comment(article, body="Well said.")
    make_comment(article, root, body="A reply.")
    make_comment(article, body=HELD, status="pending", author_name=HELD)
    make_comment(article, root, body=REMOVED, status="removed", author_name=REMOVED)
    return Place(article, root.pk)


def said(answer: Reply) -> tuple[int, bytes, str | None, str | None]:
    """Return what of an answer is the same for everybody who asks for it."""
    return answer.status, answer.plain, answer.header("etag"), answer.header("cache-control")


def plain_answers(web: WebProcess, place: Place) -> dict[str, tuple[int, bytes, str | None, str | None]]:
    answers = {target: ask(web, target) for target in place.reads()}
    assert not any(name == "set-cookie" for answer in answers.values() for name, _ in answer.headers)
    found = {target: said(answer) for target, answer in answers.items()}
    assert {status for status, *_ in found.values()} == {200}
    return found


def check(target: str, answer: Reply) -> None:
    where = (target[:300], answer.status, answer.body[:300])
    assert answer.status < 500, where
    assert answer.header("set-cookie") is None, where
    text = answer.plain.decode()
    assert "Traceback" not in text, where
    assert (HELD not in text and REMOVED not in text) or HELD in target or REMOVED in target, where


def hostile_targets(place: Place, values: list[str]) -> Iterator[str]:
    """Yield, for each value, some of the kept reads with it in one more parameter, or in one that is there already."""
    number = count()
    reads = list(place.reads().items())
    for value in values:
        escaped = quote_from_bytes(value.encode("utf-8", "surrogatepass"), safe="")
        if len(escaped) > 60_000:
            continue
        for _ in range(3):
            turn = next(number)
            target, names = reads[turn % len(reads)]
            yield f"{target}{'&' if '?' in target else '?'}{names[turn // len(reads) % len(names)]}={escaped}"
    for target in place.reads():
        path, _, query = target.partition("?")
        for raw in RAW:
            if raw.isascii() and "#" not in raw:
                yield f"{path}?{raw}"
                yield f"{path}?{raw}&{query}"


def some(values: list[str], scale: float) -> list[str]:
    return values if scale == 1 else values[::4]


def test_hostile_reads_change_no_answer_that_is_kept(
    place: Place, make_web: Callable[..., WebProcess], shared_data: Path, drill_scale: float
) -> None:
    """And take no more memory than is allowed for answers."""
    web = make_web(RATE_LIMITS="off", SNAPSHOT_MEMORY="1")
    before = plain_answers(web, place)
    values = some(VALUES + shared_values(shared_data), drill_scale)
    targets = [*hostile_targets(place, values)]
    assert len(targets) > 1_000
    for number, target in enumerate(targets):
        check(target, ask(web, target))
        if number % 200 == 0:
            assert plain_answers(web, place) == before, targets[max(0, number - 200) : number]
    assert plain_answers(web, place) == before
    kept = numbers(web)
    assert 0 < kept[BYTES] <= MEGABYTE and kept[ENTRIES] > 0
    assert web.process is not None and web.process.poll() is None
    assert "Traceback" not in web.output()


def test_who_asks_first_does_not_shape_the_answer_of_all(pair: Pair, place: Place) -> None:
    """Each time something was said anew, one process is asked by a liar first, the other by honest readers only."""
    lied_to, honest = pair
    for number, headers in enumerate(HEADERS):
        new = {"article": place.article.pk, "body": f"Said {number}.", "author": {"name": "Ben"}}
        version = write(lied_to, "POST", "/api/v1/comments", new)["version"]
        for target in place.reads():
            check(target, ask(lied_to, target, headers))
        newest = f"/api/v1/thread?article={place.article.pk}&at_least={version}"
        assert said(ask(lied_to, newest))[:2] == said(ask(honest, newest))[:2]
        assert not any(b"evil" in body or b"xx-" in body for _, body, *_ in plain_answers(lied_to, place).values())
        # Lists of a whole site may be a second old.
        wait_until(
            lambda: plain_answers(lied_to, place) == plain_answers(honest, place), f"{headers} to do nothing", 20
        )
    for web in pair:
        assert "Traceback" not in web.output()


def test_streams_refuse_what_is_no_version(place: Place, make_web: Callable[..., WebProcess]) -> None:
    """Or begin where there is nothing to be told: hidden words never, and the process lives on."""
    web = make_web(RATE_LIMITS="off")
    path = f"/api/v1/articles/{place.article.pk}/stream"
    for value in VALUES[::2]:
        escaped = quote_from_bytes(value.encode("utf-8", "surrogatepass"), safe="")
        line = value.translate(dict.fromkeys([*range(32), 127]))[:4_000].encode("utf-8", "replace").decode("latin-1")
        for target, header in ((f"{path}?since={escaped}", ""), (path, line)):
            heard = overhear(web, target, header)
            assert heard.startswith(b"HTTP/1.1 ") and not heard.startswith(b"HTTP/1.1 5"), (target[:200], heard[:300])
            assert HELD.encode() not in heard and REMOVED.encode() not in heard, target[:200]
    assert ask(web, f"/api/v1/thread?article={place.article.pk}").status == 200
    assert "Traceback" not in web.output()


def overhear(web: WebProcess, target: str, last_event: str) -> bytes:
    """Return what a stream says at once."""
    heard = b""
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as line, contextlib.suppress(TimeoutError):
        head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: {last_event}\r\nConnection: close\r\n\r\n"
        line.sendall(head.encode("latin-1"))
        heard = line.recv(65_536)
        line.settimeout(0.05)
        while chunk := line.recv(65_536):
            heard += chunk
    return heard
