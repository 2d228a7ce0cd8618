"""Signing in at an OpenID Connect provider: django-allauth walks the code flow with PKCE, we take whom it finds.

allauth would end in a user of Django's and its session. Here it ends before that, in what the provider says of a reader
(`finish`), and what has to be remembered meanwhile is in a sealed cookie of these two addresses alone. What allauth
leaves out is done here: the nonce, and the signature of the token whatever way it came.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from allauth.core import context
from allauth.socialaccount import app_settings
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.internal.statekit import STATES_SESSION_KEY
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthError
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from requests import RequestException

from articles.models import SocialLogin
from articles.services.sign_ons import usable_keys
from comments.assertions import MAX_SUBJECT, SKEW, Assertion
from project.guarded import guarded_session
from project.sealed import Broken, seal, unseal

COOKIE: Final = "afterword_sign_in"
COOKIE_PATH: Final = "/sign-in/with/"
COOKIE_SECONDS: Final = 600
# Sign-ins that one browser has under way; more would not fit into a cookie.
MOST_AT_ONCE: Final = 3
# What an answer breaks that is none of a provider's; and a secret that was sealed with another key.
NONSENSE: Final = (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError, Broken)


class Failed(Exception):  # noqa: N818 — a fact about the sign-in, no error of ours
    """Nobody has signed in: `reason` is cancelled, unreachable or failed; `flow` is None where we know of none."""

    def __init__(self, reason: str, flow: Flow | None = None) -> None:
        super().__init__(reason)
        self.reason, self.flow = reason, flow


@dataclass(frozen=True)
class Flow:
    """One sign-in under way: for a page of `origin`, which holds what `challenge` is the SHA-256 of."""

    origin: str
    challenge: str
    nonce: str


def begin(request: HttpRequest, login: SocialLogin, origin: str, challenge: str) -> HttpResponse:
    """Return what leads a browser to the provider. Failed: it cannot be asked where that is."""
    flow = Flow(origin, challenge, secrets.token_urlsafe(16))
    with _prepared(request, login):
        adapter = ProviderAdapter(request, login)
        try:
            if not _is_of(login, adapter.openid_config["authorization_endpoint"]):
                raise Failed("failed", flow)
            provider = adapter.get_provider()
            response: HttpResponse = provider.redirect(
                request, "login", data=asdict(flow), auth_params={"nonce": flow.nonce}
            )
            _keep(response, request.session)
        except RequestException as error:
            raise Failed("unreachable", flow) from error
        except NONSENSE as error:
            raise Failed("failed", flow) from error
    return response


def finish(request: HttpRequest, login: SocialLogin) -> tuple[Assertion, Flow]:
    """Return whom the provider has led back, and for which page. Failed: nobody, or nobody whom we sent there."""
    with _prepared(request, login):
        adapter = ProviderAdapter(request, login)
        adapter.flow = flow = _flow(request)
        try:
            OAuth2CallbackView.adapter_view(adapter)(request)
        except _Found as found:
            if flow is not None:
                return found.said, flow
        except _Stopped as stopped:
            raise Failed(stopped.reason, flow) from stopped.__cause__
        except RequestException as error:
            raise Failed("unreachable", flow) from error
        except NONSENSE as error:
            raise Failed("failed", flow) from error
    raise Failed("failed", flow)


def forget(response: HttpResponse) -> None:
    """Take the cookie back, once a sign-in is over."""
    response.delete_cookie(COOKIE, path=COOKIE_PATH, samesite="Lax")


class PopupSession(SessionStore):
    """What is remembered between the two addresses, encrypted in a cookie."""

    def load(self) -> dict[str, Any]:
        try:
            found = json.loads(unseal(self.session_key or ""))
        except (Broken, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _get_session_key(self) -> str:
        states = self._session.get(STATES_SESSION_KEY, {})  # type: ignore[attr-defined]
        newest = sorted(states, key=lambda name: states[name][1])[-MOST_AT_ONCE:]
        return seal(json.dumps({STATES_SESSION_KEY: {name: states[name] for name in newest}}))


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """What allauth asks of an installation: how to reach the provider, and what to do where it fails."""

    def get_requests_session(self) -> Any:
        login: SocialLogin = self.request.allauth.login
        inside = urlsplit(login.server_url).netloc if login.is_inside else ""
        return guarded_session(seconds=app_settings.REQUESTS_TIMEOUT, inside=inside)

    def on_authentication_error(self, *args: Any, error: Any = None, exception: Any = None, **others: Any) -> None:
        if isinstance(exception, RequestException):
            raise _Stopped("unreachable") from exception
        raise _Stopped("cancelled" if error == AuthError.CANCELLED else "failed") from exception


class ProviderAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """One login of a site as allauth sees a provider; its row stands for allauth's own."""

    flow: Flow | None = None

    def __init__(self, request: HttpRequest, login: SocialLogin) -> None:
        self.login = login
        super().__init__(request, f"{login.site.slug}/{login.name}")

    def get_provider(self) -> OpenIDConnectProvider:
        """Return the provider with an application that is nowhere stored."""
        kept = {"server_url": self.login.server_url, "oauth_pkce_enabled": True}
        app = SocialApp(provider="openid_connect", provider_id=self.provider_id, name=self.login.label, settings=kept)
        app.client_id, app.secret = self.login.client_id, unseal(self.login.secret) if self.login.secret else ""
        provider = OpenIDConnectProvider(self.request, app=app)
        provider.get_oauth2_adapter = lambda request: self
        return provider

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        arguments = [self.login.site.slug, self.login.name]
        return f"{settings.PUBLIC_URL}{reverse('social_back', args=arguments)}"

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> Any:
        """Say who was found; allauth would go on to a user of Django's. OAuth2Error: the token proves nobody."""
        if self.openid_config["issuer"].rstrip("/") != self.login.server_url:
            raise OAuth2Error("another issuer")
        try:
            claims = self._claims(kwargs["response"].get("id_token"))
        except jwt.PyJWTError as error:
            raise OAuth2Error("invalid id_token") from error
        if "email" not in claims and "userinfo_endpoint" in self.openid_config:
            told = self._json(self.profile_url, {"Authorization": f"Bearer {token.token}"})
            if told.get("sub") == claims["sub"]:
                claims = {**told, **claims}
        raise _Found(_assertion(claims))

    def _claims(self, id_token: str) -> dict[str, Any]:
        """Return what the token says, once its signature, issuer, audience, times and nonce are right."""
        header = jwt.get_unverified_header(id_token)
        algorithm = header.get("alg")
        kind = {"RS256": "RSA", "ES256": "EC"}.get(algorithm or "")
        keys = [key for key in usable_keys(self._json(self.openid_config["jwks_uri"])) if key["kty"] == kind]
        key = next((key for key in keys if header.get("kid") in (None, key.get("kid"))), None)
        if key is None or algorithm is None:
            raise OAuth2Error("no such key")
        claims: dict[str, Any] = jwt.decode(
            id_token,
            jwt.PyJWK(key, algorithm),
            algorithms=[algorithm],
            audience=self.login.client_id,
            issuer=self.openid_config["issuer"],
            leeway=SKEW,
            options={"require": ["exp", "iat", "sub", "aud", "iss"], "enforce_minimum_key_length": True},
        )
        is_for_others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if is_for_others and claims.get("azp") != self.login.client_id:
            raise OAuth2Error("meant for another client")
        if self.flow is None or claims.get("nonce") != self.flow.nonce:
            raise OAuth2Error("another nonce")
        return claims

    def _json(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        with get_adapter().get_requests_session() as session:
            answer = session.get(url, headers=headers)
            answer.raise_for_status()
            found = answer.json()
        if not isinstance(found, dict):
            raise OAuth2Error("no object")
        return found


def provider_key(login: SocialLogin) -> str:
    """Return under what a provider's subjects are kept: its issuer decides, whatever the login is called."""
    return f"openid:{hashlib.sha256(login.server_url.encode()).hexdigest()[:24]}"


class _Found(Exception):  # noqa: N818 — carries the result out of allauth
    def __init__(self, said: Assertion) -> None:
        super().__init__()
        self.said = said


class _Stopped(Exception):  # noqa: N818 — carries the reason out of allauth
    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


@contextmanager
def _prepared(request: HttpRequest, login: SocialLogin) -> Iterator[None]:
    """Give the request what allauth looks for, and nothing of a moderator's who may be signed in to Django."""
    session, request.session = request.session, PopupSession(request.COOKIES.get(COOKIE))
    request.user = AnonymousUser()
    request.allauth = SimpleNamespace(login=login)  # type: ignore[attr-defined]
    try:
        with context.request_context(request):
            yield
    finally:
        # Django's own middleware must see its own session, and set no cookie for ours.
        request.session = session


def _keep(response: HttpResponse, store: Any) -> None:
    store.save()
    response.set_cookie(
        COOKIE,
        store.session_key or "",
        max_age=COOKIE_SECONDS,
        path=COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _flow(request: HttpRequest) -> Flow | None:
    """Return the flow that the state in the address belongs to; whether it still holds is allauth's to say."""
    stored = request.session.get(STATES_SESSION_KEY, {}).get(request.GET.get("state", ""))
    return Flow(**stored[0]["data"]) if stored else None


def _is_of(login: SocialLogin, url: str) -> bool:
    """Say whether an address may be gone to: https, or the host itself that the operator keeps inside."""
    parts, own = urlsplit(url), urlsplit(login.server_url)
    return parts.scheme == "https" or (login.is_inside and (parts.scheme, parts.netloc) == (own.scheme, own.netloc))


def _assertion(claims: Mapping[str, Any]) -> Assertion:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        raise OAuth2Error("no subject")
    name, email = (value if isinstance(value := claims.get(key), str) else "" for key in ("name", "email"))
    # Some providers write the truth as a word.
    is_proven = claims.get("email_verified") is True or claims.get("email_verified") == "true"
    return Assertion(subject, "", 0, name=name, email=email if is_proven else "")
