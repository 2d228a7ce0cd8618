"""Limits on real web processes: whom they count behind proxies, parallel bursts, and a broker that goes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from project.throttling import LEFT_ALONE
from tests.processes import WebProcess, wait_until
from tests.servers import Servers
from tests.webs import Headers, ask

# A route with a small limit, 60 in an hour, that needs no row.
VOTER, LIMIT = "/api/v1/voter", 60


@pytest.fixture
def pair(make_web: Callable[..., WebProcess]) -> tuple[WebProcess, WebProcess]:
    return make_web(RATE_LIMITS="on"), make_web(RATE_LIMITS="on")


def statuses(web: WebProcess, times: int, headers: Callable[[int], Headers] = lambda _: ()) -> list[int]:
    return [ask(web, VOTER, headers(number), method="POST").status for number in range(times)]


def burst(webs: tuple[WebProcess, ...], times: int) -> list[int]:
    """Ask so many times from 20 threads, the processes in turn."""
    with ThreadPoolExecutor(20) as pool:
        asked = pool.map(lambda number: ask(webs[number % len(webs)], VOTER, method="POST"), range(times))
        return [answer.status for answer in asked]


def test_parallel_burst_on_two_processes_exceeds_the_limit_by_nothing(pair: tuple[WebProcess, WebProcess]) -> None:
    found = burst(pair, 200)
    assert (found.count(201), found.count(429)) == (LIMIT, 200 - LIMIT)
    refused = ask(pair[0], VOTER, method="POST")
    assert refused.json()["code"] == "rate_limited"
    assert 0 < int(refused.header("retry-after") or 0) <= 3600


def test_each_process_holds_the_limit_without_the_broker_and_comes_back(
    pair: tuple[WebProcess, WebProcess], servers: Servers
) -> None:
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, pair[number % 2], VOTER, method="POST") for number in range(200)]
        wait_until(lambda: sum(each.done() for each in asked) >= 20, "the burst to begin")
        servers.stop_valkey()
        found = [each.result().status for each in asked]
    try:
        assert set(found) == {201, 429}
        # What was counted together, and then what each process counted for itself.
        assert found.count(201) <= 3 * LIMIT
        for web in pair:
            assert burst((web,), LIMIT + 20).count(201) <= LIMIT
            assert set(burst((web,), 20)) == {429}
    finally:
        servers.start_valkey()

    def counts_in_valkey_again() -> bool:
        import redis

        ask(pair[0], VOTER, method="POST")
        with redis.Redis.from_url(servers.valkey.url) as client:
            client.flushdb()
            return ask(pair[0], VOTER, method="POST").status == 201

    wait_until(counts_in_valkey_again, "the broker to be asked again", LEFT_ALONE + 10)


def forged(number: int) -> Iterator[tuple[str, str]]:
    """Every header by which some server or other takes an address, with another one each time."""
    address = f"198.51.100.{number}"
    for name in ("X-Forwarded-For", "X_Forwarded_For", "x-forwarded_for", "X-Real-IP", "Client-IP", "CF-Connecting-IP"):
        yield name, address
    yield "Forwarded", f"for={address}"
    yield "REMOTE_ADDR", address
    yield "Remote-Addr", address


def without(name: str, headers: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(key, value) for key, value in headers if key != name]


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_forged_headers_do_not_move_the_key(make_web: Callable[..., WebProcess], hops: int) -> None:
    variables = {0: "", 1: "127.0.0.1", 2: "127.0.0.1,10.0.0.0/8"}[hops]
    web = make_web(RATE_LIMITS="on", TRUSTED_PROXIES=variables)

    def headers(number: int, real: str = "203.0.113.7") -> list[tuple[str, str]]:
        if not hops:
            return list(forged(number))
        # What the client claims comes first; each proxy adds whom it saw.
        seen = [f"198.51.100.{number}", real, *(["10.0.0.9"] if hops == 2 else [])]
        return [*without("X-Forwarded-For", forged(number)), ("X-Forwarded-For", ", ".join(seen))]

    assert statuses(web, LIMIT + 20, headers).count(201) == LIMIT
    other: Any = lambda number: headers(number, "203.0.113.8")  # noqa: E731
    assert set(statuses(web, 5, other)) == ({201} if hops else {429})


def test_claims_on_a_line_of_their_own_do_not_move_the_key(make_web: Callable[..., WebProcess]) -> None:
    web = make_web(RATE_LIMITS="on", TRUSTED_PROXIES="127.0.0.1")

    def headers(number: int) -> Headers:
        return [("X-Forwarded-For", f"198.51.100.{number}"), ("X-Forwarded-For", "203.0.113.7")]

    assert statuses(web, LIMIT + 20, headers).count(201) == LIMIT


def test_addresses_of_one_network_are_one_client(make_web: Callable[..., WebProcess]) -> None:
    web = make_web(RATE_LIMITS="on", TRUSTED_PROXIES="127.0.0.1")
    assert statuses(web, LIMIT + 20, lambda n: [("X-Forwarded-For", f"2001:db8:1:2::{n:x}")]).count(201) == LIMIT
    assert statuses(web, 5, lambda n: [("X-Forwarded-For", f"2001:db8:1:{n + 3:x}::1")]) == [201] * 5
