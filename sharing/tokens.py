"""What the links in our mails carry: signed, readable, bound to one purpose each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings

from comments.services.sign_in import Link, sign_in_token
from project.tokens import BadToken, Purpose, read, sign
from sharing.models import Delivery, Follow, Follower, Suppression

CONFIRM_WITHIN: Final = timedelta(days=7)
# The address stands in one header line, which may have 998 octets and cannot be folded.
MAX_NAMED_FOLLOWS: Final = 40
KINDS_OF_NOTICE: Final = frozenset({Suppression.Kind.AUTHOR, Suppression.Kind.MEMBER, Suppression.Kind.SUMMARY})
EMBEDDED: Final = "embedded"
OWN: Final = "own"


@dataclass(frozen=True)
class Leaving:
    """Which mails somebody no longer wants: of these follows, of those of one delivery, of all that a follower is told
    of so often, or of one kind of notice."""

    site_id: int
    follow_ids: tuple[int, ...] = ()
    delivery_id: int | None = None
    follower_id: int | None = None
    frequency: str = ""
    suppress: str = ""
    address_key: str = ""


@dataclass(frozen=True)
class Refusal:
    """Whose address was used by somebody else, and for which request of which follow."""

    site_id: int
    address_key: str
    follow_id: int
    request: int


@dataclass(frozen=True)
class Recipient:
    """Whoever is told without a follow: as the author of articles, or as a member of the site."""

    site_id: int
    address_key: str
    why: Delivery.Why


def confirm_url(follow: Follow) -> str:
    """Return the address at which a follow is confirmed; of use for seven days, and for this request of it only."""
    return _url("confirm", sign(Purpose.CONFIRM_FOLLOW, [follow.pk, follow.request]))


def read_confirm(token: str) -> tuple[int, int]:
    """Return id and request number of the follow; BadToken if forged or expired."""
    follow_id, request = _integers(read(Purpose.CONFIRM_FOLLOW, token, CONFIRM_WITHIN), 2)
    return follow_id, request


def not_me_url(follow: Follow) -> str:
    """Return the address at which a follow is refused that somebody else asked for; valid for ever."""
    return _url(
        "not-me", sign(Purpose.NOT_ME, [follow.site_id, follow.follower.address_key, follow.pk, follow.request])
    )


def read_not_me(token: str) -> Refusal:
    """Return what the link of `not_me_url` refuses; BadToken if forged."""
    match read(Purpose.NOT_ME, token):
        case [int(site), str(address_key), int(follow), int(request)]:
            return Refusal(site, address_key, follow, request)
    raise BadToken


def sign_in_url(delivery: Delivery) -> str:
    """Return the address at which a reader proves that the delivery's address is hers: once, within fifteen minutes.

    The delivery's cause says below which article, and from whose page, it was asked for.
    """
    _, where, article, nonce = delivery.cause_key.split(":")
    link = Link(delivery.site_id, delivery.address, nonce, int(article), embedded=where == EMBEDDED)
    return f"{settings.PUBLIC_URL}/sign-in/{sign_in_token(link)}"


def leave_url(delivery: Delivery) -> str:
    """Return the address that ends, for ever valid, every follow that this mail matched, or this kind of notice.

    A digest matched whatever she is told of as often.
    """
    payload: list[Any]
    scope = delivery.digest.scope if delivery.digest else ""
    if delivery.kind == Delivery.Kind.SUMMARY:
        payload = [Suppression.Kind.SUMMARY, delivery.site_id, delivery.target_key]
    elif delivery.why != Delivery.Why.FOLLOW:
        payload = [delivery.why, delivery.site_id, delivery.target_key]
    elif scope in Follow.Frequency.values:
        payload = ["frequency", delivery.site_id, delivery.follower_id, scope]
    elif len(delivery.follow_ids) <= MAX_NAMED_FOLLOWS:
        payload = ["follows", delivery.site_id, *delivery.follow_ids]
    else:
        payload = ["delivery", delivery.site_id, delivery.pk]
    return _url("leave", sign(Purpose.LEAVE, payload))


def read_leave(token: str) -> Leaving:
    """Return what the link of `leave_url` ends; BadToken if forged."""
    match read(Purpose.LEAVE, token):
        case ["follows", int(site), *ids] if all(isinstance(one, int) for one in ids):
            return Leaving(site, follow_ids=tuple(ids))
        case ["frequency", int(site), int(follower), str(frequency)]:
            return Leaving(site, follower_id=follower, frequency=frequency)
        case ["delivery", int(site), int(delivery)]:
            return Leaving(site, delivery_id=delivery)
        case [str(kind), int(site), str(address_key)] if kind in KINDS_OF_NOTICE:
            return Leaving(site, suppress=kind, address_key=address_key)
    raise BadToken


def notices_url(delivery: Delivery) -> str:
    """Return the address at which an author or a member chooses how often she is told; valid for ever."""
    token = sign(Purpose.NOTICES, [delivery.why, delivery.site_id, delivery.target_key])
    return f"{settings.PUBLIC_URL}/notices/{token}"


def read_notices(token: str) -> Recipient:
    """Return whose choice it is; BadToken if forged."""
    match read(Purpose.NOTICES, token):
        case [str(why), int(site), str(address_key)] if why in {Delivery.Why.AUTHOR, Delivery.Why.MEMBER}:
            return Recipient(site, address_key, Delivery.Why(why))
    raise BadToken


def manage_url(follower: Follower) -> str:
    """Return the address at which an address's follows are listed; it ends when `manage_nonce` changes."""
    return _url("manage", sign(Purpose.MANAGE, [follower.pk, follower.manage_nonce.hex]))


def read_manage(token: str) -> tuple[int, str]:
    """Return id and nonce (32 hex digits) of the follower; BadToken if forged."""
    match read(Purpose.MANAGE, token):
        case [int(follower), str(nonce)]:
            return follower, nonce
    raise BadToken


def _integers(payload: Any, count: int) -> list[int]:
    if isinstance(payload, list) and len(payload) == count and all(isinstance(one, int) for one in payload):
        return payload
    raise BadToken


def _url(page: str, token: str) -> str:
    return f"{settings.PUBLIC_URL}/follows/{page}/{token}"
