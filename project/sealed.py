"""Secrets of others that we must be able to read again, encrypted with a key derived from SECRET_KEY.

Whoever reads the database alone, or a copy of it, learns nothing. Changing SECRET_KEY ends them.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from django.utils.crypto import salted_hmac

from project.tokens import Purpose


class Broken(Exception):  # noqa: N818 — a fact about what is stored
    """What is stored was sealed with another key, or damaged."""


def seal(secret: str) -> str:
    """Return the secret as it may be stored."""
    return _fernet().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Return what `seal` was given. Broken: sealed with another SECRET_KEY, or damaged."""
    try:
        return _fernet().decrypt(sealed.encode(errors="replace")).decode()
    except InvalidToken as error:
        raise Broken("sealed with another SECRET_KEY, or damaged") from error


def _fernet() -> Fernet:
    key = salted_hmac(f"afterword.{Purpose.AT_REST.value}", "fernet", algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))
