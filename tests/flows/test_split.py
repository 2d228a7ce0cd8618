"""The front with Django in a process of its own, and in the same one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from project.middleware import BODY_LIMIT, LARGE_LIMIT
from tests import factories
from tests.processes import ROOT, WebProcess, wait_until
from tests.servers import Servers
from tests.webs import Headers, ask, write

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

VOTER, LIMIT = "/api/v1/voter", 60


@pytest.fixture(params=["split", "single"])
def any_web(request: pytest.FixtureRequest, make_web: Callable[..., WebProcess]) -> Callable[..., WebProcess]:
    return lambda **variables: make_web(is_split=request.param == "split", **variables)


def forged(number: int) -> Headers:
    address = f"198.51.100.{number}"
    return [
        ("X-Afterword-Asked", f"guess http {address}"),
        ("X_Afterword_Asked", f"guess http {address}"),
        ("X-Forwarded-For", address),
        ("X_Forwarded_For", address),
    ]


def test_a_client_is_who_connects_whatever_its_headers_say(any_web: Callable[..., WebProcess]) -> None:
    web = any_web(RATE_LIMITS="on")
    found = [ask(web, VOTER, forged(number), method="POST").status for number in range(LIMIT + 10)]
    assert found == [201] * LIMIT + [429] * 10


def test_a_trusted_proxy_names_the_client(any_web: Callable[..., WebProcess]) -> None:
    web = any_web(RATE_LIMITS="on", TRUSTED_PROXIES="127.0.0.1")
    found = [ask(web, VOTER, forged(number), method="POST").status for number in range(LIMIT + 10)]
    assert found == [201] * (LIMIT + 10)
    # A name with `_` is another one, however Python's interfaces spell it.
    spelt = [("X_Forwarded_For", "198.51.100.1"), ("X-Forwarded-For", "198.51.100.200")]
    assert {ask(web, VOTER, spelt, method="POST").status for _ in range(LIMIT + 1)} == {201, 429}


def test_the_front_has_no_apps() -> None:
    """They are most of the memory of a Django process, and each front would have them again."""
    own = {"APPLICATION_SOCKET": "/run/nobody/serves.sock"}
    code = "import sys, project.asgi; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert "comments.kept" in loaded, done.stderr
    heavy = {"django.contrib.auth", "rest_framework", "celery", "allauth", "comments.models", "articles.models"}
    assert not loaded & heavy


def test_requests_of_every_kind_come_through(any_web: Callable[..., WebProcess]) -> None:
    web, article = any_web(), factories.make_article()
    page = ask(web, f"/a/{article.pk}")
    assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
    assert [page.header(name) is not None for name in ("date", "x-afterword-told")] == [True, False]
    head = ask(web, f"/a/{article.pk}", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert ask(web, "/api/v1/thread?article=%ff").status == 400
    assert ask(web, "/a/1%00").status == 400
    assert ask(web, "/api/v1/thread?article=1", [("Host", "evil.example")]).status in {200, 404}
    assert ask(web, "/livez", [("Host", "evil.example")]).status == 400
    assert ask(web, "/api/v1/comments", method="OPTIONS").header("access-control-allow-methods") == "POST"
    posted = write(web, "POST", "/api/v1/comments", {"article": article.pk, "body": "é", "author": {"name": "Ada"}})
    assert web.get(f"/api/v1/comments/{posted['id']}").json()["id"] == posted["id"]


@pytest.mark.parametrize("length", [BODY_LIMIT + 1, LARGE_LIMIT + 100_000])
def test_a_body_that_is_too_large_is_refused(any_web: Callable[..., WebProcess], length: int) -> None:
    web = any_web()
    refused = ask(web, "/api/v1/comments", [("Content-Type", "application/json")], method="POST", body=b" " * length)
    assert (refused.status, refused.json()["code"]) == (413, "body_too_large")
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as line:
        line.sendall(b"POST /api/v1/comments HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n")
        line.sendall(b"Content-Type: application/json\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (length, b" " * length))
        assert b" 413 " in line.recv(200)


def test_a_poster_reads_her_comment_at_once_without_a_broker(
    any_web: Callable[..., WebProcess], servers: Servers
) -> None:
    web, article = any_web(), factories.make_article()
    page = f"/api/v1/thread?article={article.pk}"
    web.get(page)
    servers.stop_valkey()
    try:
        for number in range(1, 4):
            words = {"article": article.pk, "body": f"Word {number}.", "author": {"name": "Ada"}}
            write(web, "POST", "/api/v1/comments", words)
            assert web.get(page).json()["article"]["counts"]["total"] == number
    finally:
        servers.start_valkey()


def test_while_the_application_is_away_readers_are_answered_and_others_told_to_wait(
    make_web: Callable[..., WebProcess], tmp_path: Path
) -> None:
    web, article = make_web(), factories.make_article()
    page = f"/api/v1/thread?article={article.pk}"
    assert web.get(page).status == 200
    assert web.application is not None
    os.killpg(web.application.pid, signal.SIGKILL)
    web.application.wait()
    for method, path in (("POST", VOTER), ("GET", f"/a/{article.pk}"), ("PUT", "/api/v1/articles"), ("GET", "/livez")):
        refused = ask(web, path, method=method)
        assert (refused.status, refused.header("retry-after"), refused.json()["code"]) == (503, "1", "unavailable")
    assert web.get(page).status == 200
    web.start_application()
    wait_until(lambda: ask(web, VOTER, method="POST").status == 201, "the application to be back")
