"""Addresses of pages: which spellings are one page, which are none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project.addresses import canonical_origin, canonical_url, web_address
from project.errors import Problem
from tests.unit import corpus


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("http://Example.ORG", "https://example.org/"),
        ("HTTPS://example.org:443/", "https://example.org/"),
        ("http://example.org:80", "https://example.org/"),
        ("http://example.org:8080/a", "https://example.org:8080/a"),
        ("http://example.org:/a", "https://example.org/a"),
        ("http://example.org./a", "https://example.org/a"),
        ("https://example.org/a/", "https://example.org/a"),
        ("https://example.org/a//", "https://example.org/a//"),
        ("https://example.org/A#part", "https://example.org/A"),
        ("https://example.org/%7euser/%c3%a9%2f", "https://example.org/~user/%C3%A9%2F"),
        ("https://example.org/é", "https://example.org/%C3%A9"),
        ("https://example.org/100%", "https://example.org/100%25"),
        ("https://example.org/%%34%31", "https://example.org/%2541"),
        ("https://example.org/a/../b/./c", "https://example.org/b/c"),
        ("https://example.org/../..", "https://example.org/"),
        ("https://example.org/a/%2e%2E/b", "https://example.org/b"),
        ("https://example.org/?", "https://example.org/"),
        ("https://example.org?b=2&a=1&b=", "https://example.org/?b=2&a=1&b="),
        ("https://example.org/?a=B%20c&A=é", "https://example.org/?a=B%20c&A=%C3%A9"),
        ("https://example.org/?utm_source=x&id=5&fbclid=y&UTM_Medium=z", "https://example.org/?id=5"),
        ("https://example.org/?utm%5Fsource=x&aw_ref=1&gclid=2", "https://example.org/"),
        ("https://example.org/?q=utm_source&mutm_x=1", "https://example.org/?q=utm_source&mutm_x=1"),
        ("https://example.org/?a=1&&b=2", "https://example.org/?a=1&&b=2"),
        ("https://München.example/", "https://xn--mnchen-3ya.example/"),
        ("https://xn--mnchen-3ya.example/", "https://xn--mnchen-3ya.example/"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://ｅｘａｍｐｌｅ。org/", "https://example.org/"),
        ("https://[2001:DB8::0:1]:81/a", "https://[2001:db8::1]:81/a"),
        ("http://192.0.2.1/a", "https://192.0.2.1/a"),
        ("http://localhost:4000/a", "https://localhost:4000/a"),
        ("https://foo_bar.example.org/", "https://foo_bar.example.org/"),
        ("https://example.org/a;b=c,d'(e)!$&*+@:", "https://example.org/a;b=c,d'(e)!$&*+@:"),
        ("https://example.org/<script>", "https://example.org/%3Cscript%3E"),
    ],
)
def test_one_page_has_one_canonical_address(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "//example.org/",
        "/path",
        "javascript:alert(1)",
        "ftp://example.org/",
        "https:example.org",
        "https:/example.org",
        "https:///example.org",
        "https://",
        "https://?a",
        "https://user@example.org/",
        "https://user:pass@example.org/",
        "https://a.example\\@b.example/",
        "https://example.org/a b",
        " https://example.org/",
        "https://example.org/\n",
        "https://example.org/\r\nX: 1",
        "https://example.org/\0",
        "https://example.org/\u2028",
        "https://example.org/\ud800",
        "https://exa\tmple.org/",
        "https://example.org:0/",
        "https://example.org:65536/",
        "https://example.org:-1/",
        "https://example.org:８０/",
        "https://example.org:80:80/",
        "https://[::1",
        "https://[::1]x/",
        "https://::1/",
        "https://[127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://127.1/",
        "https://127.0.0.01/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://1.2.3.4.5/",
        "https://example%2eorg/",
        "https://evil.c\u2100.example/",
        "https://a.example\uff0fb/",
        "https://-a.example/",
        "https://a..example/",
        "https://./",
        "https://xn--a/",
        "https://xn--/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 127 + "example/",
        "https://" + "é" * 5_000 + ".example/",
        "https://example.org/?" + "a=1&" * 20_000,
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(url: str) -> None:
    begin = time.perf_counter()
    for read in (canonical_url, web_address, canonical_origin):
        with pytest.raises(Problem) as caught:
            read(url, "page")
        assert caught.value.code == "validation_failed"
        assert [(error["field"], error["code"]) for error in caught.value.errors] == [("page", "url_invalid")]
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize("url", ["https://example.org/" + "a" * 2_000, "https://example.org/" + "é" * 400])
def test_an_address_is_measured_as_it_is_stored(url: str) -> None:
    for read in (canonical_url, web_address):
        with pytest.raises(Problem, match="2000"):
            read(url)
    assert len(canonical_url("https://example.org/" + "a" * 1_980)) == 2_000


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("HTTP://Example.org", "http://example.org/"),
        ("https://example.org:443/a/?utm_source=x#Part", "https://example.org/a/?utm_source=x#Part"),
        ("http://example.org:443/", "http://example.org:443/"),
        ('https://example.org/"x"#"y"', "https://example.org/%22x%22#%22y%22"),
    ],
)
def test_an_address_to_link_to_keeps_what_leads_there(url: str, address: str) -> None:
    assert web_address(url) == address
    assert web_address(address) == address


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://example.org", "example.org"),
        ("http://example.org", "example.org"),
        ("http://EXAMPLE.org:80", "example.org"),
        ("https://example.org:8443/path", "example.org:8443"),
        ("https://münchen.example", "xn--mnchen-3ya.example"),
        ("http://[::1]:4000", "[::1]:4000"),
    ],
)
def test_an_origin_is_host_and_port(url: str, origin: str) -> None:
    assert canonical_origin(url) == origin


@pytest.mark.parametrize("origin", ["null", "example.org", "file://", "https://a@b.example"])
def test_null_and_the_like_are_no_origin(origin: str) -> None:
    with pytest.raises(Problem):
        canonical_origin(origin)


path = st.text("aB0-._~%/2eE4?=&;+é \"'<[\\#:@\u3002", max_size=25)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(["http", "https", "HTTP"]), st.text("aB.é:8[]x-n@%", max_size=12) | st.just("a.example"), path)
def test_canonical_is_canonical_for_ever(scheme: str, host: str, rest: str) -> None:
    url = f"{scheme}://{host}/{rest}"
    try:
        canonical = canonical_url(url)
    except Problem:
        return
    assert canonical_url(canonical) == canonical
    assert canonical.isascii()
    assert canonical_url(url.replace("http", "https", 1) if scheme == "http" else url) == canonical
    assert web_address(web_address(url)) == web_address(url)
    assert canonical_url(web_address(url)) == canonical
    assert canonical_origin(url) == canonical_origin(canonical)


@given(st.text(max_size=60))
def test_no_text_raises_anything_else(url: str) -> None:
    for read in (canonical_url, web_address, canonical_origin):
        try:
            read(url)
        except Problem as problem:
            assert problem.errors[0]["code"] == "url_invalid"


def test_no_form_of_the_redirect_corpus_passes_for_another_host() -> None:
    for row in corpus.rows("urls_redirect.jsonl") + corpus.rows("urls_ssrf.jsonl"):
        try:
            canonical = canonical_url(row["input"])
        except Problem:
            continue
        assert canonical_url(canonical) == canonical, row["id"]
        assert "@" not in canonical.split("/")[2], row["id"]
        assert "\\" not in canonical, row["id"]
        assert canonical_origin(row["input"]) == canonical_origin(canonical), row["id"]
