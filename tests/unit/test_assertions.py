"""Tokens of publishers: what is taken, and every way in which one must not be."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from comments.assertions import LONGEST, Refused, Trust, UnknownKey, read_disqus, read_jwt

SECRET = "a secret of thirty-two characters"
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
HMACS = [Trust(1, "sketch", "", SECRET)]
KEYS = [
    Trust(
        2,
        "sketch",
        "https://sketch.example.org",
        keys=(
            {**RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True), "kid": "one"},
            {**ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True), "kid": "two"},
        ),
    )
]
NOW = time.time()


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"sub": "7", "aud": "sketch", "iat": now, "exp": now + 300, "iss": "https://sketch.example.org"}
    return {name: value for name, value in (said | changes).items() if value is not None}


def hs256(**changes: Any) -> str:
    return jwt.encode(claims(**changes), SECRET, "HS256")


def read(token: str, hmacs: Any = HMACS, keys: Any = KEYS) -> Any:
    return read_jwt(token, hmacs, keys, time.time())


def test_each_algorithm_is_taken_with_its_own_key() -> None:
    for token in (
        hs256(),
        jwt.encode(claims(), RSA_KEY, "RS256", {"kid": "one"}),
        jwt.encode(claims(), EC_KEY, "ES256", {"kid": "two"}),
        jwt.encode(claims(), EC_KEY, "ES256"),
    ):
        assert read(token).subject == "7"


def test_address_is_believed_only_where_it_is_said_to_be_verified() -> None:
    who = {"email": "ben@example.org", "name": "Ben", "url": "https://ben.example.org"}
    said = read(hs256(**who, email_verified=True))
    assert (said.email, said.name, said.url) == ("ben@example.org", "Ben", "https://ben.example.org")
    for value in (None, False, "true", 1):
        assert read(hs256(**who, email_verified=value)).email == ""


def test_old_and_new_secret_hold_side_by_side() -> None:
    both = [Trust(3, "sketch", "", "another secret of thirty-two letters"), *HMACS]
    assert read(hs256(), both).subject == "7"


def unsigned(header: dict[str, Any], said: Any = None) -> str:
    parts = [header, claims() if said is None else said]
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."


def confused() -> str:
    """Signed by HMAC, with the public key for a secret, as if a verifier took the token's word for the algorithm."""
    head = unsigned({"alg": "HS256", "typ": "JWT", "kid": "one"})[:-1]
    mac = hmac.new(PEM, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


# Made when they are tried, or each would soon be refused for its age alone.
BAD: dict[str, Callable[[], str]] = {
    "expired": lambda: hs256(iat=int(time.time()) - 400, exp=int(time.time()) - 100),
    "lives too long": lambda: hs256(exp=int(time.time()) + LONGEST + 2),
    "from the future": lambda: hs256(iat=int(time.time()) + 3_000, exp=int(time.time()) + 3_100),
    "not yet": lambda: hs256(nbf=int(time.time()) + 3_000),
    "other audience": lambda: hs256(aud="another"),
    "audience inside a word": lambda: hs256(aud="sketches"),
    "no audience": lambda: hs256(aud=None),
    "no subject": lambda: hs256(sub=None),
    "blank subject": lambda: hs256(sub=""),
    "number for a subject": lambda: jwt.encode({**claims(), "sub": 7}, SECRET, "HS256"),
    "long subject": lambda: hs256(sub="x" * 256),
    "control characters": lambda: hs256(sub="a\x00b"),
    "half a character": lambda: hs256(sub="\ud800"),
    "no expiry": lambda: hs256(exp=None),
    "no beginning": lambda: hs256(iat=None),
    "endless": lambda: hs256(exp=10**30),
    "infinite": lambda: hs256(exp=float("inf")),
    "text for a time": lambda: hs256(iat="now"),
    "other secret": lambda: jwt.encode(claims(), SECRET + "x", "HS256"),
    "other hash": lambda: jwt.encode(claims(), SECRET * 2, "HS512"),
    "other key": lambda: jwt.encode(claims(), rsa.generate_private_key(65537, 2048), "RS256", {"kid": "one"}),
    "other issuer": lambda: jwt.encode(claims(iss="https://evil.example.net"), RSA_KEY, "RS256", {"kid": "one"}),
    "none": lambda: unsigned({"alg": "none"}),
    "None": lambda: unsigned({"alg": "None"}),
    "no algorithm": lambda: unsigned({"typ": "JWT"}),
    "algorithm that is a list": lambda: unsigned({"alg": ["HS256"]}),
    "public key as a secret": lambda: confused(),
    "key in the header": lambda: jwt.encode(
        claims(),
        rsa.generate_private_key(65537, 2048),
        "RS256",
        {"jwk": RSAAlgorithm.to_jwk(RSA_KEY.public_key(), True)},
    ),
    "critical header": lambda: jwt.encode(claims(), SECRET, "HS256", {"crit": ["unheard-of"], "unheard-of": 1}),
    "list for claims": lambda: unsigned({"alg": "HS256"}, []),
    "deep": lambda: (
        unsigned({"alg": "HS256"}).split(".")[0] + "." + base64.urlsafe_b64encode(b"[" * 4_000).decode() + ".x"
    ),
    "deep header": lambda: base64.urlsafe_b64encode(b"[" * 4_000).decode() + ".x.x",
    "cut": lambda: hs256()[:-1],
    "longer": lambda: hs256() + "x",
    "empty": lambda: "",
    "dots": lambda: "....",
    "long": lambda: "x" * 1_000_000,
    "not ASCII": lambda: "é.é.é",
    "fullwidth digits": lambda: "１.２.３",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_token_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(BAD[name]())
    assert SECRET not in str(refusal.value)


def test_unknown_key_is_another_matter() -> None:
    with pytest.raises(UnknownKey):
        read(jwt.encode(claims(), RSA_KEY, "RS256", {"kid": "three"}))
    with pytest.raises(Refused):
        read(jwt.encode(claims(), RSA_KEY, "RS256", {"kid": "three"}), keys=[])


def test_every_single_change_of_a_signature_is_refused() -> None:
    head, _, mac = hs256().rpartition(".")
    # The last character has two bits that no byte has.
    for place in range(len(mac) - 1):
        with pytest.raises(Refused):
            read(f"{head}.{mac[:place]}{'B' if mac[place] == 'A' else 'A'}{mac[place + 1 :]}")


def disqus(said: Any, moment: float = NOW, secret: str = SECRET) -> str:
    encoded = base64.b64encode(json.dumps(said).encode()).decode()
    signature = hmac.new(secret.encode(), f"{encoded} {int(moment)}".encode(), hashlib.sha1).hexdigest()
    return f"{encoded} {signature} {int(moment)}"


BEN = {"id": "7", "username": "Ben", "email": "ben@example.org"}


def test_disqus_message_says_who_signs_in_and_proves_no_address() -> None:
    said = read_disqus(disqus(BEN | {"id": 7}), HMACS, NOW)
    assert (said.subject, said.name, said.email) == ("7", "Ben", "")


@pytest.mark.parametrize(
    "message",
    [
        disqus({}),
        disqus([]),
        disqus("x"),
        disqus({"username": "Ben"}),
        disqus(BEN, NOW - LONGEST - 60),
        disqus(BEN, NOW + 60),
        disqus(BEN, secret=SECRET + "x"),
        disqus(BEN).upper(),
        disqus(BEN).replace(" ", "  "),
        disqus(BEN) + "\n",
        disqus(BEN)[:-1] + "٣",
        disqus(BEN) + "0" * 20,
        disqus({"id": True}),
        disqus({"id": "x" * 300}),
        "",
        "  ",
        "a b c",
        "é é é",
        "x" * 1_000_000,
        f"W1tb {'0' * 40} {int(NOW)}",
    ],
    # Some bear the second in which they were made: as names they would differ between processes.
    ids=range(20),
)
def test_bad_disqus_message_is_refused(message: str) -> None:
    with pytest.raises(Refused):
        read_disqus(message, HMACS, NOW)
