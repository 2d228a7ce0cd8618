"""From a planned delivery to a sent message: claim (`services.claims`), look again, build, send, settle.

The row decides everything. A claim counts the attempt and takes a lease; no lock and no transaction is held while a
mail server is spoken to; each message is settled by one commit directly after the server took it. docs/reliability.md
says what follows from a crash at every point.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import models, transaction
from django.db.models.functions import Now

from project.sending_metrics import delivery_settled
from project.statements import fetch_prepared
from sharing.channels.base import Refused, SendError, Uncertain, Unreachable
from sharing.channels.email import EmailChannel
from sharing.drafts import Drafts, Letter, NothingToTell, TooEarly
from sharing.mail import letter_of
from sharing.models import Consent, Delivery, Follow, Suppression
from sharing.selectors.notices import has_key
from sharing.services.claims import MAX_ATTEMPTS, claim, postpone, release
from sharing.services.confirmations import give_back_surplus, hold_surplus
from sharing.services.pacing import Pace
from sharing.services.returns import note_refusal

log = logging.getLogger(__name__)

Status = Delivery.Status

# A message is begun only while the lease lasts longer than the slowest conversation with a mail server.
LEASE_MARGIN: Final = timedelta(minutes=2)
FIRST_PAUSE: Final = 30.0  # seconds
LONGEST_PAUSE: Final = 7_200.0
AFTER_FAILURE: Final = timedelta(hours=24)
CANCELLED: Final = "cancelled by an operator"

# Time in this module is that of the statement, as `Now()` gives it, so that both mean the same within a transaction.
# Everything that may have changed since the delivery was planned, by committed state, in one statement.
LOOK_AGAIN: Final = """
    {settled}
    SELECT d.status = 'sending' AND d.attempts = %(attempts)s AND d.lease_until > statement_timestamp() + %(margin)s,
        COALESCE(d.expires_at <= statement_timestamp(), false),
        EXISTS (SELECT FROM sharing_suppression s WHERE s.site_id = d.site_id AND s.address_key = d.target_key
            AND (s.kind = ANY(%(total)s) OR s.kind = CASE d.kind WHEN 'summary' THEN d.kind ELSE d.why END
                OR (s.kind = 'refused' AND d.kind = 'confirmation'))),
        ARRAY(SELECT f.id FROM unnest(d.follow_ids) WITH ORDINALITY AS wanted(id, rank)
            JOIN sharing_follow f ON f.id = wanted.id
            WHERE f.status = CASE d.kind WHEN 'confirmation' THEN 'unconfirmed' ELSE 'confirmed' END
            ORDER BY wanted.rank),
        CASE WHEN d.kind IN ('confirmation', 'sign_in', 'digest', 'notices', 'summary') THEN true
            WHEN d.kind = 'held' THEN c.status = 'pending'
            WHEN d.kind = 'comment' THEN c.status = 'approved' AND a.visibility = 'public'
            ELSE a.visibility = 'public' END,
        CASE WHEN d.why = 'author' AND n.id IS NOT NULL THEN ARRAY[a.author_email] WHEN d.why = 'member' THEN
            ARRAY(SELECT u.email FROM articles_member m JOIN auth_user u ON u.id = m.user_id
                WHERE m.site_id = d.site_id AND m.notice <> 'none' AND u.is_active
                    AND (d.kind <> 'summary' OR (m.role = 'owner' AND m.summary))) END,
        c.revision, c.nonce,
        EXISTS (SELECT FROM sharing_sendingpause p WHERE p.site_id IS NULL OR p.site_id = d.site_id), {was_mine}
    FROM sharing_delivery d
    LEFT JOIN sharing_notification n ON n.id = d.notification_id
    LEFT JOIN articles_article a ON a.id = n.article_id
    LEFT JOIN comments_comment c ON c.id = n.comment_id
    WHERE d.id = %(delivery)s
"""
SETTLE: Final = """
    UPDATE sharing_delivery
    SET status = %(outcome)s, lease_until = NULL, settled_at = statement_timestamp(), last_error = %(error)s
    WHERE id = %(settled)s AND status = 'sending' AND attempts = %(attempt)s
    RETURNING id
"""
LOOK: Final = LOOK_AGAIN.format(settled="", was_mine="true")
# One message to the database and one COMMIT between two messages to the mail server.
SETTLE_AND_LOOK: Final = LOOK_AGAIN.format(
    settled=f"WITH settled AS ({SETTLE})", was_mine="EXISTS (SELECT FROM settled)"
)


class Paused(Exception):  # noqa: N818 — a wish of an operator
    """Nothing of this site, or of any, is to be sent now."""


class Look(NamedTuple):
    """What a delivery's last check before sending found; `addresses` are those of the author, or of the members.

    `revision` and `nonce` are those of the comment it is about: one changes with the text, the other with erasure.
    `settled` says that the delivery before it, settled in the same statement, was still ours.
    """

    mine: bool
    late: bool
    suppressed: bool
    follow_ids: list[int]
    visible: bool
    addresses: list[str] | None
    revision: int | None
    nonce: UUID | None
    paused: bool
    settled: bool


@dataclass
class Batch:
    """What was claimed together and is sent over one connection: who waits, and what they have in common."""

    waiting: deque[Delivery]
    follows: dict[int, Follow]
    channel: EmailChannel
    drafts: Drafts = field(default_factory=Drafts)
    pace: Pace = field(default_factory=Pace)


def send_due(queue: str) -> bool:
    """Claim one batch of due deliveries of a queue and send it; False where nothing is due or nothing can be sent.

    Twice at once is harmless: rows that another process holds are skipped, and a message is begun only by
    the holder of its lease.
    """
    if queue == Delivery.Queue.CONFIRM:
        hold_surplus()
    claimed = claim(queue)
    allowed = give_back_surplus(claimed)
    why = ""
    with EmailChannel() as channel:
        batch = Batch(deque(allowed), _follows_of(allowed), channel)
        try:
            look = None
            while batch.waiting:
                look = _send(batch, look)
        except Unreachable as error:
            why = str(error)
            log.warning("%d messages wait: the mail server cannot be used", len(batch.waiting))
            return False
        except Paused:
            # Whatever else was claimed goes back too; what is not paused is claimed again at once.
            why = "sending is paused"
        finally:
            # Also when the worker is told to stop: whatever was not begun need not wait for its lease to end.
            release(batch.waiting, _short(why))
    return bool(claimed)


def try_again(deliveries: models.QuerySet[Delivery]) -> int:
    """Give failed notices twelve more attempts and another day; return how many. Confirmations are never repeated."""
    failed = deliveries.filter(status=Status.FAILED).exclude(kind__in=Delivery.NEVER_REPEATED)
    return failed.update(
        status=Status.QUEUED,
        attempts=0,
        next_attempt_at=Now(),
        expires_at=Now() + AFTER_FAILURE,
        settled_at=None,
    )


def cancel(deliveries: models.QuerySet[Delivery]) -> int:
    """Let messages that wait, or failed, never go out; return how many. One that is being sent is not held up."""
    gone = deliveries.filter(status__in=[*Delivery.WAITING, Status.FAILED])
    return gone.update(status=Status.SKIPPED, settled_at=Now(), lease_until=None, last_error=CANCELLED)


def _follows_of(batch: list[Delivery]) -> dict[int, Follow]:
    wanted = {follow_id for delivery in batch for follow_id in delivery.follow_ids}
    return Follow.objects.select_related("article", "follower").in_bulk(wanted) if wanted else {}


def _send(batch: Batch, look: Look | None) -> Look | None:
    """Take the next message through to its end; Unreachable and Paused leave it waiting.

    `look` is its last check, if it was made when the one before was settled; returned is that of the next, if so.
    """
    delivery = batch.waiting.popleft()
    wait = batch.pace.wait_for(delivery)
    if wait is not None:
        postpone(delivery, wait.long, _short(wait.why))
        return None
    look = look or _look_again(delivery)
    if look is not None and look.paused:
        batch.waiting.appendleft(delivery)
        raise Paused
    letter = _last_check(delivery, look, batch)
    if letter is None:
        return None
    try:
        batch.channel.send(letter.message)
    except Unreachable:
        batch.waiting.appendleft(delivery)
        raise
    except SendError as error:
        _note_failure(delivery, error, batch)
        return None
    return _sent(delivery, letter, batch)


def _note_failure(delivery: Delivery, error: SendError, batch: Batch) -> None:
    """Settle a message that did not go out, or may not have, or let it wait for another attempt."""
    if isinstance(error, Refused):
        with transaction.atomic():
            # The follower's row is locked before the delivery's, as whoever plans, complains or erases does it.
            note_refusal(delivery, str(error))
            _settle(delivery, Status.FAILED, str(error))
    elif isinstance(error, Uncertain) and delivery.kind in Delivery.NEVER_REPEATED:
        _settle(delivery, Status.UNKNOWN, str(error))
    else:
        batch.pace.heed(delivery, str(error))
        _retry(delivery, str(error))


def _last_check(delivery: Delivery, look: Look | None, batch: Batch) -> Letter | None:
    """Return the message if it is still ours to send, wanted and allowed; otherwise settle it, if it is ours."""
    if look is None or not look.mine:
        return None
    objection = _objection(delivery, look)
    if objection:
        _settle(delivery, Status.SKIPPED, objection)
        return None
    comment = delivery.notification.comment if delivery.notification else None
    if comment is not None and (comment.revision, comment.nonce) != (look.revision, look.nonce):
        comment.refresh_from_db()
    try:
        return letter_of(delivery, batch.follows[look.follow_ids[0]] if look.follow_ids else None, batch.drafts)
    except NothingToTell:
        _settle(delivery, Status.SKIPPED, "nothing to tell")
        return None
    except TooEarly:
        _retry(delivery, "what it tells of is not planned yet")
        return None
    except Exception:  # a message that cannot be built must not stop those behind it
        log.exception("delivery %s cannot be written", delivery.pk)
        _retry(delivery, "the message could not be written")
        return None


def _look_again(delivery: Delivery) -> Look | None:
    rows = fetch_prepared(LOOK, _to_look(delivery))
    return Look(*rows[0]) if rows else None


def _to_look(delivery: Delivery) -> dict[str, Any]:
    return {
        "delivery": delivery.pk,
        "attempts": delivery.attempts,
        "margin": LEASE_MARGIN,
        "total": sorted(Suppression.TOTAL),
    }


def _objection(delivery: Delivery, look: Look) -> str:
    """Why the message must not go out, "" if nothing speaks against it."""
    if look.late:
        return f"too late to be of use{'; ' if delivery.last_error else ''}{delivery.last_error}"
    if look.suppressed:
        return "the address is suppressed"
    if delivery.why == Delivery.Why.FOLLOW and not look.follow_ids:
        return "no longer followed"
    if look.addresses is not None and not any(has_key(one, delivery.target_key) for one in look.addresses):
        return f"no longer the address of {delivery.why}"
    return "" if look.visible else "no longer to be seen"


def _sent(delivery: Delivery, letter: Letter, batch: Batch) -> Look | None:
    """Settle what the mail server has taken; return the last check of the next delivery if that went with it."""
    if delivery.kind != Delivery.Kind.CONFIRMATION:
        return _settle(delivery, Status.SENT, ahead=next(iter(batch.waiting), None))
    follow = batch.follows[delivery.follow_ids[0]]
    with transaction.atomic():
        _settle(delivery, Status.SENT)
        Consent.objects.create(
            site_id=delivery.site_id,
            address_key=delivery.target_key,
            target_kind=follow.target_kind,
            target_key=follow.target_key,
            event=Consent.Event.CONFIRMATION_SENT,
            door="mail",
            wording=letter.wording,
            language=letter.language,
        )
    return None


def _retry(delivery: Delivery, error: str) -> None:
    """Wait, longer each time and never as long as others that failed with it; give up after twelve attempts."""
    if delivery.attempts >= MAX_ATTEMPTS:
        _settle(delivery, Status.FAILED, error)
        return
    pause = min(FIRST_PAUSE * 2 ** (delivery.attempts - 1), LONGEST_PAUSE)
    spread = timedelta(seconds=random.uniform(pause / 2, pause))  # noqa: S311  (spreads rivals, guards nothing)
    _mine(delivery).update(
        status=Status.AWAITING_RETRY, lease_until=None, next_attempt_at=Now() + spread, last_error=_short(error)
    )


def _settle(
    delivery: Delivery, status: Delivery.Status, error: str = "", *, ahead: Delivery | None = None
) -> Look | None:
    """End a delivery, if it is still ours; return the last check of the one `ahead`, if that is asked for."""
    ended = {"settled": delivery.pk, "attempt": delivery.attempts, "outcome": status.value, "error": _short(error)}
    look = None
    if ahead is None:
        was_mine = bool(fetch_prepared(SETTLE, ended))
    else:
        rows = fetch_prepared(SETTLE_AND_LOOK, ended | _to_look(ahead))
        look = Look(*rows[0]) if rows else None
        # Where the next delivery is gone, nobody tells whether this one was ours.
        was_mine = look is None or look.settled
    if was_mine:
        delivery_settled(status)
    else:
        log.warning("delivery %s was taken over before it could be settled as %s", delivery.pk, status)
    return look


def _mine(delivery: Delivery) -> models.QuerySet[Delivery]:
    return Delivery.objects.filter(pk=delivery.pk, status=Status.SENDING, attempts=delivery.attempts)


def _short(error: str) -> str:
    return error.replace("\0", "")[:500]
