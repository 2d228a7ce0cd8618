"""Single sign-on of the publisher: one token one session, one subject one reader, keys that change."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.management import call_command
from django.test import Client
from jwt.algorithms import RSAAlgorithm

from articles.models import SignOn, Site
from articles.services.sign_ons import add_sign_on, due_key_sets, read_keys, revoke_sign_on
from comments.models import Comment, Identity, Reader, ReaderSession
from project import http as client_of_ours
from project.errors import Problem
from project.sealed import unseal
from tests.factories import ADA, BEN, SSO_SECRET, make_article, make_member, make_reader, make_site, make_sso_token
from tests.unit.test_assertions import disqus

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    site = make_site()
    add_sign_on(site, "hmac", secret=SSO_SECRET)
    return site


def token(site: Site, **changes: Any) -> str:
    return make_sso_token(site, **changes)


def sign_in(site: Site, text: Any) -> Any:
    return Client().post("/api/v1/sign-in/sso", {"site": site.slug, "token": text}, content_type="application/json")


def test_subject_becomes_one_reader_however_often_she_signs_in(site: Site) -> None:
    first, second = sign_in(site, token(site)), sign_in(site, token(site))
    assert first.status_code == second.status_code == 201
    assert first.json()["session"] != second.json()["session"]
    assert first.json()["reader"] == second.json()["reader"]
    assert (Reader.objects.count(), Identity.objects.count(), ReaderSession.objects.count()) == (1, 1, 2)


def test_session_speaks_and_name_follows_the_publisher(site: Site) -> None:
    article = make_article(site)
    session = sign_in(site, token(site)).json()["session"]
    body = {"article": article.pk, "body": "Hello"}
    headers = {"Authorization": f"Bearer {session}"}
    posted = Client().post("/api/v1/comments", body, content_type="application/json", headers=headers)
    assert posted.json()["author"]["name"] == "Ben"
    sign_in(site, token(site, name="Benjamin"))
    assert Comment.objects.get().author_name == "Benjamin"


def test_verified_address_leads_to_the_reader_who_has_proven_it(site: Site) -> None:
    known = make_reader(site, BEN)
    answer = sign_in(site, token(site, email=BEN.upper(), email_verified=True)).json()
    assert answer["reader"]["id"] == known.pk
    other = sign_in(site, token(site, sub="8", email=BEN)).json()
    assert other["reader"]["id"] != known.pk and other["reader"]["email"] is None


def test_publisher_cannot_make_somebody_pass_for_staff(site: Site) -> None:
    make_member(site, ADA, first_name="Ada", last_name="Byron")
    assert sign_in(site, token(site, name="ada byron")).json()["reader"]["name"] == ""


def test_token_works_once_and_on_its_own_site(site: Site) -> None:
    other = make_site()
    add_sign_on(other, "hmac", secret=SSO_SECRET)
    used = token(site)
    assert sign_in(other, used).json()["code"] == "sign_in_invalid"
    assert sign_in(site, used).status_code == 201
    again = sign_in(site, used)
    assert (again.status_code, again.json()["code"]) == (401, "sign_in_invalid")
    assert again["WWW-Authenticate"] == "Bearer"
    bare = token(site, jti=None)
    assert [sign_in(site, bare).status_code for _ in range(2)] == [201, 401]


def test_secret_is_stored_encrypted_and_can_be_taken_back(site: Site) -> None:
    row = SignOn.objects.get()
    assert SSO_SECRET not in row.secret and unseal(row.secret) == SSO_SECRET
    revoke_sign_on(row)
    assert sign_in(site, token(site)).status_code == 401


@pytest.mark.parametrize("text", ["", None, 5, "x", "x" * 100_000, "é", "\ud800", "a b c", "\x00", ["a"], "." * 50])
def test_no_token_is_a_fault(site: Site, text: Any) -> None:
    assert sign_in(site, text).status_code in {400, 401}
    assert Reader.objects.count() == 0


def test_token_of_a_megabyte_is_too_large(site: Site) -> None:
    assert sign_in(site, "x" * 1_000_000).status_code == 413


def test_disqus_site_switches_without_work(site: Site) -> None:
    add_sign_on(site, "disqus", secret=SSO_SECRET)
    message = disqus({"id": "7", "username": "Ben", "email": BEN}, time.time())
    answer = sign_in(site, message)
    assert answer.status_code == 201 and answer.json()["reader"]["name"] == "Ben"
    assert sign_in(site, message).status_code == 401
    assert sign_in(site, disqus({}, time.time())).status_code == 401


class Keys:
    """A publisher's key set, served on loopback."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.name = "one"
        self.reads = 0
        keys = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.reads += 1
                body = json.dumps({"keys": [keys.public(), {"kty": "oct", "k": "c2VjcmV0", "kid": "x"}]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def public(self) -> dict[str, Any]:
        return {**RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": self.name}

    def token(self, site: Site) -> str:
        now = int(time.time())
        said = {"sub": "7", "aud": site.slug, "iat": now, "exp": now + 60, "jti": str(time.monotonic_ns())}
        return jwt.encode(said, self.key, "RS256", {"kid": self.name})


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keys]:
    monkeypatch.setitem(client_of_ours.stands_for, "keys.example.org", "127.0.0.1")
    keys = Keys()
    yield keys
    keys.server.shutdown()


def served(site: Site, keys: Keys) -> SignOn:
    row, _ = add_sign_on(site, "keys", keys_url="https://keys.example.org/")
    row.keys_url = f"http://keys.example.org:{keys.server.server_port}/"
    row.save()
    return row


def test_keys_are_read_from_their_publisher_and_change(keys: Keys) -> None:
    site = make_site()
    row = served(site, keys)
    assert due_key_sets(10) == [row.pk]
    assert read_keys(row.pk)
    assert sign_in(site, keys.token(site)).status_code == 201
    assert [key["kty"] for key in SignOn.objects.get().keys["keys"]] == ["RSA"]
    keys.key, keys.name = rsa.generate_private_key(65537, 2048), "two"
    answer = sign_in(site, keys.token(site))
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (401, "sso_key_unknown", "2")
    # Whoever comes with made-up names of keys does not make us ask more often.
    assert not read_keys(row.pk) and keys.reads == 1
    SignOn.objects.update(keys_read_at="2026-01-01T00:00:00Z")
    assert read_keys(row.pk)
    assert sign_in(site, keys.token(site)).status_code == 201


def test_set_that_cannot_be_read_leaves_the_old_one(keys: Keys) -> None:
    site = make_site()
    row = served(site, keys)
    assert read_keys(row.pk)
    SignOn.objects.update(keys_read_at=None, keys_url="http://127.0.0.1:1/")
    assert not read_keys(row.pk)
    assert sign_in(site, keys.token(site)).status_code == 201


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "hmac", "secret": "short"},
        {"kind": "keys"},
        {"kind": "keys", "keys": "no json"},
        {"kind": "keys", "keys": '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'},
        {"kind": "keys", "keys_url": "http://keys.example.org/"},
        {"kind": "other"},
    ],
)
def test_sign_on_that_could_not_hold_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(Problem):
        add_sign_on(make_site(), **given)


def test_command_makes_a_secret_and_shows_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    site = make_site()
    call_command("create_sign_on", site.slug, kind="hmac")
    secret = capsys.readouterr().out.strip()
    assert unseal(SignOn.objects.get(site=site).secret) == secret and len(secret) >= 32
