"""Proof of work: what a solved challenge is worth where a network has spent its share of confirmations."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import altcha
import pytest
from django.conf import settings as project_settings
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from articles.models import Article
from project import proof, throttling
from project.throttling import InProcess, InValkey
from sharing.models import Delivery, Follow
from sharing.views.follows import ACCEPTED
from tests.conftest import unavailable
from tests.factories import BEN, CY, make_article, make_follow, make_follower
from tests.source import ROOT

CHALLENGE = "/api/v1/challenge"
ANSWER = json.dumps(ACCEPTED, separators=(",", ":")).encode()
SHARE, MORE = 2, 4
LIBRARY = ROOT / "tests/npm/node_modules/altcha-lib"
# The library of ALTCHA's own project computes what our answer asks for, as an embedder's page would.
SOLVER = """
import { solveChallenge } from "altcha-lib";
import { deriveKey } from "altcha-lib/algorithms/pbkdf2";
let said = "";
for await (const part of process.stdin) said += part;
const challenge = JSON.parse(said);
const solution = await solveChallenge({ challenge, deriveKey });
process.stdout.write(btoa(JSON.stringify({ challenge, solution })));
"""


@pytest.fixture
def article(db: None) -> Article:
    return make_article()


@pytest.fixture(autouse=True)
def limits(settings: Any, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMITS = True
    settings.REDIS_URL = broker_url
    monkeypatch.setattr(throttling, "valkey", InValkey())
    monkeypatch.setattr(throttling, "here", InProcess())
    monkeypatch.setattr(proof, "EASY", 8)
    open_to_all = throttling.Scope("100/minute", site="1000/hour", network=f"{SHARE}/hour")
    monkeypatch.setitem(throttling.SCOPES, "follows", open_to_all)
    monkeypatch.setitem(throttling.SCOPES, "proven_follows", throttling.Scope("", network=f"{MORE}/hour;100/day"))


@pytest.fixture
def ask(client: Client, article: Article, fresh_network: str) -> Callable[..., Any]:
    """Return a function that posts a wish to follow from one network that nobody has counted yet."""
    client.defaults["REMOTE_ADDR"] = fresh_network

    def post(email: str, **said: Any) -> Any:
        body = json.dumps({"article": article.pk, "email": email, **said})
        return client.post("/api/v1/follows", body, content_type="application/json")

    return post


@pytest.fixture
def fresh_network() -> str:
    """An address in a network that nobody has counted yet (RFC 4193)."""
    number = secrets.token_hex(5)
    return f"fd{number[:2]}:{number[2:6]}:{number[6:]}::9"


@pytest.fixture
def spent(ask: Callable[..., Any]) -> None:
    """The network has had its share."""
    for number in range(SHARE):
        ask(f"before{number}@example.org")
    assert mailed() == SHARE


def mailed() -> int:
    return Delivery.objects.filter(kind="confirmation").count()


def challenge_for(client: Client) -> Any:
    return client.get(CHALLENGE).json()


def solved(challenge: Any) -> str:
    solution = altcha.solve_challenge(altcha.Challenge.from_dict(challenge))
    assert solution is not None
    return packed({"challenge": challenge, "solution": solution.to_dict()})


def packed(data: Any) -> str:
    return base64.b64encode(json.dumps(data).encode()).decode()


def unpacked(payload: str) -> Any:
    return json.loads(base64.b64decode(payload))


class TestChallenge:
    def test_no_cookie_no_cache_no_statement_and_never_the_same(self, client: Client, db: None) -> None:
        with CaptureQueriesContext(connection) as queries:
            answers = [client.get(CHALLENGE) for _ in range(2)]
        assert len(queries) == 0
        assert {(answer.status_code, answer["Cache-Control"]) for answer in answers} == {(200, "no-store")}
        assert not client.cookies
        first, second = (answer.json() for answer in answers)
        for name in ("nonce", "salt", "keyPrefix", "keySignature"):
            assert first["parameters"][name] != second["parameters"][name]
        assert 0 < first["parameters"]["expiresAt"] - time.time() <= proof.SECONDS

    def test_other_sites_pages_may_ask(self, client: Client, db: None) -> None:
        assert client.get(CHALLENGE, headers={"Origin": "https://blog.example"})["Access-Control-Allow-Origin"] == "*"

    def test_it_grows_harder_as_solutions_are_spent_and_has_a_bound(self, fresh_network: str) -> None:
        request = RequestFactory().get("/", REMOTE_ADDR=fresh_network)
        tries: dict[int, list[int]] = {}
        for _ in range(MORE + 1):
            made = proof.make_challenge(request)
            solution = altcha.solve_challenge(altcha.Challenge.from_dict(made))
            assert solution is not None
            tries.setdefault(made["parameters"]["data"]["level"], []).append(solution.counter)
            throttling.spend_for_network(request, "proven_follows")
        assert sorted(tries) == list(range(proof.LEVELS + 1))
        for level, (counter,) in tries.items():
            most = proof.EASY << min(level, proof.LEVELS - 1)
            assert most // 2 <= counter < most


@pytest.mark.usefixtures("spent")
class TestSolved:
    def test_it_is_mailed_and_without_it_is_not(self, client: Client, ask: Callable[..., Any]) -> None:
        ask(BEN)
        assert mailed() == SHARE
        ask(CY, altcha=solved(challenge_for(client)))
        assert Delivery.objects.filter(address=CY).count() == 1

    def test_once(self, client: Client, ask: Callable[..., Any]) -> None:
        payload = solved(challenge_for(client))
        for address in (BEN, CY):
            ask(address, altcha=payload)
        # The same in other letters is the same.
        ask("dora@example.org", altcha=packed(unpacked(payload) | {"more": 1}))
        assert mailed() == SHARE + 1

    def test_a_second_share_is_the_bound(self, client: Client, ask: Callable[..., Any]) -> None:
        for number in range(MORE + 2):
            ask(f"n{number}@example.org", altcha=solved(challenge_for(client)))
        assert mailed() == SHARE + MORE

    def test_the_bounds_of_an_address_hold(self, client: Client, ask: Callable[..., Any]) -> None:
        for _ in range(3):
            ask(BEN, altcha=solved(challenge_for(client)))
        assert mailed() == SHARE + 1

    def test_who_fills_the_trap_is_trapped(self, client: Client, ask: Callable[..., Any]) -> None:
        ask(BEN, altcha=solved(challenge_for(client)), homepage="https://spam.example/")
        assert mailed() == SHARE

    def test_what_was_too_easy_counts_as_none(self, client: Client, ask: Callable[..., Any]) -> None:
        easy = [solved(challenge_for(client)) for _ in range(2)]
        ask("a@example.org", altcha=solved(challenge_for(client)))
        # One level later it is good enough, two levels later not.
        ask("b@example.org", altcha=easy[0])
        assert mailed() == SHARE + 2
        ask("c@example.org", altcha=easy[1])
        assert mailed() == SHARE + 2
        ask("d@example.org", altcha=solved(challenge_for(client)))
        assert mailed() == SHARE + 3

    def test_of_the_form_too(self, client: Client, article: Article) -> None:
        for email, more in ((BEN, {}), (CY, {"altcha": solved(challenge_for(client))})):
            form, own = urlencode({"email": email, **more}), {"Origin": project_settings.PUBLIC_URL}
            kind = "application/x-www-form-urlencoded"
            answer = client.post(f"/a/{article.pk}/follow", form, content_type=kind, headers=own)
            assert answer.status_code == 303
        assert mailed() == SHARE + 1 and Delivery.objects.filter(address=CY).exists()

    def test_of_the_wish_that_comes_with_a_comment(self, client: Client, article: Article) -> None:
        said = {"article": article.pk, "body": "I saw them.", "follow": "replies"}
        for email, more in ((BEN, {}), (CY, {"altcha": solved(challenge_for(client))})):
            body = json.dumps({**said, "author": {"name": "Ben", "email": email}, **more})
            assert client.post("/api/v1/comments", body, content_type="application/json").status_code == 201
        form = {"body": "I too.", "name": "Dora", "email": "dora@example.org", "follow": "replies"}
        form["altcha"] = solved(challenge_for(client))
        own, kind = {"Origin": project_settings.PUBLIC_URL}, "application/x-www-form-urlencoded"
        answer = client.post(f"/a/{article.pk}/comments", urlencode(form), content_type=kind, headers=own)
        assert answer.status_code == 303
        assert set(Delivery.objects.values_list("address", flat=True)) > {CY, "dora@example.org"}
        assert mailed() == SHARE + 2

    def test_without_valkey_each_process_remembers_for_itself(
        self, client: Client, ask: Callable[..., Any], settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        monkeypatch.setattr(throttling, "valkey", InValkey())
        for number in range(SHARE):
            ask(f"n{number}@example.org")
        payload = solved(challenge_for(client))
        for address in (BEN, CY):
            assert ask(address, altcha=payload).status_code == 202
        assert mailed() == SHARE + SHARE + 1

    def test_by_the_library_of_altcha(self, client: Client, ask: Callable[..., Any]) -> None:
        if not LIBRARY.exists() or not shutil.which("node"):
            unavailable(f"there is no node, or no {LIBRARY}: run `npm install --prefix tests/npm`")
        told = client.get(CHALLENGE).content
        command = ["node", "--input-type=module", "-e", SOLVER]
        done = subprocess.run(command, input=told, capture_output=True, check=True, timeout=60, cwd=LIBRARY.parent)
        ask(BEN, altcha=done.stdout.decode())
        assert Delivery.objects.filter(address=BEN).count() == 1


def signed_by_us(**changes: Any) -> str:
    """Return the solution of a challenge as ours but for the changes."""
    arguments: dict[str, Any] = {
        "counter": 5,
        "expires_at": int(time.time()) + 60,
        "data": {"level": 9},
        "hmac_secret": proof.keyed_hash(proof.Purpose.CHALLENGE),
        "hmac_key_secret": proof.keyed_hash(proof.Purpose.SOLUTION),
    }
    return solved(altcha.create_challenge(proof.ALGORITHM, 1, **arguments | changes).to_dict())


def changed(payload: str, part: str, **changes: Any) -> str:
    data = unpacked(payload)
    (data["challenge"]["parameters"] if part == "parameters" else data[part]).update(changes)
    return packed(data)


DEEP = base64.b64encode(b"[" * 1400).decode()
WORTH_NOTHING: dict[str, Callable[[], Any]] = {
    "expired": lambda: signed_by_us(expires_at=int(time.time()) - 1),
    "another installation's": lambda: signed_by_us(hmac_secret="another"),
    "another installation's solution": lambda: signed_by_us(hmac_key_secret="another"),
    "keys swapped": lambda: signed_by_us(hmac_secret=proof.keyed_hash(proof.Purpose.SOLUTION)),
    "unsigned": lambda: signed_by_us(hmac_secret=None),
    "made longer": lambda: changed(signed_by_us(), "parameters", expiresAt=int(time.time()) + 9_999),
    "made harder": lambda: changed(signed_by_us(data={"level": 0}), "parameters", data={"level": 9}),
    "not solved": lambda: changed(signed_by_us(), "solution", derivedKey="00" * 32),
    "solution of a wrong type": lambda: changed(signed_by_us(), "solution", derivedKey=["00"]),
    "solution null": lambda: packed(unpacked(signed_by_us()) | {"solution": None}),
    "challenge a list": lambda: packed(unpacked(signed_by_us()) | {"challenge": [1]}),
    "parameters a text": lambda: packed(
        unpacked(signed_by_us()) | {"challenge": {"parameters": "x", "signature": "y"}}
    ),
    "signature a number": lambda: changed(signed_by_us(), "challenge", signature=1),
    "expires as NaN": lambda: changed(signed_by_us(), "parameters", expiresAt=float("nan")),
    "half of a letter": lambda: changed(signed_by_us(), "parameters", nonce="\ud800"),
    "a forbidden name": lambda: changed(signed_by_us(), "parameters", data={"__proto__": 1}),
    "huge": lambda: packed(unpacked(signed_by_us()) | {"more": "x" * 30_000}),
    "a number of many digits": lambda: base64.b64encode(b"9" * 1400).decode(),
    "deep": lambda: DEEP,
    "no JSON": lambda: base64.b64encode(b"{").decode(),
    "no UTF-8": lambda: base64.b64encode(b"\xff\xfe").decode(),
    "no base64": lambda: "%%%",
    "no ASCII": lambda: "ä\U0001f600",
    "empty": str,
    "null": lambda: None,
    "a number": lambda: 7,
    "a list": lambda: [[["x"]]],
    "an object": lambda: {"challenge": {}},
    "true": lambda: True,
}


@pytest.mark.usefixtures("spent")
class TestWorthNothing:
    @pytest.mark.parametrize("what", WORTH_NOTHING)
    def test_answered_as_ever_and_not_mailed(self, ask: Callable[..., Any], what: str) -> None:
        plain = ask(BEN)
        answer = ask(CY, altcha=WORTH_NOTHING[what]())
        assert (answer.status_code, answer.content) == (plain.status_code, plain.content) == (202, ANSWER)
        assert mailed() == SHARE

    def test_what_they_change_is_worth_something(self, ask: Callable[..., Any]) -> None:
        ask(CY, altcha=signed_by_us())
        assert mailed() == SHARE + 1

    def test_nothing_is_derived_for_strangers(
        self, ask: Callable[..., Any], client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payloads = [make() for make in WORTH_NOTHING.values()] + [solved(challenge_for(client))]
        # The one place of the library where costly hashing is done.
        monkeypatch.setattr("altcha.v2.hashlib.pbkdf2_hmac", None)
        for payload in payloads:
            assert ask(CY, altcha=payload).status_code == 202
        assert mailed() == SHARE + 1


class TestCalmDay:
    def test_nobody_looks_at_it(self, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(altcha, "verify_solution", None)
        assert ask(BEN, altcha="x").status_code == 202
        assert mailed() == 1

    def test_where_limits_are_off_too(self, ask: Callable[..., Any], settings: Any) -> None:
        settings.RATE_LIMITS = False
        for number in range(SHARE + 2):
            ask(f"n{number}@example.org")
        assert mailed() == SHARE + 2


@pytest.mark.usefixtures("spent")
def test_the_same_bytes_and_statements_for_every_address(
    client: Client, ask: Callable[..., Any], article: Article, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(throttling.SCOPES, "proven_follows", throttling.Scope("", network="100/hour"))
    make_follower(article.site, "new@example.org")
    make_follow(article.site, "confirmed@example.org", article=article)
    make_follow(article.site, "pending@example.org", article=article, status="unconfirmed")
    make_follow(article.site, "ended@example.org", article=article, status="unsubscribed")
    seen = set()
    for name in ("new", "confirmed", "pending", "ended"):
        for said in ({}, {"altcha": "bad"}, {"altcha": solved(challenge_for(client))}):
            with CaptureQueriesContext(connection) as queries:
                answer = ask(f"{name}@example.org", **said)
            kinds = tuple(query["sql"].split()[0] for query in queries)
            headers = tuple(item for item in answer.items() if item[0] != "X-Request-ID")
            seen.add((answer.status_code, answer.content, headers, kinds))
    assert len(seen) == 1
    assert Follow.objects.confirmed().count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_count_once(article: Article, fresh_network: str) -> None:
    request = RequestFactory().post("/", REMOTE_ADDR=fresh_network)
    payload = solved(proof.make_challenge(request))
    while throttling.spend_for_network(request, "follows"):
        pass
    start, told = threading.Barrier(4), []

    def use() -> None:
        start.wait()
        told.append(proof.may_cause_mail(request, payload))

    users = [threading.Thread(target=use) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert sorted(told) == [False, False, False, True]
