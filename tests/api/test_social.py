"""Signing in at an OpenID Connect provider: the whole flow over HTTP, and all that must not end in a session."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.request
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from cryptography.hazmat.primitives.asymmetric import rsa
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import NoReverseMatch, reverse

from articles.models import Site, SocialLogin
from articles.services.social_logins import add_social_login, revoke_social_login
from comments.models import Identity, Reader, ReaderSession
from project.errors import Problem
from project.sealed import unseal
from tests.factories import ADA, BEN, make_article, make_member, make_reader, make_site
from tests.openid_provider import CLIENT, SECRET, Provider, provider_on_loopback

pytestmark = pytest.mark.django_db
ORIGIN = "http://blog.example"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def provider() -> Iterator[Provider]:
    with provider_on_loopback() as provider:
        yield provider


@pytest.fixture
def site(provider: Provider) -> Site:
    site = make_site(origins=("blog.example",))
    enrol(site, provider)
    return site


def enrol(site: Site, provider: Provider, **given: Any) -> SocialLogin:
    given = {"client_id": CLIENT, "secret": SECRET, "server_url": provider.url, "is_inside": True, **given}
    return add_social_login(site, "club", **given)


def start(client: Client, site: Site, **query: str) -> Any:
    query = query or {"origin": ORIGIN, "challenge": CHALLENGE}
    return client.get(f"/sign-in/with/{site.slug}/club", query)


def consent(response: Any, link: str = "yes") -> str:
    """Go to the provider as the browser would, and return the address that it leads back to."""
    assert response.status_code == 302, response.content
    with urllib.request.urlopen(response["Location"]) as page:
        found = re.search(rf'id="{link}" href="([^"]+)"', page.read().decode())
    assert found is not None
    back = unescape(found[1])
    assert back.startswith(f"{settings.PUBLIC_URL}/sign-in/with/")
    return back.removeprefix(settings.PUBLIC_URL)


def walk(client: Client, site: Site, link: str = "yes", **query: str) -> Any:
    return client.get(consent(start(client, site, **query), link))


def told(response: Any) -> dict[str, str]:
    """Return what the page tells its opener."""
    return dict(re.findall(r'data-(site|origin|code|error)="([^"]*)"', response.content.decode()))


def exchange(site: Site, code: str, verifier: str | None = VERIFIER, origin: str = ORIGIN) -> Any:
    body = {"site": site.slug, "code": code} | ({"verifier": verifier} if verifier is not None else {})
    headers = {"Origin": origin}
    return Client().post("/api/v1/sign-in/code", body, content_type="application/json", headers=headers)


def test_reader_signs_in_and_speaks(site: Site, provider: Provider) -> None:
    response = walk(Client(), site)
    assert response.status_code == 200
    page = told(response)
    assert (page["site"], page["origin"]) == (site.slug, ORIGIN)
    opened = exchange(site, page["code"])
    assert opened.status_code == 201 and not opened.cookies
    assert opened.json()["session"].startswith("aws_")
    assert (opened.json()["reader"]["name"], opened.json()["reader"]["email"]) == ("Ben", "ben@example.org")
    headers = {"Authorization": f"Bearer {opened.json()['session']}"}
    body = {"article": make_article(site).pk, "body": "Hello"}
    posted = Client().post("/api/v1/comments", body, content_type="application/json", headers=headers)
    assert (posted.json()["author"]["name"], posted.json()["author"]["role"]) == ("Ben", "verified")
    assert ReaderSession.objects.get().method == "club"


def test_provider_is_asked_as_it_should_be(site: Site, provider: Provider) -> None:
    walk(Client(), site)
    (given,) = provider.given
    assert given["response_type"] == "code" and given["code_challenge_method"] == "S256"
    assert set(given["scope"].split()) == {"openid", "profile", "email"}
    assert len(given["state"]) >= 16 and len(given["nonce"]) >= 22
    assert given["redirect_uri"] == f"{settings.PUBLIC_URL}/sign-in/with/{site.slug}/club/back"
    assert "/jwks" in provider.asked


def test_code_works_once_and_for_whoever_asked(site: Site) -> None:
    code = told(walk(Client(), site))["code"]
    for verifier in (None, "", "w" * 43, CHALLENGE):
        assert exchange(site, code, verifier).status_code == 401
    assert exchange(site, code, "v" * 129).status_code == 400
    assert exchange(site, code, origin="http://evil.example").status_code == 403
    assert exchange(make_site(origins=("blog.example",)), code).status_code == 401
    assert exchange(site, code).status_code == 201
    assert exchange(site, code).json()["code"] == "sign_in_invalid"


def test_one_subject_is_one_reader_of_each_site(site: Site, provider: Provider) -> None:
    provider.claims["email_verified"] = False
    other = make_site(origins=("blog.example",))
    enrol(other, provider)
    first, again, elsewhere = (
        exchange(where, told(walk(Client(), where))["code"]).json()["reader"]["id"] for where in (site, site, other)
    )
    assert first == again != elsewhere
    assert (Reader.objects.count(), Identity.objects.count()) == (2, 2)
    provider.claims["sub"] = "u-8"
    assert exchange(site, told(walk(Client(), site))["code"]).json()["reader"]["id"] not in (first, elsewhere)


def test_same_name_at_another_issuer_is_somebody_else(site: Site, provider: Provider) -> None:
    provider.claims = {"sub": "u-7", "email": BEN}
    with provider_on_loopback() as other:
        other.claims = {"sub": "u-7", "email": BEN}
        walk(Client(), site)
        enrol(site, other)
        walk(Client(), site)
    assert Reader.objects.filter(site=site).count() == 2


def test_nobody_becomes_a_user_of_django(site: Site) -> None:
    walk(Client(), site)
    for model in (get_user_model(), Session, SocialAccount, SocialApp, SocialToken, EmailAddress):
        assert model.objects.count() == 0


@pytest.mark.parametrize(
    ("proven", "is_hers"), [(True, True), ("true", True), (False, False), (None, False), (1, False)]
)
def test_address_counts_only_where_it_is_proven(site: Site, provider: Provider, proven: Any, is_hers: bool) -> None:
    known = make_reader(site, BEN)
    provider.claims |= {"email": BEN, "email_verified": proven}
    reader = exchange(site, told(walk(Client(), site))["code"]).json()["reader"]
    assert (reader["id"] == known.pk) is is_hers
    assert reader["email"] == (BEN if is_hers else None)


def test_userinfo_adds_what_the_token_lacks_of_the_same_subject(site: Site, provider: Provider) -> None:
    provider.claims = {"sub": "u-7"}
    provider.userinfo = {"sub": "u-7", "name": "Benjamin", "email": BEN, "email_verified": True}
    assert exchange(site, told(walk(Client(), site))["code"]).json()["reader"]["name"] == "Benjamin"
    provider.claims, provider.userinfo["sub"] = {"sub": "u-9"}, "u-7"
    other = exchange(site, told(walk(Client(), site))["code"]).json()["reader"]
    assert (other["name"], other["email"]) == ("", None)


def test_name_that_she_chose_stays_and_nobody_passes_for_staff(site: Site, provider: Provider) -> None:
    make_member(site, ADA, first_name="Ada", last_name="Byron")
    provider.claims["name"] = "ada byron"
    assert exchange(site, told(walk(Client(), site))["code"]).json()["reader"]["name"] == ""
    Reader.objects.update(name="Bee")
    provider.claims["name"] = "Ben"
    assert exchange(site, told(walk(Client(), site))["code"]).json()["reader"]["name"] == "Bee"


def test_cookie_is_of_these_addresses_alone(site: Site) -> None:
    client = Client()
    response = start(client, site)
    (cookie,) = response.cookies.values()
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/sign-in/with/", True, "Lax")
    assert cookie["max-age"] == 600 and len(cookie.value) < 3000
    assert CHALLENGE not in cookie.value and ORIGIN not in cookie.value
    for _ in range(5):
        response = start(client, site)
    assert len(next(iter(response.cookies.values())).value) < 3000
    back = client.get(consent(response))
    assert back.cookies["afterword_sign_in"]["max-age"] == 0 and set(back.cookies) == {"afterword_sign_in"}
    for answer in (response, back):
        assert answer["Cache-Control"] == "no-store"
        assert answer["Cross-Origin-Opener-Policy"] == "unsafe-none"


def test_browser_that_did_not_ask_is_not_signed_in(site: Site, provider: Provider) -> None:
    back = consent(start(Client(), site))
    stranger = Client().get(back)
    assert stranger.status_code == 401 and "code" not in told(stranger) and told(stranger)["origin"] == ""
    client = Client()
    back = consent(start(client, site))
    other = make_site()
    enrol(other, provider)
    # Neither at another site nor with another state, and once.
    assert "code" not in told(client.get(back.replace(site.slug, other.slug)))
    client = Client()
    back = consent(start(client, site))
    saved = client.cookies["afterword_sign_in"].value
    assert "code" in told(client.get(back))
    client.cookies["afterword_sign_in"] = saved
    assert told(client.get(back))["error"] == "failed"
    client.cookies["afterword_sign_in"] = saved[:-9] + "AAAAAAAAA"
    assert client.get(back).status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        {"origin": "http://evil.example", "challenge": CHALLENGE},
        {"origin": "http://blog.example.evil.example", "challenge": CHALLENGE},
        {"origin": "http://blog.example/path", "challenge": CHALLENGE},
        {"origin": "http://blog.example:81", "challenge": CHALLENGE},
        {"origin": "null", "challenge": CHALLENGE},
        {"origin": "*", "challenge": CHALLENGE},
        {"origin": "javascript:alert(1)", "challenge": CHALLENGE},
        {"origin": "http://[", "challenge": CHALLENGE},
        {"origin": ORIGIN},
        {"origin": ORIGIN, "challenge": "short"},
        {"challenge": "x"},
    ],
)
def test_only_pages_of_the_site_may_ask(site: Site, provider: Provider, query: dict[str, str]) -> None:
    answer = start(Client(), site, **query)
    assert answer.status_code in {400, 403} and not answer.cookies
    assert provider.asked == []


def test_page_without_tls_gets_nothing_where_ours_has_it(site: Site, settings: Any) -> None:
    settings.PUBLIC_URL = "https://talk.example"
    assert start(Client(), site).status_code == 403


def test_reader_may_change_her_mind(site: Site) -> None:
    answer = walk(Client(), site, "no")
    assert (answer.status_code, told(answer)["error"], told(answer)["origin"]) == (401, "cancelled", ORIGIN)
    assert Reader.objects.count() == 0


@pytest.mark.parametrize(
    "overrides",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"iss": "http://127.0.0.1:1"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 300},
        {"sub": "a\x00b"},
        {"sub": {"a": 1}},
    ],
)
def test_token_that_proves_nobody_signs_nobody_in(site: Site, provider: Provider, overrides: dict[str, Any]) -> None:
    provider.overrides = overrides
    if not isinstance(overrides.get("sub", ""), str):
        provider.claims = {"email": BEN}
    try:
        answer = walk(Client(), site)
    finally:
        assert Reader.objects.count() == 0
    assert (answer.status_code, told(answer)["error"]) == (401, "failed")


def test_token_of_another_key_or_kind_signs_nobody_in(site: Site, provider: Provider) -> None:
    provider.signs_with = rsa.generate_private_key(65537, 2048)
    assert told(walk(Client(), site))["error"] == "failed"
    provider.signs_with, provider.algorithm = SECRET * 2, "HS256"
    assert told(walk(Client(), site))["error"] == "failed"
    provider.signs_with, provider.algorithm = None, "none"
    assert told(walk(Client(), site))["error"] == "failed"
    assert Reader.objects.count() == 0


NONSENSE = [
    b"", b"null", b"[]", b"7", b'"x"', b"{", b"\xff\xfe", b"<html>", b"[" * 100_000, b'{"keys": 7}', b'{"keys": [7]}',
    b'{"access_token": {}, "id_token": 7}', b'{"access_token": "x", "expires_in": "x"}',
    b'{"access_token": "x", "expires_in": ' + b"9" * 400 + b"}", b'{"access_token": "x", "id_token": "a.b.c"}',
    b'{"issuer": 7, "authorization_endpoint": 7, "token_endpoint": []}',
    b'{"authorization_endpoint": "javascript:alert(1)"}', b"x" * 300_000,
]  # fmt: skip


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks"])
@pytest.mark.parametrize("status", [200, 302, 500])
def test_nonsense_of_a_provider_is_a_page(site: Site, provider: Provider, path: str, status: int) -> None:
    for body in NONSENSE:
        client = Client()
        if path.startswith("/."):
            provider.answers = {path: (status, body)}
            answer = start(client, site)
        else:
            back = consent(start(client, site))
            provider.answers = {path: (status, body)}
            answer = client.get(back)
        assert (answer.status_code, told(answer)["origin"]) == (401, ORIGIN), (body[:60], answer)
        assert told(answer)["error"] in {"failed", "unreachable"}
        provider.answers = {}
    assert Reader.objects.count() == 0


def test_provider_that_is_away_is_a_page(site: Site, provider: Provider) -> None:
    client = Client()
    back = consent(start(client, site))
    provider.server.shutdown()
    provider.server.server_close()
    for answer in (client.get(back), start(client, site)):
        assert (answer.status_code, told(answer)["error"]) == (401, "unreachable")


def test_private_address_is_reached_only_where_the_operator_said_so(site: Site, provider: Provider) -> None:
    SocialLogin.objects.update(is_inside=False)
    assert told(start(Client(), site))["error"] == "unreachable"
    SocialLogin.objects.update(server_url=provider.url.replace("http:", "https:"))
    assert told(start(Client(), site))["error"] == "unreachable"
    assert provider.asked == []
    # A provider inside does not lead us to its neighbours.
    with provider_on_loopback() as neighbour:
        SocialLogin.objects.update(is_inside=True, server_url=provider.url)
        config = provider.get("/.well-known/openid-configuration", {})[2]
        client = Client()
        moved = config.replace(f'"{provider.url}/token"'.encode(), f'"{neighbour.url}/token"'.encode())
        provider.answers = {"/.well-known/openid-configuration": (200, moved)}
        assert told(walk(client, site))["error"] == "unreachable"
        assert neighbour.asked == []


@pytest.mark.parametrize(
    "query", ["", "?state=", "?code=x", "?state=x&code=y", "?error=x&state=%F0%9F%90%9D", "?code=%22"]
)
def test_address_to_come_back_to_takes_anything(site: Site, query: str) -> None:
    answer = Client().get(f"/sign-in/with/{site.slug}/club/back{query}")
    assert answer.status_code == 401 and told(answer)["origin"] == ""


def test_unknown_and_revoked_logins_are_not_there(site: Site) -> None:
    assert Client().get(f"/sign-in/with/{site.slug}/other").status_code == 404
    assert Client().get("/sign-in/with/nowhere/club").status_code == 404
    assert Client().get(f"/sign-in/with/{site.slug}/{'x' * 5000}").status_code == 404
    revoke_social_login(SocialLogin.objects.get())
    assert start(Client(), site).status_code == 404


def test_none_of_the_pages_of_allauth_is_reachable() -> None:
    for name in ("account_login", "account_signup", "socialaccount_signup", "account_email", "openid_connect_login"):
        with pytest.raises(NoReverseMatch):
            reverse(name)
    assert not [name for name in settings.MIDDLEWARE if "allauth" in name]
    assert apps.is_installed("allauth.socialaccount") and not apps.is_installed("allauth.headless")


def test_page_has_a_button_for_each_provider(site: Site, client: Client) -> None:
    article = make_article(site)
    page = client.get(f"/a/{article.pk}")
    assert f'href="/sign-in/with/{site.slug}/club"' in page.content.decode() and not page.cookies
    revoke_social_login(SocialLogin.objects.get())
    assert "/sign-in/with/" not in client.get(f"/a/{article.pk}").content.decode()


def test_command_makes_a_login_and_keeps_its_secret_sealed(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    site = make_site()
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    call_command("create_social_login", site.slug, "google", "--client-id=id", f"--secret-file={file}")
    assert capsys.readouterr().out.strip() == f"{settings.PUBLIC_URL}/sign-in/with/{site.slug}/google/back"
    row = SocialLogin.objects.get()
    assert (row.label, row.server_url) == ("Google", "https://accounts.google.com")
    assert SECRET not in row.secret and unseal(row.secret) == SECRET
    with pytest.raises(CommandError):
        call_command("create_social_login", site.slug, "club", client_id="id", server_url="http://127.0.0.1/")


@pytest.mark.parametrize(
    "given",
    [
        {"server_url": "http://id.example"},
        {"server_url": "https://"},
        {"server_url": "https://id.example:x"},
        {"server_url": "ftp://id.example", "is_inside": True},
        {"server_url": ""},
        {"client_id": ""},
        {"label": "x" * 61},
    ],
)
def test_login_that_could_not_work_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Problem):
        add_social_login(make_site(), "club", **{"client_id": "id", "server_url": "https://id.example", **given})


def test_query_of_the_redirect_is_only_ours(site: Site) -> None:
    answer = start(Client(), site, origin=ORIGIN, challenge=CHALLENGE, scope="admin", auth_params="a=b", next="//x")
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert "admin" not in query["scope"][0] and "a" not in query and "next" not in query, urlencode(query)
