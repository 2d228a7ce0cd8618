"""Everything that is signed, keyed or hashed: one purpose, one salt, so that no token opens another's door.

Signed tokens carry small JSON (django.core.signing, HMAC-SHA-256 over SECRET_KEY); keyed hashes are 128 bits of
HMAC-SHA-256; API keys are random and stored as a plain SHA-256, because 256 random bits need no slow hash.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from django.core import signing
from django.utils.crypto import salted_hmac

MAX_TOKEN_LENGTH: Final = 2_000
MAX_ID: Final = 2**63 - 1
EDIT_TOKEN: Final = re.compile(r"awe_([1-9][0-9]{0,18})\.([A-Za-z0-9_-]{22})")
VOTER_TOKEN: Final = re.compile(r"awv_([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{22})")
API_KEY_PREFIX_LENGTH: Final = 12
SESSION_PREFIX: Final = "aws_"
# Without I, L, O and U, which are misread or make words.
CODE_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Purpose(StrEnum):
    """What a token or keyed hash is for; the value is part of its salt and must never change."""

    CONFIRM_FOLLOW = "confirm-follow"
    NOT_ME = "not-me"
    LEAVE = "leave"
    MANAGE = "manage"
    NOTICES = "notices"
    EDIT_COMMENT = "edit-comment"
    VIEW_COMMENT = "view-comment"
    CURSOR = "cursor"
    ADDRESS = "address"
    VISITOR = "visitor"
    SIGN_VOTER = "sign-voter"
    VOTER = "voter"
    VOTERS_NETWORK = "voters-network"
    LIMIT = "limit"
    AUTHORS_NETWORK = "authors-network"
    REPORTER = "reporter"
    REPORTERS_NETWORK = "reporters-network"
    SIGN_IN = "sign-in"
    SIGN_IN_CODE = "sign-in-code"
    AT_REST = "at-rest"
    BOUNCE = "bounce"
    REPLY = "reply"
    REPLY_MAIL = "reply-mail"
    CHALLENGE = "challenge"
    SOLUTION = "solution"
    SHARED_ADDRESS = "shared-address"


class BadToken(Exception):  # noqa: N818 — a fact about the token, often no error of ours
    """The token was not made by us for this purpose; `expired` says that it was, but too long ago."""

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__("the token has expired" if expired else "the token is not valid")
        self.expired = expired


class EditToken(NamedTuple):
    """An edit token as read, not yet proven: load the comment, then ask `proves_edit`."""

    comment_id: int
    mac: str


class NewApiKey(NamedTuple):
    """`plain` is shown once, `prefix` may be shown for ever, `digest` is what is stored."""

    plain: str
    prefix: str
    digest: str


def sign(purpose: Purpose, payload: Any) -> str:
    """Return an url-safe token that carries `payload` (anything small that JSON holds), readable but not forgeable."""
    return signing.dumps(payload, salt=_salt(purpose))


def read(purpose: Purpose, token: str, max_age: timedelta | int | None = None) -> Any:
    """Return the payload of a token made by `sign` for the same purpose; `max_age` in seconds, None is for ever.

    BadToken: forged, damaged, of another purpose, or older than `max_age`.
    """
    if not token.isascii() or len(token) > MAX_TOKEN_LENGTH:
        raise BadToken
    try:
        return signing.loads(token, salt=_salt(purpose), max_age=max_age)
    except signing.SignatureExpired as error:
        raise BadToken(expired=True) from error
    except signing.BadSignature as error:
        raise BadToken from error


def keyed_hash(purpose: Purpose, *parts: str | int) -> str:
    """Return 32 hex digits that only this installation can compute; `("ab", "c")` and `("a", "bc")` differ."""
    text = "".join(f"{len(str(part))}:{part}" for part in parts)
    return salted_hmac(_salt(purpose), text.encode(errors="surrogatepass"), algorithm="sha256").hexdigest()[:32]


def edit_token(comment_id: int, nonce: str) -> str:
    """Return the bearer token of one comment, derived from its id and nonce, so that nothing secret is stored."""
    return f"awe_{comment_id}.{_edit_mac(comment_id, nonce)}"


def read_edit_token(token: str) -> EditToken | None:
    """Return the comment that the token speaks of and the proof it brings, None for anything of another shape."""
    found = EDIT_TOKEN.fullmatch(token)
    if found is None or int(found[1]) > MAX_ID:
        return None
    return EditToken(int(found[1]), found[2])


def proves_edit(token: EditToken, nonce: str) -> bool:
    """Say whether the token was made for that comment while it had this nonce, in constant time."""
    return hmac.compare_digest(token.mac, _edit_mac(token.comment_id, nonce))


def new_voter_token() -> str:
    """Return a token for a reader without an account: a random id that nobody else can sign; nothing is stored."""
    voter = secrets.token_urlsafe(16)
    return f"awv_{voter}.{_voter_mac(voter)}"


def read_voter_token(token: str) -> str:
    """Return the voter's id, 22 characters; BadToken for anything that `new_voter_token` has not made."""
    found = VOTER_TOKEN.fullmatch(token)
    if found is None or not hmac.compare_digest(found[2], _voter_mac(found[1])):
        raise BadToken
    return found[1]


def new_api_key() -> NewApiKey:
    """Return a fresh API key; the plain text cannot be had again."""
    plain = f"awk_{secrets.token_urlsafe(32)}"
    return NewApiKey(plain, plain[:API_KEY_PREFIX_LENGTH], api_key_digest(plain))


def api_key_digest(plain: str) -> str:
    """Return the 64 hex digits under which an API key is stored and looked up, for any string a client may send."""
    return hashlib.sha256(plain.encode(errors="surrogatepass")).hexdigest()


def new_session_token() -> str:
    """Return a fresh bearer token of a reader's session: 256 random bits; `session_digest` is what is stored of it."""
    return f"{SESSION_PREFIX}{secrets.token_urlsafe(32)}"


def session_digest(plain: str) -> str:
    """Return the 64 hex digits under which a session is stored and looked up, for any string a client may send."""
    return hashlib.sha256(plain.encode(errors="surrogatepass")).hexdigest()


def new_code() -> str:
    """Return a code that a person can type: 12 characters (60 bits) in groups of four, none of them alike."""
    letters = "".join(secrets.choice(CODE_LETTERS) for _ in range(12))
    return "-".join(letters[at : at + 4] for at in (0, 4, 8))


def code_hash(site_id: int, code: str, challenge: str = "") -> str:
    """Return 32 hex digits of a code as typed: case, blanks and hyphens do not matter.

    `challenge` binds it to whoever knows the verifier (`challenge_of`).
    """
    letters = "".join(code.split()).replace("-", "").upper()
    bound = (challenge,) if challenge else ()
    return keyed_hash(Purpose.SIGN_IN_CODE, site_id, letters, *bound)


def challenge_of(verifier: str) -> str:
    """Return the 43 characters that show a verifier without giving it away (RFC 7636, S256)."""
    digest = hashlib.sha256(verifier.encode(errors="surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _edit_mac(comment_id: int, nonce: str) -> str:
    return _mac(Purpose.EDIT_COMMENT, f"{comment_id}:{nonce}")


def _voter_mac(voter: str) -> str:
    return _mac(Purpose.SIGN_VOTER, voter)


def _mac(purpose: Purpose, text: str) -> str:
    mac = salted_hmac(_salt(purpose), text, algorithm="sha256").digest()[:16]
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _salt(purpose: Purpose) -> str:
    return f"afterword.{purpose.value}"
