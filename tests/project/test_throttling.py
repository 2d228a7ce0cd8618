"""Limits: every route that needs one has one, whom they count, and that nobody slips through."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory
from limits import RateLimitItem, RateLimitItemPerMinute

from project import throttling
from project.errors import Problem
from project.throttling import SCOPES, InProcess, InValkey, spend, spend_for_site
from tests.calls import CALLS, Call, all_names, name_of, perform
from tests.factories import make_article
from tests.routes import routes
from tests.servers import Servers
from tests.source import ROOT

# What no limit may stand before: a list that is too long for a query, and links in mails, whose tokens are the proof.
UNLIMITED = {
    "POST /api/v1/counts",
    "POST /sign-in/{token}",
    "POST /notices/{token}",
    *(name for name in CALLS if name.startswith("POST /follows/")),
}
# These count in the view, which shows what was typed again, or says it in another system's words.
IN_THE_VIEW = {
    "POST /a/{article_id}/comments",
    "POST /a/{article_id}/comments/{comment_id}/report",
    "POST /a/{article_id}/follow",
    "POST /wp/{site_slug}/wp-comments-post.php",
    # Leads to a route of the API, which has its own.
    "POST /wp/{site_slug}",
}
READS = {"GET /api/v1/search"}


def request_from(address: str, **headers: str) -> HttpRequest:
    return RequestFactory().post("/", REMOTE_ADDR=address, headers=headers)


def passed(times: int, scope: str, request: HttpRequest) -> int:
    """Return how many of so many requests pass."""
    count = 0
    for _ in range(times):
        try:
            spend(request, scope)
            count += 1
        except Problem as problem:
            assert problem.code == "rate_limited"
            assert 1 <= int(problem.headers["Retry-After"]) <= 3600
    return count


def test_every_route_that_writes_has_a_limit() -> None:
    limited = {}
    for route in routes():
        scope, methods = getattr(route.view, "limits", ("", ()))
        limited |= {name_of(route, m): scope for m in route.methods if scope and (not methods or m in methods)}
    writing = {name for name in all_names() if not name.startswith("GET ")}
    assert writing - UNLIMITED - IN_THE_VIEW - set(limited) == set()
    assert READS - set(limited) == set()
    assert set(limited) & (UNLIMITED | IN_THE_VIEW) == set()


def test_scopes_are_on_the_configuration_page() -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    rows = {cells[1].strip(" `"): cells for line in page.splitlines() if len(cells := line.split("|")) == 8}
    for name, scope in SCOPES.items():
        told = [re.sub(r" a ", "/", cell.strip()).replace(", ", ";") for cell in rows[name][3:6]]
        assert told == [scope.client, scope.bearer, scope.site], name


@pytest.mark.usefixtures("limits_on")
def test_limit_is_exact_and_each_client_and_scope_has_its_own() -> None:
    assert passed(30, "reports", request_from("203.0.113.7")) == 10
    assert passed(30, "reports", request_from("203.0.113.8")) == 10
    assert passed(30, "sign_ins", request_from("203.0.113.7")) == 10


@pytest.mark.usefixtures("limits_on")
def test_ipv6_is_counted_by_network() -> None:
    hits = [passed(1, "reports", request_from(f"2001:db8:1:2::{number:x}")) for number in range(1, 31)]
    assert sum(hits) == 10
    assert passed(1, "reports", request_from("2001:db8:1:3::1")) == 1


@pytest.mark.usefixtures("limits_on")
@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Client-IP", "True-Client-IP"])
def test_forged_header_does_not_move_the_key(header: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = []
    forged = [request_from("203.0.113.7", **{header: f"198.51.100.{number}"}) for number in range(30)]
    assert sum(passed(1, "reports", request) for request in forged) == 10


@pytest.mark.usefixtures("limits_on")
def test_new_tokens_do_not_move_the_key() -> None:
    tokens = [request_from("203.0.113.7", Authorization=f"Bearer awk_{number}") for number in range(1300)]
    assert sum(passed(1, "moderation", request) for request in tokens) == 1200


@pytest.mark.usefixtures("limits_on")
def test_token_is_counted_wherever_it_comes_from() -> None:
    requests = [request_from(f"203.0.{n // 250}.{n % 250}", Authorization="Bearer awk_one") for n in range(1300)]
    assert sum(passed(1, "moderation", request) for request in requests) == 1200


@pytest.mark.usefixtures("limits_on")
def test_site_is_counted_whoever_comes() -> None:
    def passes(site: int) -> bool:
        try:
            spend_for_site("follows", site)
        except Problem:
            return False
        return True

    assert sum(passes(1) for _ in range(1300)) == 1200
    assert passes(2)


@pytest.mark.usefixtures("limits_on")
def test_no_address_and_no_token_is_kept(broker_url: str) -> None:
    import redis

    spend(request_from("203.0.113.7", Authorization="Bearer awk_secret"), "moderation")
    with redis.Redis.from_url(broker_url) as client:
        keys = client.keys("*")
        assert len(keys) == 2
        assert all(0 < client.ttl(key) <= 60 for key in keys)
    assert not any(word in key for key in keys for word in (b"203.0", b"awk_", b"secret"))


@pytest.mark.usefixtures("limits_on")
def test_limits_can_be_turned_off(settings: Any) -> None:
    settings.RATE_LIMITS = False
    assert passed(30, "reports", request_from("203.0.113.7")) == 30


@pytest.mark.usefixtures("limits_on")
def test_dead_broker_costs_one_attempt_and_limits_hold(settings: Any, servers: Servers) -> None:
    request = request_from("203.0.113.7")
    assert passed(4, "reports", request) == 4
    servers.stop_valkey()
    try:
        assert passed(30, "reports", request) == 10
    finally:
        servers.start_valkey()


@pytest.mark.usefixtures("limits_on")
def test_silent_broker_keeps_one_request_waiting(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    asked: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        real = InValkey.hit

        class Counting(InValkey):
            def hit(self, item: RateLimitItem, name: str) -> float | None:
                asked.append(time.monotonic())
                return real(self, item, name)

        monkeypatch.setattr(throttling, "valkey", Counting())
        begin = time.monotonic()
        assert passed(50, "reports", request_from("203.0.113.7")) == 10
        # One attempt for each stretch in which the broker is left alone.
        assert len(asked) <= 1 + (time.monotonic() - begin) / throttling.LEFT_ALONE


def test_counts_in_memory_are_exact_under_threads_and_bounded() -> None:
    counts, item, hits = InProcess(remembered=50), RateLimitItemPerMinute(100), []
    gate = threading.Barrier(8)

    def burst() -> None:
        gate.wait()
        hits.extend(counts.hit(item, "one") is None for _ in range(100))

    threads = [threading.Thread(target=burst) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(hits), sum(hits)) == (800, 100)
    for number in range(200):
        counts.hit(item, f"{number}")
    assert len(counts._hits) == 50


@pytest.mark.django_db
@pytest.mark.usefixtures("limits_on")
def test_refusal_says_when_to_come_again_and_the_form_keeps_what_was_typed(client: Client) -> None:
    article = make_article()
    share = Call(body={"site": article.site.slug, "url": article.url, "network": "copy"})
    for _ in range(60):
        assert perform(client, "POST /api/v1/shares", share).status_code == 201
    refused = perform(client, "POST /api/v1/shares", share)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused["Access-Control-Allow-Origin"] == "*"
    for number in range(61):
        form = Call({"article_id": article.pk}, body={"body": f"Text {number}.", "name": "Dora"})
        page = perform(client, "POST /a/{article_id}/comments", form)
        assert page.status_code == (303 if number < 60 else 429)
    assert b"Text 60." in page.content and b"too many requests" in page.content
