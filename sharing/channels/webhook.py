"""Webhooks of a site's own, signed as Standard Webhooks v1 says: HMAC-SHA-256 over `id.timestamp.body`.

At least once: a message keeps its `webhook-id` in all attempts, by which the receiver tells a repetition.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, Final
from urllib.parse import urlsplit

import orjson

from sharing.channels.asking import OK, https_address, post_json, wait_of
from sharing.channels.base import Account, Check, Draft, Ended, Post, Receipt, TryLater
from sharing.channels.wording import Rule
from sharing.models import Channel

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = range(24, 65)
GONE: Final = 410
PATIENCE: Final = frozenset({429, 502, 503, 504})


class Webhook:
    """`url` is where; the secret is ours, shown once when it is made."""

    label: ClassVar = "Webhook"
    asks_for: ClassVar = "signing secret"
    required: ClassVar[Mapping[str, Check]] = {"url": https_address}
    optional: ClassVar[Mapping[str, Check]] = {}
    events: ClassVar[frozenset[str]] = frozenset(Channel.Event.values)
    doubt: ClassVar[timedelta | None] = timedelta.max

    def check_secret(self, secret: str) -> str:
        if not secret:
            return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        try:
            fits = len(_key(secret)) in SECRET_BYTES and secret.startswith(PREFIX)
        except (binascii.Error, ValueError):
            fits = False
        if not fits:
            raise ValueError("A signing secret is whsec_ and 24 to 64 bytes in base64; without one we make it.")
        return secret

    def rule(self, settings: Mapping[str, str]) -> Rule | None:
        return None

    def draft(self, account: Account, post: Post) -> Draft:
        body = {"type": post.event, "timestamp": _rfc3339(post), "data": dict(post.data)}
        return Draft(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode(), body)

    def send(self, account: Account, post: Post) -> Receipt:
        body = orjson.dumps(self.draft(account, post).body)
        url = account.settings["url"]
        answer = post_json(url, signed(account, f"msg_{post.token.hex}", body), body, only_head=True)
        if answer.status in OK:
            return Receipt()
        if answer.status == GONE:
            raise Ended("the answer has the status 410: the receiver wants no more")
        wait = wait_of(answer) if answer.status in PATIENCE else None
        raise TryLater(f"{urlsplit(url).hostname} answers with the status {answer.status}", wait=wait)


def signed(account: Account, message_id: str, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt; while a secret is being changed both sign."""
    at = str(int(time.time()))
    content = b".".join((message_id.encode(), at.encode(), body))
    keys = [_key(secret) for secret in (account.secret, account.old_secret) if secret]
    signatures = (base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys)
    joined = " ".join(f"v1,{signature}" for signature in signatures)
    return {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": joined}


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


def _rfc3339(post: Post) -> str:
    return f"{post.happened_at:%Y-%m-%dT%H:%M:%S.%fZ}"
