"""Followers of a site with the evidence of their consent, for a file that another system can read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection, transaction

from articles.models import Article, Site

STEPS: Final = ("requested", "confirmation_sent", "confirmed")
COLUMNS: Final = (
    "address",
    "language",
    "timezone",
    "target_kind",
    "target_key",
    "url",
    "frequency",
    "status",
    "confirmed_at",
    "unsubscribed_at",
    "suppression",
    *(f"evidence_{step}_{what}" for step in STEPS for what in ("at", "door", "wording", "language")),
)
ROWS_AT_ONCE: Final = 1_000

# The newest row of each step is the one that counts: a follow that ended and began anew was asked for again.
_NEWEST: Final = ", ".join(
    f"(array_agg(c.{column} ORDER BY c.id DESC) FILTER (WHERE c.event = '{step}'))[1]"
    for step in STEPS
    for column in ("happened_at", "door", "wording", "language")
)
_FOLLOWS: Final = f"""
    SELECT a.id, COALESCE(a.url, ''),
        r.address, r.language, r.timezone, f.target_kind, f.target_key, f.frequency, f.status,
        f.confirmed_at, f.unsubscribed_at,
        (SELECT COALESCE(string_agg(s.kind, ' ' ORDER BY s.kind), '') FROM sharing_suppression s
            WHERE s.site_id = f.site_id AND s.address_key = r.address_key),
        evidence.*
    FROM sharing_follow f
    JOIN sharing_follower r ON r.id = f.follower_id
    LEFT JOIN articles_article a ON a.id = f.article_id
    CROSS JOIN LATERAL (
        SELECT {_NEWEST} FROM sharing_consent c
        WHERE c.site_id = f.site_id AND c.address_key = r.address_key
            AND c.target_kind = f.target_kind AND c.target_key = f.target_key
    ) AS evidence
    WHERE f.site_id = %s
    ORDER BY f.id
"""  # noqa: S608  (put together from the names above)


def follows_with_evidence(site: Site) -> Iterator[list[str]]:
    """Yield the cells of `COLUMNS` for each follow of a site, oldest first, whatever its status.

    One snapshot, read through a cursor of the server: memory does not grow with the site. Times are UTC, ISO 8601.
    """
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_FOLLOWS, [site.pk])
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            for row in rows:
                yield _cells(row)


def _cells(row: tuple[Any, ...]) -> list[str]:
    article_id, address_of_page, *values = row
    url = Article(pk=article_id, url=address_of_page).public_url if article_id else ""
    cells = [_text(value) for value in values]
    return [*cells[:5], url, *cells[5:]]


def _text(value: str | datetime | None) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value or ""
