"""What comes back of a message, and what follows from it: the one door for every way in which we may hear of it.

Whom an event concerns is decided by a token of ours alone: the signed bounce address of a delivery, or the id of its
message, whose 122 random bits only its recipient and the servers on its way have seen. Addresses in a report are never
looked at. Each delivery has one event of each kind, so that repeated events change nothing, and events are compared by
the time of their deliveries, so that it does not matter in which order they come.
"""

from __future__ import annotations

import logging
from datetime import UTC, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Now, TruncDate

from project.statements import fetch
from project.text import excerpt
from project.tokens import BadToken
from project.transactions import in_transaction
from sharing.models import Delivery, Follower, MailEvent, Suppression
from sharing.reports import Report, read_report
from sharing.services.follows import end_follows
from sharing.statuses import blames_mailbox, is_hard, status_in
from sharing.verp import read_envelope, token_in

log = logging.getLogger(__name__)

Kind = MailEvent.Kind

# Soft bounces on so many days within so long, and nothing delivered since, suspend an address.
SOFT_DAYS: Final = 3
SOFT_WITHIN: Final = timedelta(days=14)
COMPLAINED: Final = "the recipient complained"
SAID: Final = 400  # characters
INSERT: Final = """
    INSERT INTO sharing_mailevent (site_id, delivery_id, address_key, kind, source, status, planned_at)
    SELECT site_id, id, target_key, %(kind)s, %(source)s, %(status)s, created_at FROM sharing_delivery
    WHERE id = %(delivery)s AND address <> ''
    ON CONFLICT (delivery_id, kind) DO NOTHING RETURNING id
"""


class Outcome(StrEnum):
    """What became of something that came back."""

    NOTED = "noted"
    KNOWN = "known already"
    UNKNOWN = "about no message of ours"
    FORGED = "sent to an address that we did not make"


def take_in(raw: bytes, recipient: str = "") -> Outcome:
    """Read a message that a mail server sent back and note what it reports; `recipient` is where it was sent.

    NotAReport: it reports nothing.
    """
    report = read_report(raw, recipient)
    try:
        token = _token_of(report)
    except BadToken:
        return Outcome.FORGED
    if token is None:
        return Outcome.UNKNOWN
    kind = Kind(report.kind)
    if kind == Kind.COMPLAINT:
        return note_complaint(token, source="arf")
    return note_bounce(token, kind, source="dsn", status=report.status, says=report.says)


def note_bounce(token: UUID, kind: MailEvent.Kind, *, source: str, status: str = "", says: str = "") -> Outcome:
    """Note what became of the delivery with this token: hard, soft, delayed or delivered.

    A hard bounce suppresses the address on the delivery's site at once; soft ones for which the mailbox may be to blame
    do on three days within fourteen, unless a later message was delivered. `says` is shown to owners of the site.
    """
    return in_transaction(lambda: _note(token, kind, source, status, says))


def note_complaint(token: UUID, *, source: str) -> Outcome:
    """Note that the recipient called a message spam: everything of that address on that site ends at once."""
    return in_transaction(lambda: _note(token, Kind.COMPLAINT, source, "", ""))


def note_refusal(delivery: Delivery, answer: str) -> None:
    """Note that the mail server refused a recipient for ever while we spoke to it; `answer` begins with its code."""
    if answer[:1] != "5" or not answer[:3].isdigit():
        return  # no answer of a server
    status = status_in(answer)
    note_bounce(delivery.token, Kind.HARD if is_hard(status) else Kind.SOFT, source="smtp", status=status, says=answer)


def _token_of(report: Report) -> UUID | None:
    """BadToken: it came to an address that looks like one of ours; then nothing else in it is believed either."""
    tokens = [token for address in report.addresses if (token := read_envelope(address)) is not None]
    return next(iter(tokens), None) or token_in(" ".join(report.message_ids))


def _note(token: UUID, kind: MailEvent.Kind, source: str, status: str, says: str) -> Outcome:
    delivery = Delivery.objects.filter(token=token).first()
    if delivery is None or not delivery.address:
        return Outcome.UNKNOWN  # also of somebody who was erased: there is nothing left to stop
    # Whoever plans messages to a follower, or erases her, holds her row first.
    follower = Follower.objects.filter(site_id=delivery.site_id, address_key=delivery.target_key)
    list(follower.select_for_update())
    if kind == Kind.DELIVERED and not _soft_bounces(delivery).exists():
        return Outcome.KNOWN
    row = {"delivery": delivery.pk, "kind": kind, "source": source[:32], "status": status[:16]}
    if not fetch(INSERT, row):
        return Outcome.KNOWN
    if kind != Kind.DELIVERED:
        told = excerpt("".join(c if c.isprintable() else " " for c in says), SAID)
        reason = " ".join(part for part in (f"{kind.label}:", "" if status in told else status, told) if part)
        Delivery.objects.filter(pk=delivery.pk).exclude(address="").update(last_error=reason[:500].rstrip(": "))
    _follow_up(delivery, kind)
    log.info("delivery %s: %s (%s, %s)", delivery.pk, kind, source, status or "no status")
    return Outcome.NOTED


def _follow_up(delivery: Delivery, kind: MailEvent.Kind) -> None:
    match kind:
        case Kind.HARD:
            _suppress(delivery, Suppression.Kind.HARD_BOUNCE)
        case Kind.SOFT if _days_of_soft_bounces(delivery) >= SOFT_DAYS:
            _suppress(delivery, Suppression.Kind.SOFT_BOUNCES)
        case Kind.COMPLAINT:
            _suppress(delivery, Suppression.Kind.COMPLAINT)
            hers = Q(site_id=delivery.site_id, follower__address_key=delivery.target_key)
            end_follows(hers, door="complaint")
            waiting = Delivery.objects.filter(site_id=delivery.site_id, target_key=delivery.target_key)
            waiting.filter(status__in=Delivery.WAITING).update(
                status=Delivery.Status.SKIPPED, settled_at=Now(), lease_until=None, last_error=COMPLAINED
            )


def _suppress(delivery: Delivery, kind: Suppression.Kind) -> None:
    row = Suppression(site_id=delivery.site_id, address_key=delivery.target_key, kind=kind)
    Suppression.objects.bulk_create([row], ignore_conflicts=True)


def _soft_bounces(delivery: Delivery) -> QuerySet[MailEvent]:
    """The soft bounces that still count against the delivery's address."""
    events = MailEvent.objects.filter(site_id=delivery.site_id, address_key=delivery.target_key)
    recent = events.filter(kind=Kind.SOFT, planned_at__gt=Now() - SOFT_WITHIN)
    reached = events.filter(kind=Kind.DELIVERED).aggregate(last=Max("planned_at"))["last"]
    return recent.filter(planned_at__gt=reached) if reached else recent


def _days_of_soft_bounces(delivery: Delivery) -> int:
    days = _soft_bounces(delivery).values_list(TruncDate("planned_at", tzinfo=UTC), "status")
    return len({day for day, status in days if blames_mailbox(status)})
