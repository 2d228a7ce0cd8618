"""Pages and addresses that want to do harm to whoever looks at them: nothing is reached, nothing takes long."""

from __future__ import annotations

import gzip
import re
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.db.models.functions import Now

from articles.models import Article
from comments.models import Comment
from project import markup
from project.http import is_global
from project.pages import fetch_page
from sharing.models import Webmention
from sharing.services import webmentions
from tests.factories import make_article, make_site
from tests.far_side import HTML, FarPage, FarSide, far_side
from tests.mentions import links, look, reply, send
from tests.stub_net import PUBLIC, StubNet
from tests.unit import corpus

pytestmark = pytest.mark.django_db


@pytest.fixture
def side() -> Iterator[FarSide]:
    with far_side() as found:
        yield found


@pytest.fixture
def article() -> Article:
    return make_article(make_site("gazette"), path="/story")


@pytest.fixture
def net(side: FarSide, monkeypatch: pytest.MonkeyPatch) -> StubNet:
    return StubNet(side.server.server_address[1]).take_over(monkeypatch)


def announced(source: str, article: Article) -> None:
    answer = send(source.encode(errors="surrogatepass"), article)  # type: ignore[arg-type]
    assert answer.status_code in {201, 400}, (source, answer.content)


def test_nothing_but_the_internet_is_reached(article: Article, side: FarSide, net: StubNet) -> None:
    rows = [row for row in corpus.rows("urls_ssrf.jsonl") if not row["id"].startswith("resp-")]
    for row in rows:
        source = row["input"].replace("http://redir.test", side.url)
        if target := re.search(r"/30[1278]\?to=(.*)", source):
            path = source.removeprefix(side.url)
            side.has(path.partition("#")[0], "", 302, ("Location", target[1]))
        announced(source, article)
    assert Webmention.objects.count() > 50
    Webmention.objects.update(due_at=Now())
    while webmentions.verify_next() is not None:
        pass
    assert PUBLIC in net.connected and all(map(is_global, net.connected))
    assert not Comment.objects.exists()
    assert set(Webmention.objects.values_list("state", flat=True)) <= {"waiting", "gone", "refused"}
    assert set(Webmention.objects.filter(state="waiting").values_list("says", flat=True)) == {
        "The page could not be fetched."
    }


def test_a_trap_on_this_machine_hears_nothing(article: Article, side: FarSide) -> None:
    heard: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as trap:
        threading.Thread(target=lambda: heard.append(trap.accept()), daemon=True).start()
        port = trap.getsockname()[1]
        hosts = ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0", "localhost", "localhost.", "[::ffff:127.0.0.1]"]
        for host in hosts:
            announced(f"http://{host}:{port}/", article)
            announced(side.has(f"/to-{host}", "", 302, ("Location", f"http://{host}:{port}/")), article)
        Webmention.objects.update(due_at=Now())
        while webmentions.verify_next() is not None:
            pass
        assert len(side.requests()) == len(hosts)
    assert heard == [] and not Comment.objects.exists()


def test_a_private_host_is_told_like_one_that_nobody_has(article: Article, net: StubNet) -> None:
    said = []
    for source in ("http://multi.test/", "http://10.0.0.1/", "http://nxdomain.test/", "http://rebind.test/"):
        assert send(source, article).status_code == 201
        seen = look()
        said.append((seen.state, seen.says, seen.attempts))
        Webmention.objects.update(due_at=None)
    assert len(set(said)) == 1


HUGE = b"<p>" + b"x" * 1_000_000
BOMB = gzip.compress(b"x" * 30_000_000)
TIMES = 10


def hostile_pages(article: Article) -> dict[str, dict[str, Any]]:
    """Return pages that must come to nothing, by what is wrong with them."""
    good = links(article).encode()
    return {
        "ten megabytes": {"body": good + HUGE, "pieces": TIMES},
        "slow": {"body": good, "pieces": 20, "pause": 1.0},
        "packed": {"body": gzip.compress(good), "headers": (HTML, ("Content-Encoding", "gzip"))},
        "a bomb": {"body": BOMB, "headers": (HTML, ("Content-Encoding", "gzip"))},
        "binary": {"body": bytes(range(256)) * 100, "headers": (("Content-Type", "application/octet-stream"),)},
        "an image that links": {"body": good, "headers": (("Content-Type", "image/svg+xml"),)},
        "many headers": {"body": good, "headers": (HTML, *((f"X-{n}", "y") for n in range(300)))},
        "a long header": {"body": good, "headers": (HTML, ("X-Long", "y" * 100_000))},
    }


@pytest.mark.parametrize("what", sorted(hostile_pages(Article(url="https://x.example/"))))
def test_a_hostile_page_comes_to_nothing(
    article: Article, side: FarSide, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "slow":
        monkeypatch.setattr(webmentions, "fetch_page", partial(fetch_page, seconds=1))
    side.pages["/note"] = FarPage(**hostile_pages(article)[what])
    assert send(side.url + "/note", article).status_code == 201
    assert look().state in {"waiting", "refused"}
    assert not Comment.objects.exists()


@pytest.mark.parametrize(
    "page",
    [
        "<div class='h-entry'>" * 20_000 + "{link}",
        "{link}" + "<div class='h-entry'>" * 20_000,
        "{link}" + "<a href=x>" * 50_000,
        "{link}" + "<p class='p-author h-card'>" * 30_000,
        "{link}" + "<table>" * 20_000,
        # Each level would be read three times as often as the one above it.
        "{link}" + "<div class='h-entry p-x e-content'>" * 60 + "<p>x" * 1_000,
        "{link}" + "<div class='vcard hentry entry-content'>" * 40 + "<i class=n>x</i>" * 4_000,
        "<base href='http://[::1'>{link}",
        "{link}" + "&amp;" * 100_000,
        "{link}<div class='h-entry'><time class='dt-published'>" + "9" * 50_000 + "</time></div>",
        "{link}<div class='h-entry'><p class='p-author'>" + "x\u202e" * 50_000 + "</p></div>",
        "{link}\x00\ufffe\x1b<div class='h-entry e-content'>\x00</div>",
    ],
)
def test_odd_trees_are_read_or_refused_without_a_fault(article: Article, side: FarSide, page: str) -> None:
    html = page.replace("{link}", links(article))
    assert send(side.has("/note", html), article).status_code == 201
    assert look().state in {"taken", "refused"}
    for comment in Comment.objects.all():
        assert len(comment.text) < 5_000 and "\x00" not in comment.text and len(comment.author_name) <= 60


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("Grüße".encode("latin-1"), "text/html; charset=iso-8859-1", "Grüße"),
        ("Grüße".encode(), "text/html; charset=does-not-exist", "Grüße"),
        ("Grüße".encode(), "text/html", "Grüße"),
        ("Grüße".encode("latin-1"), "text/html", "Grüße"),
        ("Grüße".encode(), 'text/html; charset="idna"', "Grüße"),
        ("Grüße".encode("utf-16"), "text/html", "Grüße"),
        ("<meta charset=koi8-r>Привет".encode("koi8-r"), "text/html", "Привет"),
        ("Grüße".encode(), "text/html; charset=utf-8; charset=x", "Grüße"),
        ("Gr\ufffde".encode() + b"\xff", "text/html; charset=utf-8", "Gr"),
    ],
)
def test_texts_are_decoded_as_browsers_decode_them(
    article: Article, side: FarSide, body: bytes, kind: str, said: str
) -> None:
    encoding = "utf-16-le" if body[:2] == b"\xff\xfe" else "ascii"
    before, after = reply(article, "<p>|</p>").split("|")
    whole = body[:2] + before.encode(encoding) + body[2:] + after.encode(encoding)
    if encoding == "ascii":
        whole = before.encode() + body + after.encode()
        if body.startswith(b"<meta"):
            whole = body[: body.index(b">") + 1] + before.encode() + body[body.index(b">") + 1 :] + after.encode()
    assert send(side.has("/note", whole, 200, ("Content-Type", kind)), article).status_code == 201
    assert look().state == "taken"
    assert said in Comment.objects.get().text


def test_script_and_markup_of_everybody_is_only_text(article: Article, side: FarSide) -> None:
    for number, row in enumerate(corpus.rows("xss.jsonl")[::7]):
        html = reply(article, row["input"]).replace("Cy Writer", row["input"])
        source = side.has(f"/note-{number}", html.encode(errors="replace"))
        assert send(source, article).status_code == 201
        assert look().state in {"taken", "refused"}
    shown = list(Comment.objects.values_list("html", flat=True))
    assert len(shown) > 5
    for html in shown:
        assert markup.COMMENT.clean(html) == html
