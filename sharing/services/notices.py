"""Authors and members: told at once or once a day, as they choose.

Whoever wants one mail a day has her day opened by the fan-out of the first notification that she would have been told
of: its window and the one message of it are written in the transaction that settles the notification, and whatever is
fanned out until eight belongs to it. Nothing has to come by at eight, so that no beat can be missed or come twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext

from articles.models import Member
from articles.services.news import database_now
from project.errors import refused_field
from project.statements import fetch
from sharing.models import AuthorNotice, Delivery, Suppression
from sharing.schedule import Schedule, last_until, next_after
from sharing.selectors.notices import NOTHING, members_with
from sharing.services.digests import SETTLED
from sharing.services.follows import suppress
from sharing.tokens import Recipient

# A site has no time zone of its own.
EIGHT: Final = Schedule("UTC", 8)
DAY: Final = timedelta(days=1)

# In one order, so that two fan-outs that open the same days do not wait for one another.
_OPEN: Final = """
    WITH recipient AS MATERIALIZED (
        SELECT * FROM unnest(%(keys)s::text[], %(addresses)s::text[]) AS r(key, address) ORDER BY key
    ), opened AS (
        INSERT INTO sharing_digest (site_id, address_key, scope, window_start, window_end, since)
        SELECT %(site)s, key, %(why)s, %(start)s, %(end)s, ARRAY[%(now)s::timestamptz] FROM recipient ORDER BY key
        -- Whoever opened it may have read the clock later and committed first.
        ON CONFLICT (site_id, address_key, scope, window_start) WHERE follower_id IS NULL
        DO UPDATE SET since = excluded.since WHERE sharing_digest.since > excluded.since
        RETURNING id, address_key
    )
    INSERT INTO sharing_delivery (site_id, kind, cause_key, channel, target_key, digest_id, follow_ids, why, address,
        queue, status, token, last_error, next_attempt_at, expires_at)
    SELECT %(site)s, 'notices', 'notices:' || opened.id, 'email', r.key, opened.id, '{}', %(why)s, r.address,
        'mail', 'queued', gen_random_uuid(), '', %(end)s::timestamptz + %(settled)s,
        %(end)s::timestamptz + %(of_use)s
    FROM opened JOIN recipient r ON r.key = opened.address_key
    ON CONFLICT DO NOTHING
    RETURNING id"""


def gather(site_id: int, why: str, recipients: Mapping[str, str], now: datetime | None = None) -> datetime:
    """Let recipients, addresses by their keys, be told of a notification in the mail of the day.

    Returns the moment to which it belongs: it has to be noted as that at which the notification was fanned out, in
    this transaction. `now` is the database's time unless it is given.
    """
    moment = now or database_now()
    keys = sorted(recipients)
    parameters = {
        "site": site_id,
        "why": why,
        "keys": keys,
        "addresses": [recipients[key] for key in keys],
        "start": last_until(moment, EIGHT),
        "end": next_after(moment, EIGHT),
        "now": moment,
        "settled": SETTLED,
        "of_use": DAY,
    }
    fetch(_OPEN, parameters)
    return moment


def choose(recipient: Recipient, often: str, *, summary: bool | None = None) -> None:
    """Let an author or a member be told at once, once a day, or not at all, from now on; what is planned goes out
    unless she wants nothing.

    `summary` is asked of owners only, None leaves it as it is. Problem `validation_failed`: no such choice.
    """
    if often not in Member.Notice.values:
        raise refused_field("choice", "unknown_choice", gettext("Choose one of them."))
    with transaction.atomic():
        if recipient.why == Delivery.Why.AUTHOR:
            _choose_as_author(recipient, often)
        else:
            _choose_as_member(recipient, often, summary)


def _choose_as_author(recipient: Recipient, often: str) -> None:
    if often == NOTHING:
        suppress(recipient.site_id, recipient.address_key, Suppression.Kind.AUTHOR)
        return
    AuthorNotice.objects.update_or_create(
        site_id=recipient.site_id,
        address_key=recipient.address_key,
        defaults={"choice": often, "chosen_at": database_now()},
    )
    _speak(recipient, Suppression.Kind.AUTHOR)


def _choose_as_member(recipient: Recipient, often: str, summary: bool | None) -> None:
    ids = [member.pk for member in members_with(recipient)]
    members = Member.objects.filter(pk__in=ids)
    members.update(notice=often)
    _speak(recipient, Suppression.Kind.MEMBER)
    if summary is not None:
        members.filter(role=Member.Role.OWNER).update(summary=summary)
        _speak(recipient, Suppression.Kind.SUMMARY)


def _speak(recipient: Recipient, kind: str) -> None:
    """Her newer word counts, not what she once said by the link of a mail."""
    silent = Suppression.objects.filter(site_id=recipient.site_id, address_key=recipient.address_key)
    silent.filter(kind=kind).delete()
