"""WordPress' way of saying that a page links here: calls of XML-RPC, good and hostile, and their answers."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from articles.models import Article
from comments.models import Comment
from sharing.models import Webmention
from tests.factories import make_article, make_site
from tests.far_side import FarSide, far_side
from tests.mentions import links, look
from tests.unit import corpus
from tests.world import OWN

pytestmark = pytest.mark.django_db


@pytest.fixture
def side() -> Iterator[FarSide]:
    with far_side() as found:
        yield found


@pytest.fixture
def article() -> Article:
    return make_article(make_site("gazette"), path="/story")


def send(body: str | bytes, content_type: str = "text/xml") -> Any:
    return Client().post("/pingback", body, content_type=content_type)


def ping(source: str, target: str) -> Any:
    """Return what the caller's own library makes of the answer: a string, or the code of a fault."""
    answer = send(xmlrpc.client.dumps((source, target), "pingback.ping"))
    return result_of(answer)


def result_of(answer: Any) -> Any:
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/xml; charset=utf-8"), answer.content
    try:
        (text,), _ = xmlrpc.client.loads(answer.content)
    except xmlrpc.client.Fault as fault:
        return fault.faultCode
    return text


def test_a_ping_becomes_a_comment_like_a_webmention(article: Article, side: FarSide) -> None:
    source = side.has("/post", links(article))
    assert "Thank you" in ping(source, article.url)
    assert ping(source, article.url) == 48
    seen = look()
    comment = Comment.objects.get()
    assert (seen.protocol, seen.state) == ("pingback", "taken")
    assert (comment.provider, comment.author_url) == ("webmention", source)
    assert ping(source, article.page_url) == 48


def test_a_page_that_was_refused_may_be_announced_again(article: Article, side: FarSide) -> None:
    source = side.has("/post", "No link.")
    ping(source, article.url)
    assert look().state == "refused"
    side.has("/post", links(article))
    assert isinstance(ping(source, article.url), str)
    assert look().state == "taken" and Comment.objects.count() == 1


def test_faults_have_the_codes_of_the_specification(article: Article, side: FarSide) -> None:
    hidden = make_article(article.site, path="/hidden", visibility="hidden")
    for target in ("https://news.example.org/unknown", "https://elsewhere.example/", hidden.url, "ftp://x/", ""):
        assert ping(side.url + "/x", target) == 33
    for source in ("", "ftp://far.example/", "https://user@far.example/", make_article().page_url):
        assert ping(source, article.url) == 16
    assert not Webmention.objects.exists()


CALL = "<methodCall><methodName>{name}</methodName><params>{params}</params></methodCall>"
STRING = "<param><value><string>{}</string></value></param>"
BAD_CALLS = {
    " ": -32700,
    "no xml": -32700,
    "<a/>": -32700,
    "<methodCall/>": -32601,
    CALL.format(name="system.listMethods", params=""): -32601,
    CALL.format(name="system.multicall", params=STRING.format("x") * 2): -32601,
    CALL.format(name="pingback.ping", params=STRING.format("https://far.example/")): -32602,
    CALL.format(name="pingback.ping", params=STRING.format("x") * 3): -32602,
    CALL.format(name="pingback.ping", params="<param><value><int>1</int></value></param>" * 2): -32602,
    CALL.format(name="pingback.ping", params="<param><value><string><b/></string></value></param>" * 2): -32602,
    '<!DOCTYPE methodCall [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    + CALL.format(name="pingback.ping", params=STRING.format("&x;") * 2): -32700,
    "<!DOCTYPE methodCall SYSTEM 'http://127.0.0.1:9/x.dtd'>"
    + CALL.format(name="pingback.ping", params=STRING.format("x") * 2): -32700,
    CALL.format(name="pingback.ping", params=STRING.format("&unknown;") * 2): -32700,
    "<methodCall>" * 5_000: -32700,
    CALL.format(name="pingback.ping", params=STRING.format("x" * 20_000) * 2): -32700,
}


@pytest.mark.parametrize(("call", "code"), BAD_CALLS.items(), ids=range(len(BAD_CALLS)))
def test_anything_else_is_a_fault(article: Article, call: str, code: int) -> None:
    assert result_of(send(call)) == code
    assert not Webmention.objects.exists()


def test_hostile_documents_are_faults(article: Article) -> None:
    for path in sorted(corpus.folder("xml_bad").iterdir()):
        if 0 < path.stat().st_size < 900_000:
            assert result_of(send(path.read_bytes())) in {-32700, -32601, -32602}, path.name


def test_strings_may_stand_without_their_element_and_in_other_encodings(article: Article, side: FarSide) -> None:
    source = side.has("/post", links(article))
    bare = "".join(f"<param><value>{text}</value></param>" for text in (source, article.url))
    call = "<?xml version='1.0' encoding='iso-8859-1'?>" + CALL.format(name="pingback.ping", params=bare)
    assert isinstance(result_of(send(call.encode("latin-1"), "application/xml; charset=iso-8859-1")), str)


def test_other_types_and_methods_are_refused() -> None:
    assert send("{}", "application/json").status_code == 415
    assert Client().get("/pingback").status_code == 405


def test_article_pages_say_where_to_announce_links(article: Article) -> None:
    page = Client().get(f"/a/{article.pk}")
    endpoint = f"{OWN}/webmention"
    assert f'<link rel="webmention" href="{endpoint}">' in page.content.decode()
    assert page["Link"] == f'<{endpoint}>; rel="webmention"'
    assert page["X-Pingback"] == f"{OWN}/pingback"
    Article.objects.update(comments_open=False)
    page = Client().get(f"/a/{article.pk}")
    assert endpoint not in page.content.decode()
    assert not page.has_header("Link") and not page.has_header("X-Pingback")
