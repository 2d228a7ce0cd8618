"""How sending goes, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from articles.models import Site
from project.statements import fetch
from sharing.models import MailEvent

LATELY: Final = timedelta(hours=24)

# Deliveries that wait have an index of their own, those of the last day are the end of the table.
WAITING: Final = """
    SELECT site_id, count(*), count(*) FILTER (WHERE next_attempt_at <= statement_timestamp()),
        EXTRACT(EPOCH FROM statement_timestamp() - min(next_attempt_at))::float8
    FROM sharing_delivery WHERE status IN ('queued', 'awaiting_retry') GROUP BY site_id
"""
LATELY_PLANNED: Final = """
    SELECT site_id, status, count(*) FROM sharing_delivery
    WHERE created_at > statement_timestamp() - %(lately)s GROUP BY site_id, status
"""
RETURNED: Final = """
    SELECT s.id, s.slug, e.kind, count(*) FROM sharing_mailevent e JOIN articles_site s ON s.id = e.site_id
    WHERE e.happened_at > statement_timestamp() - %(lately)s GROUP BY s.id, s.slug, e.kind
"""
PAUSED: Final = "SELECT site_id FROM sharing_sendingpause"


@dataclass
class Sending:
    """How sending goes for one site. All counts but the first two are of the last 24 hours.

    `due` of those who wait have had their time; `oldest` is for how many seconds the first of them has been late.
    """

    site: Site
    waiting: int = 0
    due: int = 0
    oldest: float = 0.0
    sent: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0
    bounced: int = 0
    complained: int = 0
    paused: bool = False


def sending_of(site_ids: Collection[int] | None = None) -> list[Sending]:
    """Return how sending goes for some sites, or for all, by slug; five queries, whatever their number."""
    sites = Site.objects.order_by("slug")
    if site_ids is not None:
        sites = sites.filter(pk__in=site_ids)
    found = {site.pk: Sending(site) for site in sites}
    for site_id, waiting, due, late in fetch(WAITING, ()):
        if one := found.get(site_id):
            one.waiting, one.due, one.oldest = waiting, due, max(late, 0)
    for site_id, status, count in fetch(LATELY_PLANNED, {"lately": LATELY}):
        _add(found.get(site_id), status, count)
    for site_id, _, kind, count in fetch(RETURNED, {"lately": LATELY}):
        _add(found.get(site_id), EVENTS.get(kind, ""), count)
    for (site_id,) in fetch(PAUSED, ()):
        for one in found.values():
            one.paused = one.paused or site_id in (None, one.site.pk)
    return list(found.values())


EVENTS: Final = {
    MailEvent.Kind.HARD: "bounced",
    MailEvent.Kind.SOFT: "bounced",
    MailEvent.Kind.COMPLAINT: "complained",
}
COUNTED: Final = frozenset({"sent", "failed", "skipped", "unknown", "bounced", "complained"})


def _add(one: Sending | None, name: str, count: int) -> None:
    if one is not None and name in COUNTED:
        setattr(one, name, getattr(one, name) + count)


def waiting_deliveries(*, per_site: bool) -> list[tuple[list[str], int]]:
    """How many messages wait: one number without labels, or one for each site (its slug) where any do. One query."""
    by = "s.slug" if per_site else "''"
    sql = f"""
        SELECT {by}, count(*) FROM sharing_delivery d JOIN articles_site s ON s.id = d.site_id
        WHERE d.status IN ('queued', 'awaiting_retry') GROUP BY 1 ORDER BY 1
    """  # noqa: S608  (one of two words of ours)
    rows: list[Any] = fetch(sql, ())
    return [([slug], count) for slug, count in rows] if per_site else [([], rows[0][1] if rows else 0)]


def returned_lately(*, per_site: bool) -> list[tuple[list[str], int]]:
    """How many events of each kind the last 24 hours brought, each kind once; `per_site` adds the site's slug to the
    kind, for sites that had any. One query over the events of that day."""
    counts: Counter[tuple[str, ...]] = (
        Counter() if per_site else Counter({(kind,): 0 for kind in MailEvent.Kind.values})
    )
    for _, slug, kind, count in fetch(RETURNED, {"lately": LATELY}):
        counts[(kind, slug) if per_site else (kind,)] += count
    return sorted((list(labels), count) for labels, count in counts.items())
