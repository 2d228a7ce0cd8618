"""Opaque paging cursors: a short signed list of values that only leads on where it was given out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from functools import lru_cache
from typing import Any, Final

import orjson
from django.conf import settings

from project.errors import Problem
from project.tokens import Purpose

MAC_BYTES: Final = 12
MAX_LENGTH: Final = 2_000


def encode(scope: str, *values: Any) -> str:
    """Return an url-safe cursor; `scope` says what is paged and how (`thread:12:newest`), `values` are small JSON."""
    payload = orjson.dumps(values)
    return base64.urlsafe_b64encode(_mac(scope, payload) + payload).rstrip(b"=").decode()


def decode(scope: str, cursor: str) -> list[Any]:
    """Return the values of a cursor that `encode` made for the same scope.

    Problem `cursor_invalid`: forged, damaged, or given out for another list or order.
    """
    if not cursor.isascii() or len(cursor) > MAX_LENGTH:
        raise Problem("cursor_invalid")
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem("cursor_invalid") from error
    mac, payload = raw[:MAC_BYTES], raw[MAC_BYTES:]
    # Spare bits of the last character would give one cursor two spellings, and two entries in every cache.
    spelling = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    if spelling != cursor or not hmac.compare_digest(mac, _mac(scope, payload)):
        raise Problem("cursor_invalid")
    values: list[Any] = orjson.loads(payload)
    return values


def _mac(scope: str, payload: bytes) -> bytes:
    message = f"{len(scope)}:{scope}:".encode(errors="surrogatepass") + payload
    return hmac.digest(_key(settings.SECRET_KEY), message, "sha256")[:MAC_BYTES]


@lru_cache(maxsize=2)
def _key(secret: str) -> bytes:
    """Derive the key of all cursors once: a large page signs a thousand of them."""
    return hashlib.sha256(f"afterword.{Purpose.CURSOR.value}:{secret}".encode()).digest()
