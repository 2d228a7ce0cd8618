"""Who sends what: deliveries are claimed in batches, under a lease, and given back when they were not begun.

Sites take turns, so that a site with a million messages does not hold up another's ten: a batch has an equal share of
the oldest due deliveries of each of some sites, chosen anew each time. A site that is paused has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.db.models.functions import Now

from project.statements import fetch
from sharing.models import Delivery
from sharing.selectors.outbox import DUE_SITES

Status = Delivery.Status

BATCH: Final = 100
# Sites in one batch; with more of them that wait, each has its turn in a later one.
SITES: Final = 20
LEASE: Final = timedelta(minutes=5)
MAX_ATTEMPTS: Final = 12
LEASE_ENDED: Final = "the worker ended in the middle"

CLAIM: Final = f"""
    WITH {DUE_SITES}, turn AS MATERIALIZED (
        SELECT site_id, ceil(%(batch)s::float8 / LEAST(count(*) OVER (), %(sites)s))::int AS share
        FROM due_site WHERE queue = %(queue)s ORDER BY random() LIMIT %(sites)s
    ), due AS MATERIALIZED (
        SELECT d.id FROM turn CROSS JOIN LATERAL (
            SELECT id FROM sharing_delivery
            WHERE queue = %(queue)s AND site_id = turn.site_id AND status IN ('queued', 'awaiting_retry')
                AND next_attempt_at <= statement_timestamp()
            ORDER BY next_attempt_at, id LIMIT turn.share FOR UPDATE SKIP LOCKED
        ) d
    )
    UPDATE sharing_delivery d
    SET status = 'sending', attempts = attempts + 1, lease_until = statement_timestamp() + %(lease)s
    FROM due WHERE d.id = due.id
    RETURNING d.id
"""  # noqa: S608  (parts of ours)
RELEASE: Final = """
    UPDATE sharing_delivery d
    SET status = CASE WHEN d.attempts > 1 THEN 'awaiting_retry' ELSE 'queued' END, attempts = d.attempts - 1,
        lease_until = NULL, last_error = %(why)s
    FROM unnest(%(ids)s::bigint[], %(attempts)s::int[]) AS mine(id, attempts)
    WHERE d.id = mine.id AND d.attempts = mine.attempts AND d.status = 'sending'
    RETURNING d.id
"""

POSTPONE: Final = """
    UPDATE sharing_delivery
    SET status = CASE WHEN attempts > 1 THEN 'awaiting_retry' ELSE 'queued' END, attempts = attempts - 1,
        lease_until = NULL, last_error = %(why)s, next_attempt_at = statement_timestamp() + %(long)s
    WHERE id = %(id)s AND attempts = %(attempts)s AND status = 'sending'
    RETURNING id
"""


def claim(queue: str) -> list[Delivery]:
    """Return deliveries of a queue that are ours to send for five minutes, oldest first; each attempt is counted."""
    claimed = [row[0] for row in fetch(CLAIM, {"queue": queue, "batch": BATCH, "sites": SITES, "lease": LEASE})]
    if not claimed:
        return []
    # What many have in common is read, and made an object, once.
    whole = Delivery.objects.prefetch_related(
        "site", "follower", "digest", "notification__article__site", "notification__comment"
    )
    return list(whole.filter(pk__in=claimed).order_by("next_attempt_at", "pk"))


def release(deliveries: Iterable[Delivery], why: str) -> None:
    """Put back what was claimed and not begun, as if it had not been claimed; `why` has at most 500 characters."""
    rows = [(delivery.pk, delivery.attempts) for delivery in deliveries]
    if rows:
        ids, attempts = (list(column) for column in zip(*rows, strict=True))
        fetch(RELEASE, {"ids": ids, "attempts": attempts, "why": why})


def postpone(delivery: Delivery, long: timedelta, why: str) -> None:
    """Put one back, as if it had not been claimed, until so long from now."""
    fetch(POSTPONE, {"id": delivery.pk, "attempts": delivery.attempts, "long": long, "why": why})


def end_leases() -> int:
    """Settle what a process left behind in the middle of sending; return how many rows.

    A confirmation or a sign-in may have gone out and is not repeated; anything else is, with the same Message-ID,
    unless it has taken too many attempts (and perhaps as many processes) already. Twice finds nothing the second time.
    """
    left = Delivery.objects.filter(status=Status.SENDING, lease_until__lte=Now())
    left = left.exclude(queue=Delivery.Queue.CHANNELS)
    unsure = Q(kind__in=Delivery.NEVER_REPEATED)
    end = {"lease_until": None, "settled_at": Now(), "last_error": LEASE_ENDED}
    unknown = left.filter(unsure).update(status=Status.UNKNOWN, **end)
    failed = left.filter(attempts__gte=MAX_ATTEMPTS).update(status=Status.FAILED, **end)
    back = left.update(status=Status.AWAITING_RETRY, lease_until=None, next_attempt_at=Now(), last_error=LEASE_ENDED)
    return unknown + failed + back
