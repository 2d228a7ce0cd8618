"""The one mail that anybody can cause to any address: when it is planned, and when it has to wait.

A confirmation is the bomb of whoever bombs a mailbox, so it is bounded on every side: per follow, per address and site,
per address over all sites, per network, and per site. What a bound keeps back of one address or network is not planned;
the requester sees no difference, neither in the answer nor in the statements that it takes. What a bound keeps back
of a site waits, because there strangers stand in the way of honest readers.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Final

from django.db import transaction

from project.statements import fetch
from sharing.models import Consent, Delivery, Follow, Suppression

log = logging.getLogger(__name__)

EVERY: Final = timedelta(hours=24)
PER_ADDRESS_AND_SITE: Final = 5  # within EVERY, as the next
PER_ADDRESS: Final = 10
EXPIRES: Final = timedelta(hours=2)

# What a site sends within an hour whatever becomes of it: more than any ordinary site needs, and few enough that a mail
# provider does not take offence. Beyond that its confirmations must be answered: one in twenty, where real readers
# answer every second one; those of the last minutes have not had the time.
UNANSWERED_PER_HOUR: Final = 200
ANSWERED_SHARE: Final = 0.05
HOUR: Final = timedelta(hours=1)
TIME_TO_ANSWER: Final = timedelta(minutes=10)
REMEMBERED: Final = timedelta(hours=2)
LOOKED_AT_AGAIN: Final = timedelta(minutes=5)
HELD: Final = "the site's confirmations are not answered"

# One address has its turn after the other at all sites together, so that no two requests count the same past.
_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 74))"
# One statement for every address, whatever is known of it.
_ASK: Final = """
    WITH asked AS (
        UPDATE sharing_follow f SET confirmation_asked_at = statement_timestamp()
        FROM sharing_follower r
        WHERE f.id = %(follow)s AND r.id = f.follower_id AND f.status = 'unconfirmed' AND %(may_mail)s
            AND (f.confirmation_asked_at IS NULL OR f.confirmation_asked_at <= statement_timestamp() - %(every)s)
            AND (SELECT count(*) FROM sharing_follow o WHERE o.follower_id = f.follower_id
                AND o.confirmation_asked_at > statement_timestamp() - %(every)s) < %(per_address_and_site)s
            AND (SELECT count(*) FROM sharing_delivery d WHERE d.kind = 'confirmation' AND d.target_key = %(key)s
                AND d.created_at > statement_timestamp() - %(every)s) < %(per_address)s
            AND NOT EXISTS (SELECT FROM sharing_suppression s
                WHERE s.site_id = f.site_id AND s.address_key = %(key)s AND s.kind = ANY(%(silent)s))
        RETURNING f.id, f.site_id, f.request, f.target_kind, f.target_key, r.id AS follower_id, r.address
    ), planned AS (
        INSERT INTO sharing_delivery (site_id, kind, cause_key, channel, target_key, follower_id, follow_ids, why,
            address, queue, status, token, last_error, expires_at)
        SELECT a.site_id, 'confirmation',
            format('follow:%%s:%%s:%%s', a.id, a.request, to_char(statement_timestamp(), 'YYYYMMDD"T"HH24MISS.US')),
            'email', %(key)s, a.follower_id, ARRAY[a.id], 'follow',
            a.address, 'confirm', 'queued', gen_random_uuid(), '', statement_timestamp() + %(expires)s
        FROM asked a
    )
    INSERT INTO sharing_consent (site_id, address_key, target_kind, target_key, event, door, wording)
    SELECT a.site_id, %(key)s, a.target_kind, a.target_key, %(event)s, %(door)s, '' FROM asked a
    RETURNING id
"""
# Of each site: how many went out within the hour or are going out, and of those that could have been answered by now,
# how many were and how many there are.
_RECORD: Final = """
    SELECT s.site_id, s.due,
        (SELECT count(*) FROM sharing_delivery d WHERE d.site_id = s.site_id AND d.kind = 'confirmation'
            AND d.settled_at > statement_timestamp() - %(hour)s AND d.status IN ('sent', 'unknown'))
        + (SELECT count(*) FROM sharing_delivery d WHERE d.site_id = s.site_id AND d.kind = 'confirmation'
            AND d.settled_at IS NULL AND d.status = 'sending'),
        answered.yes, answered.asked
    FROM ({sites}) AS s
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE f.confirmed_at IS NOT NULL) AS yes, count(*) AS asked
        FROM sharing_delivery d LEFT JOIN sharing_follow f ON f.id = d.follow_ids[1]
        WHERE d.site_id = s.site_id AND d.kind = 'confirmation' AND d.status = 'sent'
            AND d.settled_at > statement_timestamp() - %(remembered)s
            AND d.settled_at <= statement_timestamp() - %(time_to_answer)s
    ) AS answered
"""
_RECORD_OF_DUE: Final = _RECORD.format(
    sites="""SELECT site_id, count(*) AS due FROM sharing_delivery
        WHERE queue = 'confirm' AND kind = 'confirmation' AND status IN ('queued', 'awaiting_retry')
            AND next_attempt_at <= statement_timestamp()
        GROUP BY site_id"""
)
_RECORD_OF_CLAIMED: Final = _RECORD.format(sites="SELECT unnest(%(sites)s::bigint[]) AS site_id, 0::bigint AS due")
# Whoever waits may still ask again after a day, and until then her confirmation is of use. Those who ask now have their
# turn before those who wait.
_HOLD: Final = """
    WITH surplus AS MATERIALIZED (
        SELECT id FROM sharing_delivery
        WHERE site_id = %(site)s AND queue = 'confirm' AND kind = 'confirmation'
            AND status IN ('queued', 'awaiting_retry') AND next_attempt_at <= statement_timestamp()
        ORDER BY created_at DESC, id DESC OFFSET %(allowed)s FOR UPDATE SKIP LOCKED
    )
    UPDATE sharing_delivery d
    SET next_attempt_at = statement_timestamp() + %(pause)s, expires_at = d.created_at + %(every)s, last_error = %(why)s
    FROM surplus WHERE d.id = surplus.id
    RETURNING d.id
"""
_GIVE_BACK: Final = """
    UPDATE sharing_delivery
    SET status = CASE WHEN attempts > 1 THEN 'awaiting_retry' ELSE 'queued' END, attempts = attempts - 1,
        lease_until = NULL, next_attempt_at = statement_timestamp() + %(pause)s, expires_at = created_at + %(every)s,
        last_error = %(why)s
    WHERE id = ANY(%(ids)s::bigint[]) AND status = 'sending'
    RETURNING id
"""


def ask(follow: Follow, door: str, *, may_mail: bool) -> None:
    """Plan the mail that asks whether a follow is wanted, and note the request, if every bound allows it.

    To be called in a transaction that holds the follower's row. `may_mail`: the network that asks has a share left.
    """
    key = follow.follower.address_key
    fetch(_TURN, {"key": key})
    parameters: dict[str, Any] = {
        "follow": follow.pk,
        "key": key,
        "may_mail": may_mail,
        "every": EVERY,
        "per_address_and_site": PER_ADDRESS_AND_SITE,
        "per_address": PER_ADDRESS,
        "silent": sorted(Suppression.NO_CONFIRMATION),
        "expires": EXPIRES,
        "event": Consent.Event.REQUESTED.value,
        "door": door,
    }
    fetch(_ASK, parameters)


def hold_surplus() -> int:
    """Let confirmations wait that a site may not send now; return how many. Twice is harmless."""
    held = 0
    for site_id, due, sent, answered, asked in fetch(_RECORD_OF_DUE, _TIMES):
        allowed = max(UNANSWERED_PER_HOUR - sent, 0)
        if due > allowed and not _are_answered(answered, asked):
            held += _hold(site_id, allowed)
    return held


def give_back_surplus(claimed: list[Delivery]) -> list[Delivery]:
    """Return those of a claimed batch that may go out; what was asked for between `hold_surplus` and the claim waits.

    Whoever else claims at this moment counts as gone out already, so that all together are never too many.
    """
    asking = [delivery for delivery in claimed if delivery.kind == Delivery.Kind.CONFIRMATION]
    sites = sorted({delivery.site_id for delivery in asking})
    back: set[int] = set()
    for site_id, _, sent, answered, asked in fetch(_RECORD_OF_CLAIMED, {"sites": sites, **_TIMES}) if sites else ():
        surplus = sent - UNANSWERED_PER_HOUR
        if surplus > 0 and not _are_answered(answered, asked):
            oldest = sorted(delivery.pk for delivery in asking if delivery.site_id == site_id)
            back.update(oldest[:surplus])
    if back:
        fetch(_GIVE_BACK, {"ids": sorted(back), "pause": LOOKED_AT_AGAIN, "every": EVERY, "why": HELD})
    return [delivery for delivery in claimed if delivery.pk not in back]


_TIMES: Final = {"hour": HOUR, "remembered": REMEMBERED, "time_to_answer": TIME_TO_ANSWER}


def _are_answered(answered: int, asked: int) -> bool:
    return asked > 0 and answered >= ANSWERED_SHARE * asked


def _hold(site_id: int, allowed: int) -> int:
    parameters: dict[str, Any] = {
        "site": site_id,
        "allowed": allowed,
        "pause": LOOKED_AT_AGAIN,
        "every": EVERY,
        "why": HELD,
    }
    with transaction.atomic():
        held = len(fetch(_HOLD, parameters))
    if held:
        log.warning("%d confirmations of site %s wait: too few of those before were answered", held, site_id)
    return held
