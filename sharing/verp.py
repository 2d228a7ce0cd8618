"""The addresses to which one delivery's bounces come, and answers to it: its token, signed, that nobody can make up.

`bounce@bounces.example.org` becomes `bounce+TOKEN@bounces.example.org`. The token is the delivery's own (128 bits) and
its MAC (80 bits) in base 32, because mail servers may change the case of an address: 42 characters of a part that may
have 64 (RFC 5321, section 4.5.3.1.1). To check one needs no database.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import Final
from uuid import UUID

from django.conf import settings

from project.tokens import BadToken, Purpose, keyed_hash

TOKEN: Final = re.compile(r"([a-z2-7]{26})([a-z2-7]{16})")
MESSAGE_ID: Final = re.compile(r"delivery-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@", re.IGNORECASE)
MAC_BYTES: Final = 10
MAX_ADDRESS: Final = 320


def envelope_sender(token: UUID) -> str:
    """Return the address for what comes back of the delivery with this token; "" where none is configured."""
    return _signed(settings.BOUNCE_ADDRESS, Purpose.BOUNCE, token)


def read_envelope(address: str) -> UUID | None:
    """Return the token of the delivery that a bounce address was made for, None for any other address.

    BadToken: it has the form of ours, and we did not make it.
    """
    return _read(address, settings.BOUNCE_ADDRESS, Purpose.BOUNCE)


def reply_address(token: UUID) -> str:
    """Return the address for answers to the delivery with this token; "" where none is configured."""
    return _signed(settings.REPLY_ADDRESS, Purpose.REPLY, token)


def reply_headers(token: UUID) -> dict[str, str]:
    """Return the header that lets the recipient of a delivery answer it, none where no address is configured."""
    address = reply_address(token)
    return {"Reply-To": address} if address else {}


def read_reply_address(address: str) -> UUID | None:
    """Return the token of the delivery that an address for answers was made for, None for any other address.

    BadToken: it has the form of ours, and we did not make it.
    """
    return _read(address, settings.REPLY_ADDRESS, Purpose.REPLY)


def message_id(token: UUID, host: str) -> str:
    """Return the id of the delivery's message, without brackets; a retry repeats it."""
    return f"delivery-{token}@{host}"


def token_in(text: str) -> UUID | None:
    """Return the token of the first message id of ours in a text."""
    found = MESSAGE_ID.search(text)
    return UUID(found[1]) if found else None


def _signed(base: str, purpose: Purpose, token: UUID) -> str:
    local, at, host = base.partition("@")
    return f"{local}+{_base32(token.bytes)}{_mac(purpose, token)}@{host}" if at else ""


def _read(address: str, base: str, purpose: Purpose) -> UUID | None:
    local, at, host = address.strip().strip("<>").lower().rpartition("@")
    own_local, _, own_host = base.partition("@")
    name, plus, written = local.partition("+")
    if not at or not own_host or len(address) > MAX_ADDRESS or (name, plus, host) != (own_local, "+", own_host):
        return None
    found = TOKEN.fullmatch(written)
    if found is None:
        raise BadToken
    try:
        token = UUID(bytes=base64.b32decode(found[1].upper() + "======"))
    except binascii.Error as error:
        raise BadToken from error
    # Compared as written: two spellings of one token (its last character has unused bits) are one address each.
    if not hmac.compare_digest(written, _base32(token.bytes) + _mac(purpose, token)):
        raise BadToken
    return token


def _mac(purpose: Purpose, token: UUID) -> str:
    return _base32(bytes.fromhex(keyed_hash(purpose, token.hex))[:MAC_BYTES])


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
