"""Hostile and odd values in every parameter of every public read: refused with a reason, or answered; never a fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from articles.models import Article
from project.errors import CODES
from tests.factories import make_article, make_comment, make_site
from tests.processes import WebProcess

HELD, REMOVED = "quaggaheld", "quaggaremoved"
MAX_QUERIES = 12

PAGE = ("site", "url", "identifier", "article")
# Parameters of every public read, by its address; `A` and `C` stand for an article and a comment that are there.
READS: dict[str, tuple[str, ...]] = {
    "/api/v1/thread": (*PAGE, "sort", "cursor", "limit", "at_least"),
    "/api/v1/thread/changes": (*PAGE, "since"),
    "/api/v1/thread/mine": PAGE,
    "/api/v1/comments/C": ("cursor",),
    "/api/v1/comments/C/replies": ("cursor", "limit"),
    "/api/v1/counts": ("site", "url"),
    "/api/v1/recent": ("site", "limit"),
    "/api/v1/search": ("site", "q", "cursor", "limit"),
    "/api/v1/most-discussed": ("site", "days", "limit"),
    "/api/v1/most-shared": ("site", "days", "limit"),
    "/api/v1/articles/A/share-links": ("comment",),
    "/api/v1/share-links": ("site", "url", "identifier", "comment"),
    "/shariff": ("url",),
    "/a/A": ("sort", "provider", "cursor", "comment", "branch", "at_least"),
}
EVERYWHERE = [(path, name) for path, names in READS.items() for name in names]

VALUES = [
    *("", " ", "0", "-1", "+1", "1.0", "1e3", "0x10", "NaN", "Infinity", "null", "None", "true", "[]", "{}", "١٢"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 5_000, "1" + "0" * 400),
    *("\x00", "a\x00b", "\x01\x1b\x7f", "\x85\x9f", "\r\nSet-Cookie: x=1", "\u2028\u2029", "\ufeff", "\ufffe\uffff"),
    *(
        "\u202etxt",
        "\u200b",
        "\u0301" * 500,
        "e" + "\u0301" * 2_000,
        "ﷺ" * 200,
        "👨‍👩‍👧",
        "\U0010ffff",
        "\ud800",
        "\udfff\ud800",
    ),
    *(
        "'",
        "''",
        '"',
        '"' * 200,
        "\\",
        "\\'",
        "%",
        "%%",
        "%s",
        "%(site)s",
        "_%_",
        ";--",
        "' OR '1'='1",
        "$$",
        "$1",
        "{0}",
    ),
    *(
        "a & b",
        "a | b",
        "!a",
        "a <-> b",
        "a:*",
        "'a':1A",
        "a <2> b",
        "(((",
        ")))",
        "-" * 200,
        "- - -",
        '-"',
        '"-',
        "@1",
    ),
    *(
        "<script>alert(1)</script>",
        "<mark>",
        "&lt;",
        "javascript:alert(1)",
        "//evil.example",
        "http://[::1",
        "http://a@b:99999",
    ),
    *("http://" + "a" * 3_000, "http://xn--a.example/", "http://news.example.org/" + "../" * 300, "file:///etc/passwd"),
    *("newest", "BEST", "best ", "native", "nosuch", HELD, REMOVED, "AAAA", "A" * 2_001, "=" * 50, "é" * 10),
    *("x" * 20_000, "漢" * 5_000, "a " * 5_000, "a-" * 100, "中" * 200, "(" * 200, " or " * 50),
]
# Queries as bytes, where there is more to get wrong than a value.
RAW = [
    *(
        "%",
        "%zz",
        "%00",
        "site=%00",
        "site=%ff",
        "site=%c3%28",
        "site=%ed%a0%80",
        "&&&",
        "=",
        "==",
        "site",
        "site&site",
    ),
    *(
        "site[]=x",
        "site.slug=x",
        "site=here&site=elsewhere",
        "limit=1&limit=x",
        "q=a&q=%00",
        "?site=here",
        "#",
        "a=" + "b" * 9_000,
    ),
    "&".join(f"p{number}=1" for number in range(2_000)),
    "&".join(["url=x"] * 101),
]
PATHS = [
    *("/api/v1/comments/0", "/api/v1/comments/-1", "/api/v1/comments/x", "/api/v1/comments/9223372036854775808"),
    *("/api/v1/comments/" + "9" * 4_000, "/api/v1/comments/1%00", "/api/v1/comments/٣", "/api/v1/comments/1/replies/"),
    *(
        "/a/0",
        "/a/" + "9" * 400,
        "/a/x",
        "/api/v1/articles/99999999999999999999/share-links",
        "/api/v1/search/",
        "/api/v1/%ff",
    ),
]


def address(path: str, **values: str) -> str:
    query = "&".join(
        f"{name}={quote_from_bytes(value.encode('utf-8', 'surrogatepass'))}" for name, value in values.items()
    )
    return f"{path}?{query}"


def usual(article: Article, path: str, name: str) -> dict[str, str]:
    """Return what makes a request whole beside the parameter that is tried."""
    values = {"site": article.site.slug}
    if name not in ("url", "identifier", "article"):
        values["url"] = article.url
    return values | {"q": "said", "since": "0"} if path.startswith("/api/") else {}


def requests(article: Article, comment: int, tries: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    for path, name, value in tries:
        whole = usual(article, path, name) | {name: value}
        yield address(path.replace("/A", f"/{article.pk}").replace("/C", f"/{comment}"), **whole)


def check(where: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Fail unless the answer is one of those that a client may be given."""
    where = where[:300]
    assert status < 500, (where, body[:500])
    assert "Set-Cookie" not in headers, where
    # A page or an answer may repeat the address that was asked for.
    text = body.decode()
    if HELD not in where and REMOVED not in where:
        assert HELD not in text and REMOVED not in text, where
    assert "Traceback" not in text, where
    if status >= 400 and where.startswith("/api/"):
        assert headers["Content-Type"] == "application/problem+json", where
        problem = json.loads(text)
        assert (problem["code"] in CODES, problem["status"]) == (True, status), where
    if status >= 400:
        assert headers["Cache-Control"] == "no-store", where


@pytest.fixture
def article() -> Article:
    """An article with a comment, a held and a removed one, whose words nobody may see."""
    article = make_article(make_site("here"), identifier="one")
    parent = make_comment(article, body="Well said.")
    make_comment(article, parent, body="A reply.")
    make_comment(article, body=HELD, status="pending", author_name=HELD)
    hidden = make_comment(article, body=REMOVED, status="removed", author_name=REMOVED)
    make_comment(article, hidden, body="An answer to what is gone.")
    return article


@pytest.fixture
def ask(client: Client) -> Callable[[str], None]:
    def ask(where: str) -> None:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(where)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert len(queries) <= MAX_QUERIES, where
        check(
            where, answer.status_code, dict(answer.headers) | ({"Set-Cookie": "x"} if answer.cookies else {}), content
        )

    return ask


def first_comment(article: Article) -> int:
    return int(article.comments.order_by("pk").values_list("pk", flat=True)[0])


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "name"), EVERYWHERE)
def test_odd_values_in_each_parameter(article: Article, ask: Callable[[str], None], path: str, name: str) -> None:
    for where in requests(article, first_comment(article), ((path, name, value) for value in VALUES)):
        ask(where)


@pytest.mark.django_db
@pytest.mark.parametrize("path", READS)
def test_odd_queries(article: Article, ask: Callable[[str], None], path: str) -> None:
    path = path.replace("/A", f"/{article.pk}").replace("/C", f"/{first_comment(article)}")
    for raw in RAW:
        ask(f"{path}?{raw}")


@pytest.mark.django_db
def test_odd_paths(article: Article, ask: Callable[[str], None]) -> None:
    for path in PATHS:
        ask(path)


@pytest.mark.django_db
def test_counts_by_post_take_odd_values(article: Article, client: Client) -> None:
    bodies: list[Any] = [[], 1, None, "x", {}, {"site": 1, "urls": []}, {"site": "here", "urls": {}}]
    bodies += [{"site": "here", "urls": [value]} for value in (*VALUES, 1, None, [], {})]
    bodies += [{"site": value, "urls": ["x"]} for value in VALUES]
    for body in bodies:
        answer = client.post("/api/v1/counts", json.dumps(body), content_type="application/json")
        check(f"/api/v1/counts {body}", answer.status_code, dict(answer.headers), answer.content)


@pytest.mark.django_db
def test_hidden_words_are_nowhere(article: Article, client: Client) -> None:
    """Search finds the public comment beside them, and neither of them by whatever word."""
    for q, count in (("said", 1), ("answer", 1), (HELD, 0), (REMOVED, 0), (f"-{HELD} said", 1)):
        answer = client.get("/api/v1/search", {"site": "here", "q": q})
        assert len(answer.json()["results"]) == count, q
        assert HELD.encode() not in answer.content and REMOVED.encode() not in answer.content


def shared_values(shared_data: Path) -> list[str]:
    """Return every input of the corpus that can stand in a query."""
    found = []
    for file in sorted((shared_data / "badinput").glob("*.jsonl")):
        found += [json.loads(line)["input"] for line in file.read_text(encoding="utf-8").splitlines()]
    return [value for value in found if isinstance(value, str)]


@pytest.mark.django_db
def test_the_shared_corpus(article: Article, ask: Callable[[str], None], shared_data: Path) -> None:
    """Each input in two places, and so each place with some sixty of them."""
    values = shared_values(shared_data)
    assert len(values) > 1_000
    places = cycle(EVERYWHERE)
    tries = ((path, name, value) for value in values for path, name in islice(places, 2))
    for where in requests(article, first_comment(article), tries):
        ask(where)


@pytest.mark.django_db(transaction=True)
def test_a_real_web_server_stands_it(article: Article, make_web: Callable[..., WebProcess]) -> None:
    web = make_web(RATE_LIMITS="off")
    comment = first_comment(article)
    tries = [(*place, value) for place, value in zip(cycle(EVERYWHERE), VALUES * 5, strict=False)]
    wheres = [*requests(article, comment, tries), *PATHS[:6]]
    wheres += [f"{path}?{raw}" for path in ("/api/v1/thread", "/api/v1/search") for raw in RAW]
    for where in wheres:
        if not where.isascii() or len(where) > 60_000:
            continue
        answer = web.get(where)
        check(where, answer.status, {name.title(): value for name, value in answer.headers.items()}, answer.body)
    assert web.get(address("/api/v1/search", site="here", q="said")).status == 200
