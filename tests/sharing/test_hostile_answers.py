"""Servers that answer in bad faith, one for each row `resp-…` of the shared corpus, and a worker that reads mentions.

What a worker does with such an answer is bounded in time and bytes, and ends in a verdict; then it takes the next one.
"""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest

from articles.models import Article
from comments.models import Comment
from project import http as client
from project.pages import fetch_page
from sharing.models import Webmention
from sharing.services import webmentions
from tests.channel_server import certificates
from tests.factories import make_article, make_site
from tests.mentions import links, look, reply, send
from tests.unit import corpus

pytestmark = pytest.mark.django_db

HOST, INSIDE = "far.example", "10.0.0.1"
OK = b"HTTP/1.1 200 OK\r\n"
HTML = b"Content-Type: text/html; charset=utf-8\r\n"
# More than a worker may want to read, in pieces.
MUCH = 64_000_000
PIECE = b"x" * 65_536
Says = Callable[[bytes], Iterable[bytes]]


class RawServer:
    """Sends whatever pieces `says` yields for the request, until the other side has had enough."""

    def __init__(self, says: Says, chain: Path | None = None) -> None:
        self.says = says
        self.requests: list[bytes] = []
        self.sent = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if chain else None
        if self.context and chain:
            self.context.load_cert_chain(chain)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        try:
            with self.context.wrap_socket(line, server_side=True) if self.context else line as open_line:
                request = open_line.recv(65_536)
                self.requests.append(request)
                for piece in self.says(request):
                    open_line.sendall(piece)
                    self.sent += len(piece)
        except OSError:
            return


Serve = Callable[..., RawServer]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Return a function that puts a server behind HOST; a whole answer may take a second."""
    made: list[RawServer] = []
    monkeypatch.setattr(webmentions, "fetch_page", partial(fetch_page, seconds=1.5))

    def start(says: Says, chain: Path | None = None) -> RawServer:
        made.append(RawServer(says, chain))
        monkeypatch.setitem(client.stands_for, HOST, f"127.0.0.1:{made[-1].port}")
        return made[-1]

    yield start
    for server in made:
        server.listener.close()


@pytest.fixture
def article() -> Article:
    return make_article(make_site("gazette"), path="/story")


def announced(article: Article, scheme: str = "http") -> Webmention:
    assert send(f"{scheme}://{HOST}/note", article).status_code == 201
    return look()


def page(html: str | bytes, *headers: bytes) -> Says:
    body = html.encode() if isinstance(html, str) else html
    lines = b"".join(headers or (HTML,))
    return lambda _: [OK + lines + b"Content-Length: %d\r\n\r\n" % len(body), body]


def endless(head: bytes, piece: bytes = PIECE, pause: float = 0.0) -> Says:
    def pieces(_: bytes) -> Iterator[bytes]:
        yield head
        for _number in range(MUCH // len(piece)):
            yield piece
            time.sleep(pause)

    return pieces


class TestBounds:
    """Rows 1 to 6: what never ends, and what says another length than it has."""

    @pytest.mark.parametrize(
        ("row", "head", "piece", "pause"),
        [
            ("resp-001", OK + HTML + b"\r\n", PIECE, 0.0),
            ("resp-001 in chunks", OK + HTML + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n%b\r\n" % PIECE, 0.0),
            ("resp-003", OK + HTML + b"Content-Length: 10\r\n\r\n", PIECE, 0.0),
            ("resp-004", OK + HTML + b"\r\n", b"x", 0.2),
            ("resp-005", b"", b"", 0.0),
            ("resp-006", OK, b"X-More: yes\r\n", 0.0),
            ("resp-006 slowly", OK, b"X-More: yes\r\n", 0.2),
            ("resp-006 in one line", OK + b"X-Long: ", PIECE, 0.0),
        ],
    )
    def test_reading_ends(
        self, article: Article, serve: Serve, row: str, head: bytes, piece: bytes, pause: float
    ) -> None:
        gone = threading.Event()
        silent: Says = lambda _: iter([b""] if gone.wait(30) else [])  # noqa: E731
        server = serve(endless(head, piece, pause) if piece else silent)
        seen = announced(article)
        gone.set()
        assert seen.state in {"waiting", "refused"} and not Comment.objects.exists(), row
        # The caps, and what a kernel holds of a connection that nobody reads any more.
        assert server.sent < 20_000_000
        if seen.state == "waiting":
            serve(page(links(article)))
            assert look().state == "taken", "the worker is free again"

    def test_what_is_packed_is_not_unpacked(self, article: Article, serve: Serve) -> None:
        """Row 2."""
        bomb = gzip.compress(gzip.compress(links(article).encode() + b"\0" * 10_000_000))
        serve(page(bomb, HTML, b"Content-Encoding: gzip\r\n"))
        assert announced(article).state == "waiting"
        assert not Comment.objects.exists()


class TestTypes:
    """Rows 7 to 10."""

    def test_a_picture_is_no_page(self, article: Article, serve: Serve) -> None:
        serve(page(links(article), b"Content-Type: image/png\r\n"))
        assert announced(article).state == "refused"

    def test_what_has_no_type_is_not_guessed_to_be_html(self, article: Article, serve: Serve) -> None:
        serve(page(reply(article, "<b>bold</b>"), b"X-Nothing: said\r\n"))
        assert announced(article).state == "refused" and not Comment.objects.exists()

    @pytest.mark.parametrize(
        "charset", ["utf-7", "does-not-exist", "x" * 5_000, '"', "rot13", "zlib_codec", "undefined"]
    )
    def test_odd_encodings_are_read_as_text(self, article: Article, serve: Serve, charset: str) -> None:
        shift = "+ADw-script+AD4-alert(1)+ADw-/script+AD4-"
        serve(page(reply(article, f"Grüße {shift}"), b"Content-Type: text/html; charset=%b\r\n" % charset.encode()))
        assert announced(article).state == "taken"
        comment = Comment.objects.get()
        assert "<script" not in comment.html and "+ADw-" in comment.text


class TestPages:
    """Rows 11 to 16: documents that want more than to be read."""

    def test_deep_trees_end(self, article: Article, serve: Serve) -> None:
        serve(page(links(article) + "<div>" * 100_000))
        assert announced(article).state in {"taken", "refused"}

    def test_a_title_is_text(self, article: Article, serve: Serve) -> None:
        serve(page(links(article).replace("A note", "&lt;script&gt;alert(1)&lt;/script&gt;")))
        assert announced(article).state == "taken"
        assert "<script" not in Comment.objects.get().html

    def test_no_picture_and_no_other_address_of_a_page_is_asked_for(self, article: Article, serve: Serve) -> None:
        other = make_article(make_site("other"), path="/elsewhere")
        head = (
            f'<meta property="og:image" content="http://{INSIDE}/i.png"><link rel="canonical" href="{other.url}">'
            f'<base href="http://{INSIDE}/"><img src="http://{INSIDE}/p.png">'
        )
        server = serve(page(head + reply(article, f'Words <img src="http://{INSIDE}/q.png">')))
        assert announced(article).state == "taken"
        comment = Comment.objects.get()
        assert comment.article_id == article.pk and len(server.requests) == 1
        assert INSIDE not in comment.html and INSIDE not in comment.author_url

    @pytest.mark.parametrize(
        "html",
        [
            "<p>Nothing of it.</p>",
            "<!-- <a href='{url}'>x</a> -->",
            "<script>var a = \"<a href='{url}'>x</a>\"</script>",
            "<style>/* <a href='{url}'>x</a> */</style>",
            "<template><a href='{url}'>x</a></template>",
            "<textarea><a href='{url}'>x</a></textarea>",
            "<p>{url}</p>",
        ],
    )
    def test_only_a_link_is_a_link(self, article: Article, serve: Serve, html: str) -> None:
        serve(page(html.replace("{url}", article.url)))
        assert announced(article).state == "refused" and not Comment.objects.exists()


class TestClient:
    """Rows 17 to 20: nothing of this machine or of an earlier answer goes along."""

    def test_no_cookie_is_kept(self, article: Article, serve: Serve) -> None:
        server = serve(page(links(article), HTML, b"Set-Cookie: session=1; Path=/\r\n"))
        announced(article)
        Webmention.objects.update(changed_at="2020-01-01T00:00:00Z")
        announced(article)
        assert len(server.requests) == 2 and b"cookie" not in server.requests[1].lower()

    def test_no_password_is_sent(
        self, article: Article, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".netrc").write_text(f"machine {HOST} login me password swordfish\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        said = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
        server = serve(lambda _: [said])
        assert announced(article).state == "waiting"
        assert len(server.requests) == 1 and b"authorization" not in server.requests[0].lower()

    def test_no_proxy_is_asked(self, article: Article, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        server = serve(page(links(article)))
        with socket.create_server(("127.0.0.1", 0)) as trap:
            trap.settimeout(0.2)
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{trap.getsockname()[1]}")
            monkeypatch.setenv("NO_PROXY", "")
            assert announced(article).state == "taken"
            with pytest.raises(TimeoutError):
                trap.accept()
        assert len(server.requests) == 1

    def test_a_certificate_of_nobodys_is_refused(self, article: Article, tmp_path: Path, serve: Serve) -> None:
        _, chain = certificates(tmp_path)
        server = serve(page(links(article)), chain)
        assert announced(article, "https").state == "waiting"
        assert server.requests == [] and not Comment.objects.exists()


def test_every_row_is_here() -> None:
    """Twenty rows: a new one asks for a server of its own."""
    assert sum(row["id"].startswith("resp-") for row in corpus.rows("urls_ssrf.jsonl")) == 20
