"""Nothing that a client sends splits the store of answers, poisons it, or gets another's bytes out of it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

from articles.models import Article
from tests.factories import make_article, make_comment, make_site
from tests.processes import WebProcess, wait_until
from tests.webs import ANSWERS, BUILDS, ENTRIES, Headers, Reply, ask, numbers_after, write

pytestmark = pytest.mark.live

FRESH = "public, max-age=0, s-maxage=1, must-revalidate"
# Some pages of a newspaper: long enough to be worth compressing.
LONG = "Grüße aus 東京 & <anywhere>, with *some* emphasis. " * 40


@pytest.fixture
def web(make_web: Callable[..., WebProcess]) -> WebProcess:
    return make_web(RATE_LIMITS="off")


@pytest.fixture
def article(transactional_db: None) -> Article:
    site = make_site("the-site")
    article = make_article(site, path="/grüße?b=2&a=1", identifier="n 1/2")
    make_comment(article, make_comment(article, body=LONG), body="A reply.")
    return article


def of_id(article: Article) -> str:
    return f"/api/v1/thread?article={article.pk}"


def of_url(article: Article, url: str = "") -> str:
    return f"/api/v1/thread?site=the-site&url={quote(url or article.url, safe='')}"


def assert_clean(answer: Reply, plain: bytes) -> None:
    """Check everything about an ordinary answer to an ordinary reader."""
    assert answer.status == 200
    assert answer.plain == plain
    assert answer.header("cache-control") == FRESH
    assert answer.header("vary") == "Accept-Encoding"
    assert answer.header("content-type") == "application/json"
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("set-cookie") is None
    assert answer.header("access-control-allow-credentials") is None
    assert answer.header("x-content-type-options") == "nosniff"
    etag = answer.header("etag") or ""
    assert etag.startswith('"') and etag.endswith('"') and len(etag) > 20


def equal_requests(article: Article) -> list[str]:
    """Spellings of one request for one page of one thread."""
    by_id, by_url = of_id(article), of_url(article)
    escaped = quote(article.url, safe="")
    lower = "".join(part.lower() if part.startswith("%") else part for part in _escapes(escaped))
    return [
        f"{by_id}&utm_source=mail&utm_campaign=x",
        f"{by_id}&fbclid=1234",
        f"/api/v1/thread?utm_source=a&article={article.pk}",
        f"{by_id}&nonsense=1&nonsense=2&=&&",
        f"{by_id}&callback=alert(1)",
        f"{by_id}&_=1700000000",
        f"/api/v1/thread?%61rticle={article.pk}",
        f"/api/v1/%74hread?article={article.pk}",
        f"{by_id}&%23fragment",
        f"/api/v1/thread?article=999999999&article={article.pk}",
        f"/api/v1/thread?url={escaped}&site=the-site",
        f"{by_url}&junk={'x' * 2_000}",
        f"/api/v1/thread?site=the-site&url={lower}",
        of_url(article, article.url + "&utm_medium=social&fbclid=abc"),
        of_url(article, article.url + "#comment-1"),
        of_url(article, article.url.replace("https:", "http:")),
        of_url(article, article.url.replace("https://news", "HTTPS://NEWS")),
        of_url(article, article.url.replace("/gr", ":443/gr", 1)),
    ]


def _escapes(text: str) -> list[str]:
    """Cut a text into its percent-escapes and what is between them."""
    parts: list[str] = []
    rest = text
    while rest:
        if rest[0] == "%":
            parts.append(rest[:3])
            rest = rest[3:]
        else:
            head, sign, tail = rest.partition("%")
            parts.append(head)
            rest = sign + tail
    return parts


def test_spellings_of_one_request_share_one_answer(web: WebProcess, article: Article) -> None:
    plain = ask(web, of_id(article)).body
    by_url = ask(web, of_url(article)).body
    assert plain == by_url
    before = numbers_after(web, dict.fromkeys([ANSWERS], 0.0), 2)
    targets = equal_requests(article)
    for target in targets * 2:
        assert_clean(ask(web, target), plain)
    rose = numbers_after(web, before, 2 * len(targets))
    # Versions are read again and again meanwhile, which builds nothing; one second is none of the reasons to build.
    assert (rose[ENTRIES], rose[BUILDS]) == (0, 0)


def test_junk_without_end_grows_nothing(web: WebProcess, article: Article) -> None:
    plain = ask(web, of_id(article)).body
    before = numbers_after(web, dict.fromkeys([ANSWERS], 0.0), 1)
    for number in range(300):
        assert ask(web, f"{of_id(article)}&utm_content={number}&{number}={'x' * 500}").body == plain
    rose = numbers_after(web, before, 300)
    assert (rose[ENTRIES], rose[BUILDS]) == (0, 0)


def test_different_requests_do_not_share(web: WebProcess, article: Article) -> None:
    targets = [
        of_id(article),
        f"{of_id(article)}&sort=oldest&limit=1",
        f"/api/v1/thread/changes?article={article.pk}&since=1",
        f"/api/v1/thread/changes?article={article.pk}&since=0",
        f"/api/v1/comments/{article.comments.earliest('pk').pk}",
        f"/api/v1/comments/{article.comments.earliest('pk').pk}/replies",
        f"/api/v1/counts?site=the-site&url={quote(article.url, safe='')}",
        "/api/v1/recent?site=the-site",
    ]
    first = [ask(web, target).plain for target in targets]
    assert len(set(first)) == len(targets)
    assert [ask(web, target).plain for target in targets] == first


ODD: list[Headers] = [
    [("Host", "evil.example")],
    [("Host", "evil.example:99"), ("X-Forwarded-Host", "worse.example")],
    [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "host=evil.example")],
    [("X-Forwarded-Prefix", "/evil"), ("X-Original-URL", "/admin/"), ("X-Rewrite-URL", "/admin/")],
    [("X-HTTP-Method-Override", "DELETE")],
    [("Cookie", "sessionid=abc; csrftoken=def; django_language=de")],
    [("Authorization", "Bearer awk_false")],
    [("Authorization", "Basic Zm9vOmJhcg==")],
    [("X-Afterword-Voter", "awv_x"), ("X-Afterword-Edit-Tokens", "awe_1.x,awe_2.y")],
    [("Origin", "https://evil.example")],
    [("Origin", "null")],
    [("Accept", "text/html;q=1, application/xml"), ("Accept-Language", "de, fr;q=0.1")],
    [("Accept", "image/png")],
    [("Range", "bytes=0-3")],
    [("Range", "bytes=999999-"), ("If-Range", '"x"')],
    [("If-Modified-Since", "Thu, 01 Jan 2037 00:00:00 GMT")],
    [("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")],
    [("If-Match", '"nothing"')],
    [("Cache-Control", "no-cache, only-if-cached"), ("Pragma", "no-cache")],
    [("Content-Type", "application/json"), ("Expect", "")],
    [("X-Junk", "j" * 8_000)],
    [(f"X-Junk-{number}", "j" * 100) for number in range(60)],
    [("Accept-Encoding", "\xff\xfe, gzip;q=banana, ;;;,,")],
    [("Accept-Encoding", "a" * 6_000)],
    [("If-None-Match", '"broken')],
    [("If-None-Match", "\xff" * 100)],
    [("If-None-Match", "," * 2_000)],
    [("If-None-Match", '"' + "a" * 6_000 + '"')],
]


@pytest.mark.parametrize("is_first", [True, False], ids=["to an empty store", "to a full store"])
def test_odd_headers_poison_nothing(web: WebProcess, article: Article, is_first: bool) -> None:
    """What an odd request is answered is its own affair (never 5xx, never a cookie); the next reader gets hers."""
    root = article.comments.earliest("pk")
    plain_of = {number: f"/api/v1/thread?article={article.pk}&limit={number + 1}" for number in range(len(ODD))}
    for number, headers in enumerate(ODD):
        target = plain_of[number] if is_first else of_id(article)
        if not is_first:
            ask(web, target)
        answer = ask(web, target, headers)
        assert answer.status < 500, headers
        assert answer.header("set-cookie") is None
        assert "evil" not in str(answer.headers) + answer.body.decode("latin-1"), headers
        ordinary = ask(web, target)
        assert_clean(ordinary, ordinary.body)
        assert ordinary.json()["comments"][0]["id"] == root.pk
        assert ordinary.json()["comments"][0]["permalink"] == f"{article.url}#comment-{root.pk}"


# Accept-Encoding -> the codings that may be answered; None is the plain body.
CODINGS: list[tuple[str, set[str | None]]] = [
    ("", {None}),
    ("identity", {None}),
    ("gzip", {"gzip"}),
    ("GZIP", {"gzip"}),
    ("x-gzip", {"gzip", None}),
    ("deflate, gzip;q=1.0, *;q=0.5", {"gzip", "br"}),
    ("br", {"br", None}),
    ("gzip, deflate, br, zstd", {"gzip", "br"}),
    ("gzip;q=0", {None}),
    ("gzip;q=0.", {None}),
    ("gzip;q=0.000, br;q=0.000", {None}),
    ("gzip ; q=0 , identity", {None}),
    ("gzip;Q=0", {None}),
    ("gzip;q=0.001", {"gzip", None}),
    ("br;q=0, gzip", {"gzip"}),
    ("*", {"gzip", "br", None}),
    ("*;q=0", {None}),
    ("gzip;q=0, *", {"br", None}),
    ("*, gzip;q=0, br;q=0", {None}),
    ("identity;q=0, gzip", {"gzip"}),
    ("gzipped, brother", {None}),
    ("deflate", {None}),
    ("gzip;q=2", {"gzip", None}),
    ("gzip;q=", {"gzip", None}),
    ("gzip;q=-1", {"gzip", None}),
]


def test_only_a_coding_that_was_asked_for(web: WebProcess, article: Article) -> None:
    plain = ask(web, of_id(article)).body
    assert len(plain) > 1_000
    wrong = []
    for sent, codings in CODINGS:
        answer = ask(web, of_id(article), [("Accept-Encoding", sent)])
        assert_clean(answer, plain)
        if answer.header("content-encoding") not in codings:
            wrong.append((sent, answer.header("content-encoding")))
    assert wrong == []


def test_each_coding_has_a_tag_of_its_own_and_any_of_them_spares_the_body(web: WebProcess, article: Article) -> None:
    target = of_id(article)
    # Brotli comes to an answer that has settled, and stays.
    wait_until(lambda: ask(web, target, [("Accept-Encoding", "br")]).header("content-encoding") == "br", "brotli", 10)
    whole = {coding: ask(web, target, [("Accept-Encoding", coding)]) for coding in ("identity", "gzip", "br")}
    tags = {coding: answer.header("etag") or "" for coding, answer in whole.items()}
    assert len(set(tags.values())) == 3
    assert len({answer.plain for answer in whole.values()}) == 1
    assert len(whole["br"].body) < len(whole["gzip"].body) < len(whole["identity"].body)
    for coding, tag in tags.items():
        assert ask(web, target, [("Accept-Encoding", coding)]).header("etag") == tag
        for condition in (tag, f"W/{tag}", f'"other", {tag}', f'W/"x",{tag} , "y"', "*", f'"a,b", {tag}'):
            answer = ask(web, target, [("Accept-Encoding", coding), ("If-None-Match", condition)])
            assert (answer.status, answer.body) == (304, b""), condition
            assert answer.header("etag") in tags.values()
            assert answer.header("cache-control") == FRESH
            assert answer.header("vary") == "Accept-Encoding"
            assert answer.header("content-encoding") is None
            assert answer.header("access-control-allow-origin") == "*"


def test_what_is_not_our_tag_gets_the_body(web: WebProcess, article: Article) -> None:
    plain = ask(web, of_id(article)).body
    tag = (ask(web, of_id(article)).header("etag") or "").strip('"')
    for condition in (
        '"other"',
        tag,
        f'"{tag}',
        f'{tag}"',
        f"'{tag}'",
        f'"{tag}x"',
        f'w/"{tag}"',
        f'"x{tag}"',
        '"*"',
        "",
    ):
        assert_clean(ask(web, of_id(article), [("If-None-Match", condition)]), plain)


def test_after_a_change_the_old_tag_gets_the_new_body(web: WebProcess, article: Article) -> None:
    old = ask(web, of_id(article)).header("etag") or ""
    version = write(
        web, "POST", "/api/v1/comments", {"article": article.pk, "body": "New.", "author": {"name": "Dora"}}
    )
    target = f"{of_id(article)}&at_least={version['version']}"
    answer = ask(web, target, [("If-None-Match", old)])
    assert (answer.status, "New." in answer.text) == (200, True)


def test_head_is_get_without_the_body(web: WebProcess, article: Article) -> None:
    for target in (of_id(article), f"/api/v1/counts?site=the-site&url={quote(article.url, safe='')}"):
        for _ in range(2):
            head = ask(web, target, [("Accept-Encoding", "gzip")], method="HEAD")
            get = ask(web, target, [("Accept-Encoding", "gzip")])
            assert (head.status, head.body) == (200, b"")
            dated = {"date", "connection", "server"}
            assert dict(h for h in head.headers if h[0] not in dated) == dict(
                h for h in get.headers if h[0] not in dated
            )
    assert ask(web, "/api/v1/thread?article=999999999", method="HEAD").status == 404


def test_other_methods_are_answered_as_ever(web: WebProcess, article: Article) -> None:
    ask(web, of_id(article))
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
        answer = ask(web, of_id(article), method=method)
        assert answer.status in {400, 403, 405, 501}, method
    options = ask(web, of_id(article), method="OPTIONS")
    assert (options.status, options.header("access-control-allow-methods")) == (204, "GET, HEAD")


def test_counts_by_post_are_the_counts_and_are_kept_by_nobody_else(web: WebProcess, article: Article) -> None:
    json = [("Content-Type", "application/json")]
    by_get = ask(web, f"/api/v1/counts?site=the-site&url={quote(article.url, safe='')}").json()
    body = f'{{"site": "the-site", "urls": ["{article.url}"]}}'.encode()
    for _ in range(3):
        answer = ask(web, "/api/v1/counts", json, method="POST", body=body)
        assert (answer.status, answer.json(), answer.header("cache-control")) == (200, by_get, "no-store")
    for broken in (
        b"",
        b"{",
        b"[]",
        b'{"site": 1}',
        b'{"site": "the-site", "urls": "x"}',
        b'{"site":"the-site","urls":[1]}',
    ):
        assert ask(web, "/api/v1/counts", json, method="POST", body=broken).status == 400
    assert ask(web, "/api/v1/counts", [("Content-Type", "text/plain")], method="POST", body=body).status == 415
    duplicate = b'{"site": "the-site", "urls": [], "urls": ["https://news.example.org/x"]}'
    assert ask(web, "/api/v1/counts", json, method="POST", body=duplicate).status < 500


def test_addresses_are_repeated_as_each_reader_spelt_them(web: WebProcess, article: Article) -> None:
    """One page, two spellings, in counts: each is told her own."""
    spellings = [article.url, f"{article.url}#top", article.url.replace("https", "http"), f"{article.url}&utm_source=x"]
    for _ in range(3):
        for url in spellings:
            answer = ask(web, f"/api/v1/counts?site=the-site&url={quote(url, safe='')}")
            assert [one["url"] for one in answer.json()["counts"]] == [url]
            assert answer.json()["counts"][0]["total"] == 2
    both = "&".join(f"url={quote(url, safe='')}" for url in spellings)
    assert [one["url"] for one in ask(web, f"/api/v1/counts?site=the-site&{both}").json()["counts"]] == spellings


def test_an_unknown_page_repeats_the_address_that_was_asked_for(web: WebProcess, article: Article) -> None:
    plain, other = "https://news.example.org/new", "http://news.example.org/new?utm_source=y"
    for _ in range(3):
        for url in (plain, other):
            answer = ask(web, f"/api/v1/thread?site=the-site&url={quote(url, safe='')}")
            assert (answer.status, answer.json()["version"]) == (200, 0)
            assert answer.json()["article"]["url"] == url


def test_bad_requests_are_refused_again_and_again(web: WebProcess, article: Article) -> None:
    """A refusal is nobody's answer but of the request that deserved it."""
    escaped = quote(article.url, safe="")
    bad = {
        "/api/v1/thread": 400,
        "/api/v1/thread?article=x": 400,
        "/api/v1/thread?article=99999999999999999999999": 400,
        "/api/v1/thread?article=%00": 400,
        "/api/v1/thread?article=%ff": 400,
        f"{of_id(article)}&limit=0": 400,
        f"{of_id(article)}&limit=101": 400,
        f"{of_id(article)}&sort=worst": 400,
        f"{of_id(article)}&cursor=zzz": 400,
        f"/api/v1/thread?site=no-such-site&url={escaped}": 404,
        "/api/v1/thread?site=the-site&url=https://elsewhere.example/x": 403,
        "/api/v1/thread?site=the-site&url=javascript:alert(1)": 400,
        "/api/v1/thread?site=the-site&identifier=unheard-of": 404,
        "/api/v1/comments/999999999": 404,
        "/api/v1/comments/99999999999999999999999999999": 404,
        "/api/v1/recent": 400,
        "/api/v1/counts?site=the-site": 400,
        f"/api/v1/counts?site=the-site{'&url=x' * 101}": 400,
        f"/api/v1/thread/changes?article={article.pk}": 400,
        f"/api/v1/thread/changes?article={article.pk}&since=99": 410,
    }
    for _ in range(2):
        found = {target: ask(web, target) for target in bad}
        assert {target: answer.status for target, answer in found.items()} == bad
        for answer in found.values():
            assert answer.header("content-type") == "application/problem+json"
            assert answer.header("cache-control") == "no-store"
            assert answer.header("access-control-allow-origin") == "*"


def test_buttons_are_kept_for_all_and_tell_of_a_share_soon(web: WebProcess, article: Article) -> None:
    path = f"/api/v1/articles/{article.pk}/share-links"
    first = ask(web, path)
    before = numbers_after(web, dict.fromkeys([ANSWERS], 0.0), 1)
    for number in range(20):
        assert_clean(ask(web, f"{path}?utm_source=n{number}"), first.plain)
    rose = numbers_after(web, before, 20)
    assert rose[ENTRIES] <= 0
    assert ask(web, path, [("If-None-Match", first.header("etag") or "")]).status == 304
    write(web, "POST", "/api/v1/shares", {"article": article.pk, "network": "copy"})
    wait_until(lambda: ask(web, path).json()["counts"] == {"copy": 1}, "the buttons to tell of a share", 30)
