"""How publishers vouch for their readers: secrets that are shared with us, and public keys that we read from them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db.models import Q
from django.db.models.functions import Now

from articles.models import SignOn, Site
from project.errors import refused_field
from project.http import FetchError, fetch
from project.sealed import seal

Kind = SignOn.Kind

SHORTEST: Final = 32
MAX_KEYS: Final = 50
MAX_SET: Final = 100_000
# A set is read anew this often, and for a key that nobody knows at most so often.
READ_EVERY: Final = timedelta(hours=1)
READ_AT_MOST: Final = timedelta(seconds=30)


def add_sign_on(
    site: Site,
    kind: str,
    *,
    secret: str = "",
    keys: str = "",
    keys_url: str = "",
    issuer: str = "",
    audience: str = "",
    public_key: str = "",
) -> tuple[SignOn, str]:
    """Let a publisher vouch for readers; return the row, and the shared secret, which is made where none is given.

    Several hold at once, so that a secret can be replaced without a gap. `audience` is the site's slug unless given.
    Problem: validation_failed, naming the field.
    """
    if kind not in Kind.values:
        raise refused_field("kind", "unknown_choice", f"One of {', '.join(Kind.values)}.")
    row = SignOn(site=site, kind=kind, issuer=issuer, audience=audience or site.slug, public_key=public_key)
    if kind == Kind.KEYS:
        secret = ""
        row.keys, row.keys_url = _given_keys(keys, keys_url)
    else:
        secret = secret or secrets.token_urlsafe(48)
        if len(secret) < SHORTEST:
            raise refused_field("secret", "too_short", f"A secret has at least {SHORTEST} characters.")
        row.secret = seal(secret)
    row.save()
    return row, secret


def revoke_sign_on(sign_on: SignOn) -> None:
    """Let a sign-on vouch for nobody any more; sessions that it opened live on."""
    SignOn.objects.filter(pk=sign_on.pk, revoked_at=None).update(revoked_at=Now())


def due_key_sets(limit: int) -> list[int]:
    """Return the ids of sign-ons whose keys should be read again."""
    old = Q(keys_read_at=None) | Q(keys_read_at__lt=Now() - READ_EVERY)
    rows = SignOn.objects.filter(old, revoked_at=None, kind=Kind.KEYS).exclude(keys_url="")
    return list(rows.order_by("keys_read_at").values_list("pk", flat=True)[:limit])


def read_keys(sign_on_id: int) -> bool:
    """Read a key set from where its publisher keeps it; True if it was read.

    At most every 30 seconds, however often somebody comes with an unknown key. A set that cannot be read leaves the
    old one as it is.
    """
    mine = SignOn.objects.filter(pk=sign_on_id, revoked_at=None, kind=Kind.KEYS).exclude(keys_url="")
    lately = Q(keys_read_at=None) | Q(keys_read_at__lt=Now() - READ_AT_MOST)
    if not mine.filter(lately).update(keys_read_at=Now()):
        return False
    url = mine.values_list("keys_url", flat=True).first() or ""
    try:
        keys = usable_keys(json.loads(fetch(url, limit=MAX_SET, accept="application/json")))
    except (FetchError, ValueError, RecursionError):
        return False
    if keys:
        mine.update(keys={"keys": keys})
    return bool(keys)


def usable_keys(given: Any) -> list[dict[str, Any]]:
    """Return the public signing keys of a JWK set: RSA, and EC on P-256; never a symmetric or private one."""
    listed = given.get("keys") if isinstance(given, Mapping) else None
    if not isinstance(listed, list):
        return []
    return [dict(key) for key in listed[:MAX_KEYS] if isinstance(key, dict) and _is_usable(key)]


def _is_usable(key: Mapping[str, Any]) -> bool:
    fits = key.get("kty") == "RSA" or (key.get("kty") == "EC" and key.get("crv") == "P-256")
    return fits and "d" not in key and key.get("use", "sig") == "sig"


def _given_keys(keys: str, keys_url: str) -> tuple[dict[str, Any], str]:
    if keys_url and not keys_url.startswith("https://"):
        raise refused_field("keys_url", "url_invalid", "Keys are read over https.")
    found: list[dict[str, Any]] = []
    if keys:
        try:
            found = usable_keys(json.loads(keys))
        except (ValueError, RecursionError):
            found = []
        if not found:
            raise refused_field("keys", "no_keys", "This is no JWK set with a public RSA or P-256 key.")
    elif not keys_url:
        raise refused_field("keys", "required", "Give a JWK set, or the address that it is read from.")
    return {"keys": found} if found else {}, keys_url
