"""The workers' doors. A task carries an id or a queue's name; the rows say what is to be done.

Every task may run twice, late, or beside itself; its docstring says why that is harmless. A message that the broker
loses is made good by `sweep`, so no task retries itself.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError

from project.doorbell import Doorbell
from sharing.models import Delivery
from sharing.pictures import shelf
from sharing.selectors.channels import posts_are_due
from sharing.selectors.outbox import due_notifications, due_queues
from sharing.services import (
    claims,
    digests,
    dispatch,
    follows,
    outbox,
    posting,
    replies,
    salts,
    sent_webmentions,
    shares,
    summaries,
    visits,
    webmentions,
)
from sharing.services import fan_out as planning

log = logging.getLogger(__name__)

# A task ends its turn after this many seconds and queues up again, so that a worker is never held for long.
TURN: Final = 30.0
# The same for tasks that wait for servers of others, in a queue that they share with housekeeping.
FETCHING_TURN: Final = 5.0
# Notifications that take turns, a page of followers each.
AT_ONCE: Final = 100


@shared_task(base=Doorbell, soft_time_limit=220, time_limit=240)
def fan_out() -> None:
    """Plan the deliveries of all notifications that are due, a page of each in turn.

    Twice is harmless: each page locks its notification and moves its cursor, and a delivery is unique by recipient
    and cause. A notification that another worker has in its hands is left to that.
    """
    end = time.monotonic() + TURN
    left_alone: set[int] = set()
    while due := due_notifications(AT_ONCE, without=left_alone):
        left_alone.update(notification_id for notification_id in due if not _plan_page(notification_id))
        deliver_mail.wake()
        if posts_are_due():
            deliver_posts.wake()
        if time.monotonic() > end:
            fan_out.wake()
            return


@shared_task(base=Doorbell, soft_time_limit=270, time_limit=290)
def deliver_confirmations() -> None:
    """Send the confirmations that are due; they have workers of their own and never wait behind other mail.

    Twice is harmless: a delivery is claimed by one process at a time, and one that was begun is never repeated.
    """
    if _send_for_a_turn(Delivery.Queue.CONFIRM):
        deliver_confirmations.wake()


@shared_task(base=Doorbell, soft_time_limit=270, time_limit=290)
def deliver_mail() -> None:
    """Send the notices that are due.

    Twice is harmless: a delivery is claimed by one process at a time, and without due deliveries nothing happens.
    """
    if _send_for_a_turn(Delivery.Queue.MAIL):
        deliver_mail.wake()


@shared_task(base=Doorbell, soft_time_limit=270, time_limit=290)
def deliver_posts() -> None:
    """Say what channels of sites have to say; they have workers of their own, as other people's servers may be slow.

    Twice is harmless: a channel and a delivery are claimed by one process at a time, and what may be there already is
    sent again only where that makes no second one.
    """
    if posting.send_due_posts(TURN):
        deliver_posts.wake()


@shared_task(base=Doorbell, soft_time_limit=60, time_limit=90)
def sweep() -> None:
    """Find what nobody was woken for: leases that ended, notifications not fanned out, deliveries that are due.

    Twice is harmless: it ends leases by conditional UPDATEs and otherwise only wakes tasks that may run twice.
    """
    claims.end_leases()
    posting.end_post_leases()
    if due_notifications(1):
        fan_out.wake()
    due = due_queues()
    if Delivery.Queue.CONFIRM in due:
        deliver_confirmations.wake()
    if Delivery.Queue.MAIL in due:
        deliver_mail.wake()
    if posts_are_due():
        deliver_posts.wake()


@shared_task(base=Doorbell, soft_time_limit=220, time_limit=240)
def plan_digests() -> None:
    """Close the windows of digests whose hour has come, and the weeks of sites.

    Twice is harmless: a clock moves on in the statement that writes its digest, and one is closed by one process; the
    week of a site is written once.
    """
    end = time.monotonic() + TURN
    while time.monotonic() < end and summaries.plan_due_summaries():
        deliver_mail.wake()
    while closed := digests.plan_due_digests():
        deliver_mail.wake()
        if closed < digests.PAGE or time.monotonic() > end:
            return


@shared_task(base=Doorbell, soft_time_limit=80, time_limit=90)
def verify_webmentions() -> None:
    """Look at the pages that are said to link here.

    Twice is harmless: a page is put off before it is fetched, so two workers look at different ones, and what was found
    is written only by whoever claimed it last.
    """
    end = time.monotonic() + FETCHING_TURN
    while webmentions.verify_next() is not None:
        if time.monotonic() > end:
            verify_webmentions.wake()
            return


@shared_task(base=Doorbell, soft_time_limit=80, time_limit=90)
def send_webmentions() -> None:
    """Tell pages that texts of ours link to them, or do so no more.

    Twice is harmless: a row is put off before anything is fetched, and one whose telling has begun is not begun again.
    """
    end = time.monotonic() + FETCHING_TURN
    while sent_webmentions.plan_next() is not None or sent_webmentions.tell_next() is not None:
        if time.monotonic() > end:
            send_webmentions.wake()
            return


@shared_task(base=Doorbell, soft_time_limit=220, time_limit=240)
def prune() -> None:
    """Delete what is kept no longer: salts, single visits and shares of past days, requests to follow that nobody
    confirmed, closed windows, messages of three months ago, pictures of yesterday, which answers by mail became
    comments, and which pages were said to link here.

    Twice is harmless: the second run finds nothing.
    """
    visits.fold_visits()
    shares.fold_shares()
    salts.prune_salts()
    follows.prune_unconfirmed()
    digests.prune_digests()
    outbox.prune_deliveries()
    replies.prune_replies()
    webmentions.prune_webmentions()
    shelf.prune()


def _plan_page(notification_id: int) -> bool:
    """Return whether there is more to plan. What cannot be planned stays due, and keeps no other from its turn."""
    try:
        return planning.plan_next_page(notification_id)
    except (SoftTimeLimitExceeded, OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("notification %s cannot be planned", notification_id)
        return False


def _send_for_a_turn(queue: Delivery.Queue) -> bool:
    """Send batch after batch; True where there may be more when the turn ends."""
    end = time.monotonic() + TURN
    while dispatch.send_due(queue):
        if time.monotonic() > end:
            return True
    return False
