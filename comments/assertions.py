"""What a publisher says of its reader: the tokens of single sign-on, checked without a database.

Two forms are taken: JSON Web Tokens (HS256 with a shared secret, RS256 and ES256 with a key of a JWK set) and Disqus'
`remote_auth_s3`. Which algorithm is right follows from what the site has set up, never from the token alone: a public
key is never taken for a shared secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt

MAX_TOKEN: Final = 8_000
MAX_SUBJECT: Final = 255
LONGEST: Final = 600  # seconds between iat and exp, and the age of a Disqus message
SKEW: Final = 30
SIGNED_BY_KEY: Final = frozenset({"RS256", "ES256"})
DISQUS: Final = re.compile(r"([A-Za-z0-9+/]+={0,2}) ([0-9a-f]{40}) ([0-9]{1,12})")


class Refused(Exception):  # noqa: N818 — what the client is told
    """The token is not taken; the text says why, without anything of it."""


class UnknownKey(Exception):  # noqa: N818 — may be known in a moment
    """No key of the site has the name that the token gives."""


@dataclass(frozen=True)
class Trust:
    """One thing that a site trusts: a shared secret, or public keys; and what tokens must say of both sides."""

    id: int
    audience: str = ""
    issuer: str = ""
    secret: str = ""
    keys: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Assertion:
    """Who signs in, as her publisher says: `email` only where it says that the address is verified.

    `once` names the token, so that it is taken once, and `lives` is for how many seconds it could be sent again.
    """

    subject: str
    once: str
    lives: int
    name: str = ""
    email: str = ""
    url: str = ""


def read_jwt(token: str, hmacs: Sequence[Trust], keys: Sequence[Trust], now: float) -> Assertion:
    """Return what a JWT says. Refused: not one of this site's, too old, for too long, or without what it must have.

    UnknownKey: signed with a key that none of `keys` has.
    """
    if len(token) > MAX_TOKEN or not token.isascii():
        raise Refused("The token is too long, or no token at all.")
    try:
        header = jwt.get_unverified_header(token)
        claims = _claims(token, header, hmacs, keys)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise Refused(f"The token is not taken: {_why(error)}.") from error
    return _assertion(token, claims, now)


def read_disqus(message: str, trusts: Sequence[Trust], now: float) -> Assertion:
    """Return what a `remote_auth_s3` says: base64 of JSON, HMAC-SHA1 over it and the time, the time, parted by blanks.

    Refused: not signed with a secret of the site's, older than ten minutes, or of nobody (an empty object signs out).
    """
    found = DISQUS.fullmatch(message) if len(message) <= MAX_TOKEN else None
    if found is None:
        raise Refused("The message is not in the form of remote_auth_s3.")
    encoded, signature, moment = found.groups()
    signed = f"{encoded} {moment}".encode()
    if not any(_signs(trust.secret, signed, signature) for trust in trusts):
        raise Refused("The message is not signed with a secret of this site.")
    if not -SKEW <= now - int(moment) <= LONGEST:
        raise Refused("The message is too old, or from the future.")
    try:
        said = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Refused("The message holds no JSON.") from error
    if not isinstance(said, dict) or not said:
        raise Refused("The message says that nobody is signed in.")
    once = hashlib.sha256(message.encode()).hexdigest()
    lives = LONGEST + SKEW
    return Assertion(_subject(said.get("id")), once, lives, name=_text(said, "username"), url=_text(said, "url"))


def _claims(token: str, header: Mapping[str, Any], hmacs: Sequence[Trust], keys: Sequence[Trust]) -> dict[str, Any]:
    algorithm = header.get("alg")
    if algorithm == "HS256":
        tries: list[tuple[Trust, Any]] = [(trust, trust.secret) for trust in hmacs]
    elif algorithm in SIGNED_BY_KEY:
        tries = [(trust, jwt.PyJWK(dict(key), algorithm)) for trust, key in _named(header, keys, algorithm)]
        if not tries and keys:
            raise UnknownKey
    else:
        raise jwt.InvalidAlgorithmError("this algorithm is not taken")
    failure: jwt.PyJWTError = jwt.InvalidAlgorithmError("the site has no sign-on of this kind")
    for trust, key in tries:
        try:
            return _decoded(token, key, str(algorithm), trust)
        except jwt.PyJWTError as error:
            failure = error
    raise failure


def _named(header: Mapping[str, Any], keys: Sequence[Trust], algorithm: str) -> list[tuple[Trust, Mapping[str, Any]]]:
    """Return the keys that a token may be signed with: of its name, or all where it names none."""
    kind, name = "RSA" if algorithm == "RS256" else "EC", header.get("kid")
    listed = [(trust, key) for trust in keys for key in trust.keys if key.get("kty") == kind]
    return [(trust, key) for trust, key in listed if name is None or key.get("kid") == name]


def _decoded(token: str, key: Any, algorithm: str, trust: Trust) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        audience=trust.audience,
        issuer=trust.issuer or None,
        leeway=SKEW,
        options={"require": ["exp", "iat", "sub", "aud"], "enforce_minimum_key_length": True},
    )
    return claims


def _assertion(token: str, claims: Mapping[str, Any], now: float) -> Assertion:
    issued, expires = claims["iat"], claims["exp"]
    if not all(isinstance(moment, int | float) and 0 < moment < 1e12 for moment in (issued, expires)):
        raise Refused("The token is not taken: its times are no numbers.")
    if expires - issued > LONGEST:
        raise Refused(f"The token is not taken: it lives longer than {LONGEST} seconds.")
    jti = claims.get("jti")
    once = f"jti:{jti}" if isinstance(jti, str) and jti else hashlib.sha256(token.encode()).hexdigest()
    return Assertion(
        _subject(claims.get("sub")),
        once,
        lives=max(0, int(expires - now)) + SKEW + 1,
        name=_text(claims, "name"),
        email=_text(claims, "email") if claims.get("email_verified") is True else "",
        url=_text(claims, "url"),
    )


def _subject(value: Any) -> str:
    subject = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        raise Refused("The token does not say who signs in.")
    return subject


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _signs(secret: str, signed: bytes, signature: str) -> bool:
    # Disqus' own form, which sites send: SHA-1 in an HMAC is not broken.
    mac = hmac.new(secret.encode(), signed, hashlib.sha1).hexdigest()
    return hmac.compare_digest(mac.encode(), signature.encode())


def _why(error: Exception) -> str:
    known = {
        jwt.ExpiredSignatureError: "it has expired",
        jwt.ImmatureSignatureError: "its time has not come",
        jwt.InvalidAudienceError: "it is meant for somebody else",
        jwt.InvalidIssuerError: "it comes from somebody else",
        jwt.InvalidSignatureError: "its signature is wrong",
        jwt.MissingRequiredClaimError: "a claim is missing; it needs aud, exp, iat and sub",
        jwt.InvalidAlgorithmError: "this site takes no such algorithm",
    }
    return known.get(type(error), "it is no JSON Web Token")
