"""Who calls: a publisher's API key in `Authorization: Bearer awk_…`.

The key's site limits everything that its bearer may see or change: views start at `request.auth.site`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from articles.models import ApiKey
from articles.origins import check_write_origin
from project.errors import Problem
from project.tokens import api_key_digest

BEARER: Final = "Bearer"
KEY_PREFIX: Final = "awk_"
EDIT_PREFIX: Final = "awe_"
MAX_EDIT_TOKENS: Final = 100
REFUSED: Final = "The API key is not valid or has been revoked."


@dataclass(frozen=True)
class Credential:
    """What a request brings to show who sends it; the edit tokens are not proven yet."""

    api_key: ApiKey | None = None
    edit_tokens: tuple[str, ...] = ()


def bearer_token(request: HttpRequest) -> str:
    """Return the token of the `Authorization` header, "" where there is none of the scheme Bearer."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == BEARER.lower() else ""


def application_key(request: HttpRequest) -> ApiKey | None:
    """Return the API key that a program sends, as `Bearer` or as the password of `Basic`; None where it sends neither.

    Who its user is does not matter: the key is a site's. Problem unauthorized: a password or key that opens nothing.
    """
    plain = bearer_token(request)
    if not plain.startswith(KEY_PREFIX):
        plain = _basic_password(request)
    if not plain:
        return None
    api_key = find_api_key(plain)
    if api_key is None:
        raise Problem("unauthorized", REFUSED)
    return api_key


def _basic_password(request: HttpRequest) -> str:
    """Return the password of the `Authorization` header, "" where there is none of the scheme Basic (RFC 7617)."""
    scheme, _, encoded = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        pair = ""
    password = pair.partition(":")[2].strip()
    if not password:
        raise Problem("unauthorized", REFUSED)
    return password


def find_api_key(plain: str) -> ApiKey | None:
    """Return the key, with its site, that the plain text opens; None for any other text. One query."""
    keys = ApiKey.objects.filter(digest=api_key_digest(plain), revoked_at=None)
    return keys.select_related("site").first()


def credential(request: HttpRequest) -> Credential:
    """Return what a plain view's request brings along; no query without an API key.

    Problem: unauthorized for an API key that is not valid, so that a typo is never taken for an anonymous reader.
    """
    token = bearer_token(request)
    listed = request.headers.get("X-Afterword-Edit-Tokens", "").split(",", MAX_EDIT_TOKENS)[:MAX_EDIT_TOKENS]
    edit_tokens = tuple(text for one in (token, *listed) if (text := one.strip()).startswith(EDIT_PREFIX))
    if not token.startswith(KEY_PREFIX):
        return Credential(edit_tokens=edit_tokens)
    api_key = find_api_key(token)
    if api_key is None:
        raise Problem("unauthorized", REFUSED, headers={"WWW-Authenticate": BEARER})
    return Credential(api_key, edit_tokens)


class ApiKeyAuthentication(BaseAuthentication):
    """`request.auth` becomes the ApiKey; its user is anonymous, because a key is no person.

    The Origin rule is applied to writes with a key here, where no view can forget it.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        """Return the key; None where no API key is sent.

        AuthenticationFailed (401): not valid or revoked. Problem origin_not_allowed: a write from a foreign page.
        """
        token = bearer_token(request._request)
        if not token.startswith(KEY_PREFIX):
            return None
        api_key = find_api_key(token)
        if api_key is None:
            raise AuthenticationFailed(REFUSED)
        if request.method not in SAFE_METHODS:
            check_write_origin(request._request, api_key.site)
        return AnonymousUser(), api_key

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return BEARER


def api_key_of(request: Request) -> ApiKey:
    """Return the key of a request that `HasScope` has let pass."""
    api_key: object = request.auth
    assert isinstance(api_key, ApiKey)
    return api_key


def HasScope(scope: str) -> type[BasePermission]:  # noqa: N802 — stands where a permission class stands
    """Return the permission of keys that carry `scope`: 401 without a key, 403 for a key without the scope."""

    class KeyHasScope(BasePermission):
        message = f"The key does not carry the scope {scope}."

        def has_permission(self, request: Request, view: APIView) -> bool:
            return isinstance(request.auth, ApiKey) and request.auth.allows(scope)

    return KeyHasScope
