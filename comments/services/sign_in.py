"""Signing in by a link in a mail: what the link carries, and what it does, once.

The link proves that its bearer reads the mail of an address. It holds no state of ours: it is signed, bound to one site
and one address, good for fifteen minutes, and spent by a row that can be written once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext

from articles.models import Site
from comments.models import Reader
from comments.services.readers import reader_of_address
from comments.services.sessions import offer_code
from project.errors import Problem
from project.tokens import BadToken, Purpose, read, sign
from project.transactions import in_transaction

LINK_LIVES: Final = timedelta(minutes=15)
BY_MAIL: Final = "email"

_SPEND: Final = """
    INSERT INTO comments_spenttoken (site_id, purpose, digest, expires_at) VALUES (%s, %s, %s, now() + %s)
    ON CONFLICT (site_id, purpose, digest) DO NOTHING"""


@dataclass(frozen=True)
class Link:
    """What a link of ours says: whose address it proves in which site, and below which article it was asked for.

    `nonce` makes each link another; `embedded` says that it was asked for from a page of the publisher's.
    """

    site_id: int
    address: str
    nonce: str
    article_id: int = 0
    embedded: bool = False


@dataclass(frozen=True)
class SignedIn:
    """A reader who has proven her address, and the code that opens her session on the page where she asked."""

    reader: Reader
    code: str


def sign_in_token(link: Link) -> str:
    """Return the last part of the address in the mail; it is readable, so it holds nothing but what the mail knows."""
    return sign(Purpose.SIGN_IN, [link.site_id, link.address, link.nonce, link.article_id, link.embedded])


def read_sign_in(token: str) -> Link:
    """Return what a link says; BadToken if forged, or older than fifteen minutes."""
    match read(Purpose.SIGN_IN, token, LINK_LIVES):
        case [int(site), str(address), str(nonce), int(article), bool(embedded)]:
            return Link(site, address, nonce, article, embedded)
    raise BadToken


def sign_in_by_link(link: Link) -> SignedIn:
    """Make or find the reader and offer her a code; the same link a second time finds that it was used.

    Problem: sign_in_invalid.
    """

    def work() -> SignedIn:
        site = Site.objects.filter(pk=link.site_id).first()
        if site is None or not spend_once(link.site_id, Purpose.SIGN_IN, link.nonce, LINK_LIVES):
            detail = gettext("This link was used already. Ask for another one where you sign in.")
            raise Problem("sign_in_invalid", detail, status=404)
        reader = reader_of_address(site, link.address)
        return SignedIn(reader, offer_code(reader, BY_MAIL))

    return in_transaction(work)


def spend_once(site_id: int, purpose: str, token: str, lives: timedelta) -> bool:
    """Spend a token that works once; False where it was spent before. In the transaction of what it opens."""
    digest = hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
    values: list[Any] = [site_id, purpose, digest, lives + timedelta(minutes=5)]
    with connection.cursor() as cursor:
        cursor.execute(_SPEND, values)
        return int(cursor.rowcount) > 0


def prune_spent(limit: int) -> int:
    """Forget at most `limit` spent tokens that would have expired anyway; return how many went."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM comments_spenttoken WHERE id IN (SELECT id FROM comments_spenttoken"
            " WHERE expires_at < now() ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)",
            [limit],
        )
        return int(cursor.rowcount)
