"""The secret of a day, by which one visitor is counted once and known to nobody the day after."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import date
from typing import Final, NamedTuple

from django.db import connection

from articles.models import Article
from project.visitors import Visitor

SALT_BYTES: Final = 32
SALT_DAYS: Final = 2  # today's, and yesterday's until the last share that began before midnight has ended

FIND_SALT: Final = "SELECT day, salt FROM sharing_sharesalt WHERE day = (now() AT TIME ZONE 'UTC')::date"
MAKE_SALT: Final = """
    INSERT INTO sharing_sharesalt (day, salt) VALUES ((now() AT TIME ZONE 'UTC')::date, %s) ON CONFLICT DO NOTHING
"""
PRUNE_SALTS: Final = "DELETE FROM sharing_sharesalt WHERE day <= (now() AT TIME ZONE 'UTC')::date - %s"


class Sight(NamedTuple):
    """A visitor of an article as she is stored: by a day and a hash that only the salt of that day explains."""

    day: date
    visitor_hash: str


def seen_today(visitor: Visitor, article: Article) -> Sight:
    """Return under what a visitor of an article is counted today, by the database's clock."""
    day, salt = _salt_of_today()
    text = "\n".join((visitor.prefix, visitor.user_agent, str(article.pk)))
    return Sight(day, hmac.digest(salt, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hex())


def prune_salts() -> int:
    """Forget the salts of past days, and with them who shared what; return how many went. Twice does no more."""
    with connection.cursor() as cursor:
        cursor.execute(PRUNE_SALTS, [SALT_DAYS])
        return int(cursor.rowcount)


def _salt_of_today() -> tuple[date, bytes]:
    """The day by the database's clock and its secret, made by whoever comes first."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(FIND_SALT)
            found = cursor.fetchone()
            if found is not None:
                return found[0], bytes(found[1])
            # Waits for a twin that makes it at the same moment; the next look sees whichever won.
            cursor.execute(MAKE_SALT, [secrets.token_bytes(SALT_BYTES)])
