"""The summary of a week, to the owners of a site: one message to each, every Monday at eight.

The week of a site is a row that can be written once; the messages of it are planned in the same transaction. What they
say is counted when they are sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from articles.models import Member
from articles.services.news import database_now
from project import addresses
from project.errors import Problem
from project.statements import fetch
from sharing.models import Delivery, Suppression
from sharing.schedule import Schedule, last_until
from sharing.selectors.summary import WEEK
from sharing.services.digests import SETTLED

# A site has no time zone of its own.
MONDAY: Final = Schedule("UTC", 8, 0)
# Sites whose week is closed in one transaction.
PAGE: Final = 500
# Later nobody plans it any more, and what was planned does not go out.
OF_USE: Final = timedelta(days=2)

# A site that is younger than the week's end has no week to tell of.
_CLOSE: Final = """
    INSERT INTO sharing_digest (site_id, address_key, scope, window_start, window_end, since)
    SELECT s.id, '', 'summary', %(start)s, %(end)s, '{}' FROM articles_site s
    WHERE s.created_at < %(end)s AND NOT EXISTS (
        SELECT FROM sharing_digest d WHERE d.site_id = s.id AND d.follower_id IS NULL AND d.address_key = ''
            AND d.scope = 'summary' AND d.window_start = %(start)s)
    ORDER BY s.id LIMIT %(page)s
    ON CONFLICT DO NOTHING
    RETURNING id, site_id
"""


def plan_due_summaries(now: datetime | None = None) -> int:
    """Close the week of up to 500 sites and plan a message to each of their owners; return how many were closed.

    `now` is the database's time unless it is given.
    """
    settled = (now or database_now()) - SETTLED
    end = last_until(settled, MONDAY)
    if settled - end >= OF_USE:
        return 0
    with transaction.atomic():
        closed = {site: digest for digest, site in fetch(_CLOSE, {"start": end - WEEK, "end": end, "page": PAGE})}
        owners = _owners(list(closed))
        deliveries = (
            Delivery(
                site_id=site,
                kind=Delivery.Kind.SUMMARY,
                cause_key=f"summary:{site}:{end:%Y-%m-%d}",
                target_key=key,
                digest_id=closed[site],
                why=Delivery.Why.MEMBER,
                address=address,
                next_attempt_at=settled,
                expires_at=end + OF_USE,
            )
            for (site, key), address in owners.items()
        )
        Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    return len(closed)


def _owners(sites: list[int]) -> dict[tuple[int, str], str]:
    """The addresses of owners who want a summary, by site and key."""
    owners = Member.objects.filter(
        site_id__in=sites, role=Member.Role.OWNER, summary=True, user__is_active=True
    ).exclude(notice=Member.Notice.NONE)
    found: dict[tuple[int, str], str] = {}
    for site, written in owners.order_by("pk").values_list("site_id", "user__email"):
        try:
            address, canonical = addresses.normalise_email(written)
        except Problem:
            continue  # an address from an import or the admin need not be one
        found[site, addresses.email_key(canonical)] = address
    kinds = [*Suppression.TOTAL, Suppression.Kind.SUMMARY]
    silent = Suppression.objects.filter(site_id__in=sites, kind__in=kinds).values_list("site_id", "address_key")
    for one in silent.filter(address_key__in={key for _, key in found}):
        found.pop(one, None)
    return found
