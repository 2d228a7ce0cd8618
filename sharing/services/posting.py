"""From a planned post to a channel: claim, look again, ask in a thread, settle.

One worker speaks to many channels at once, one message at a time to each: a slow one holds nothing but its own place,
and of the places slow ones have at most half, a site an eighth. Rows are read and written by one thread alone; the
others only speak. docs/reliability.md says what follows from a crash at every point.
"""

from __future__ import annotations

import logging
import random
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from project import failpoints
from project.sealed import Broken, seal
from project.sending_metrics import delivery_settled
from project.statements import fetch
from sharing.channels.base import Account, Adapter, Ended, Post, Receipt, Refused, SendError, TryLater, Uncertain
from sharing.channels.known import ADAPTERS
from sharing.channels.posts import NothingToSay, post_of
from sharing.models import Channel, Delivery
from sharing.selectors.channels import READY
from sharing.services.channels import open_account

log = logging.getLogger(__name__)

Status = Delivery.Status

PLACES: Final = 32
PLACES_OF_SITE: Final = 4
PLACES_OF_SLOW: Final = 16
SLOW: Final = 2.0  # seconds
LATEST: Final = 60.0
# How often somebody looks for what has come to be due while others are waited for.
LOOK_AGAIN: Final = 0.2
LEASE: Final = timedelta(minutes=5)
# Seconds before the next attempt, as Standard Webhooks proposes: three days in all.
PAUSES: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_ATTEMPTS: Final = len(PAUSES) + 1
# A lost request may still be under way; nobody is asked again before it has come to its end.
AFTER_DOUBT: Final = 60.0
# For a channel that fails, whatever waits for it: so long, twice as long with each failure, at most.
FIRST_REST, LONGEST_REST = 2.0, 600.0
# Whoever says "in no seconds", again and again, is still asked no more often than this.
LEAST_WAIT: Final = 5.0
ENDED_AFTER: Final = timedelta(days=3)
LEASE_ENDED: Final = "the worker ended in the middle"

CLAIM: Final = f"""
    WITH busy AS MATERIALIZED (
        SELECT site_id, is_slow FROM sharing_channel WHERE busy_until > statement_timestamp()
    ), ready AS MATERIALIZED (
        SELECT c.id, c.is_slow, row_number() OVER (PARTITION BY c.site_id ORDER BY c.next_at, c.id)
            + (SELECT count(*) FROM busy WHERE busy.site_id = c.site_id) AS of_site
        FROM sharing_channel c WHERE {READY}
    ), ranked AS MATERIALIZED (
        SELECT id, is_slow, of_site, row_number() OVER (PARTITION BY is_slow ORDER BY of_site, random())
            + CASE WHEN is_slow THEN (SELECT count(*) FROM busy WHERE is_slow) ELSE 0 END AS of_pace
        FROM ready WHERE of_site <= %(of_site)s
    ), chosen AS MATERIALIZED (
        SELECT id FROM ranked WHERE NOT is_slow OR of_pace <= %(of_slow)s ORDER BY of_site, random() LIMIT %(places)s
    ), taken AS MATERIALIZED (
        SELECT c.id FROM sharing_channel c JOIN chosen ON chosen.id = c.id
        WHERE c.is_active AND (c.busy_until IS NULL OR c.busy_until <= statement_timestamp())
            AND c.next_at <= statement_timestamp()
        FOR NO KEY UPDATE OF c SKIP LOCKED
    ), due AS MATERIALIZED (
        SELECT d.id, d.site_channel_id FROM taken CROSS JOIN LATERAL (
            SELECT id, site_channel_id FROM sharing_delivery
            WHERE site_channel_id = taken.id AND status IN ('queued', 'awaiting_retry')
                AND next_attempt_at <= statement_timestamp()
            ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) d
    ), held AS (
        UPDATE sharing_channel c SET busy_until = statement_timestamp() + %(lease)s
        FROM due WHERE c.id = due.site_channel_id
    )
    UPDATE sharing_delivery d
    SET status = 'sending', attempts = attempts + 1, lease_until = statement_timestamp() + %(lease)s
    FROM due WHERE d.id = due.id
    RETURNING d.id
"""  # noqa: S608  (parts of ours)
# The delivery and its channel in one statement. Who has lost the lease changes nothing, but for what was found out.
SETTLE: Final = """
    WITH settled AS (
        UPDATE sharing_delivery SET
            status = %(status)s, lease_until = NULL, last_error = %(error)s, remote = %(remote)s,
            attempts = attempts - %(uncounted)s,
            settled_at = CASE WHEN %(ends)s THEN statement_timestamp() END,
            doubt_at = COALESCE(doubt_at, CASE WHEN %(doubt)s THEN statement_timestamp() END),
            next_attempt_at = CASE WHEN %(ends)s THEN next_attempt_at ELSE statement_timestamp() + %(pause)s END
        WHERE id = %(delivery)s AND status = 'sending' AND attempts = %(attempts)s
        RETURNING site_channel_id
    )
    UPDATE sharing_channel c SET
        busy_until = NULL, session = %(session)s, is_active = is_active AND NOT %(over)s,
        is_slow = CASE WHEN %(asked)s THEN %(slow)s ELSE is_slow END,
        failures = CASE WHEN %(failed)s THEN failures + 1 WHEN %(asked)s THEN 0 ELSE failures END,
        failing_since = CASE WHEN %(failed)s THEN COALESCE(failing_since, statement_timestamp())
            WHEN %(asked)s THEN NULL ELSE failing_since END,
        last_error = CASE WHEN %(failed)s OR %(over)s THEN %(error)s WHEN %(asked)s THEN '' ELSE last_error END,
        next_at = CASE WHEN %(asked)s THEN statement_timestamp() + %(rest)s ELSE next_at END
    FROM settled WHERE c.id = settled.site_channel_id
    RETURNING c.id
"""


@dataclass(frozen=True)
class Attempt:
    """One message under way: what was claimed, what is said, and to whom."""

    delivery: Delivery
    channel: Channel
    adapter: Adapter
    account: Account
    post: Post
    began: float

    def is_slow(self, now: float) -> bool:
        return self.channel.is_slow or now - self.began > SLOW


@dataclass
class Outcome:
    """What became of an attempt, as SETTLE writes it down; `rest` and `pause` in seconds.

    `ends`: there is no further attempt. `over`: the channel is spoken to no more. `failed`: the channel did not work.
    """

    status: Delivery.Status
    error: str = ""
    remote: str = ""
    uncounted: bool = False
    doubt: bool = False
    failed: bool = False
    over: bool = False
    pause: float = 0.0
    rest: float = 0.0

    @property
    def ends(self) -> bool:
        return self.status not in Delivery.WAITING


def send_due_posts(seconds: float) -> bool:
    """Say what is due, ending after so many seconds; True where there may be more.

    At the end no slow channel is spoken to any more, and others for as long as one is waited for, so that nobody
    waits for a slow one of somebody else. Twice at once is harmless: a channel and a delivery are claimed by one
    process at a time.
    """
    end = time.monotonic() + seconds
    under_way: dict[Future[Receipt], Attempt] = {}
    with ThreadPoolExecutor(PLACES, "channel") as pool:
        while True:
            now, claimed = time.monotonic(), 0
            late, waits_for_slow = now > end, any(attempt.is_slow(now) for attempt in under_way.values())
            if not late or (waits_for_slow and now < end + LATEST):
                begun, claimed = _begin(PLACES - len(under_way), of_slow=0 if late else PLACES_OF_SLOW)
                for attempt in begun:
                    under_way[pool.submit(attempt.adapter.send, attempt.account, attempt.post)] = attempt
            if not under_way and not claimed:
                return late
            done, _ = wait(under_way, timeout=LOOK_AGAIN, return_when=FIRST_COMPLETED)
            for future in done:
                _finish(future, under_way.pop(future))


def replay(deliveries: models.QuerySet[Delivery]) -> int:
    """Let posts be sent again that failed, or of which nobody knows, as an operator wants; return how many.

    A webhook gets also what it got already, under the same id.
    """
    posts = deliveries.filter(kind=Delivery.Kind.POST)
    ended = models.Q(status__in=[Status.FAILED, Status.UNKNOWN])
    got = models.Q(status=Status.SENT, channel=Channel.Kind.WEBHOOK)
    return posts.filter(ended | got).update(
        status=Status.QUEUED,
        attempts=0,
        doubt_at=None,
        next_attempt_at=Now(),
        expires_at=Now() + ENDED_AFTER,
        settled_at=None,
    )


def replay_ended(channel: Channel) -> int:
    """Let all posts of a channel be sent again that failed, or of which nobody knows; return how many."""
    return replay(Delivery.objects.filter(site_channel=channel).exclude(status=Status.SENT))


def end_post_leases() -> int:
    """Settle what a process left behind in the middle of a post; return how many rows.

    What may be there and cannot be looked for is not repeated. Twice finds nothing the second time.
    """
    left = Delivery.objects.filter(queue=Delivery.Queue.CHANNELS, status=Status.SENDING, lease_until__lte=Now())
    final = [kind for kind, adapter in ADAPTERS.items() if adapter.doubt is None]
    end = {"lease_until": None, "last_error": LEASE_ENDED}
    unknown = left.filter(models.Q(channel__in=final) | models.Q(attempts__gte=MAX_ATTEMPTS))
    count = unknown.update(status=Status.UNKNOWN, settled_at=Now(), **end)
    began = models.functions.Coalesce("doubt_at", models.F("lease_until") - LEASE)
    back = left.update(status=Status.AWAITING_RETRY, next_attempt_at=Now(), doubt_at=began, **end)
    return count + back


def _begin(places: int, *, of_slow: int) -> tuple[list[Attempt], int]:
    """Claim what is due, at most so many; return what is still to be said, and how many were claimed."""
    if not places:
        return [], 0
    asked = {"places": places, "of_site": PLACES_OF_SITE, "of_slow": of_slow, "lease": LEASE}
    claimed = [row[0] for row in fetch(CLAIM, asked)]
    if not claimed:
        return [], 0
    whole = Delivery.objects.select_related("site", "site_channel", "notification__article", "notification__comment")
    attempts = [attempt for one in whole.filter(pk__in=claimed) if (attempt := _attempt(one)) is not None]
    return attempts, len(claimed)


def _attempt(delivery: Delivery) -> Attempt | None:
    """Return what is to be said; None where nothing is, and then that is settled."""
    channel = delivery.site_channel
    if channel is None:
        return None
    adapter, now = ADAPTERS[channel.kind], timezone.now()
    try:
        account = open_account(channel, with_old=bool(channel.old_secret_until and channel.old_secret_until > now))
        attempt = Attempt(delivery, channel, adapter, account, post_of(delivery), time.monotonic())
    except NothingToSay as reason:
        outcome = Outcome(Status.SKIPPED, str(reason))
    except Broken as error:
        outcome = Outcome(Status.QUEUED, f"its secret is {error}", uncounted=True, over=True)
    except Exception:  # one that cannot be written must not stop those behind it
        log.exception("post %s cannot be written", delivery.pk)
        outcome = _again(delivery, adapter, "the message could not be written")
    else:
        if delivery.expires_at is None or delivery.expires_at > now:
            if not _is_too_late_to_ask(delivery, adapter):
                return attempt
            outcome = Outcome(Status.UNKNOWN, delivery.last_error)
        elif delivery.doubt_at is not None and not _may_repeat_for_ever(adapter):
            outcome = Outcome(Status.UNKNOWN, delivery.last_error)
        else:
            outcome = Outcome(Status.SKIPPED, f"too late to be of use; {delivery.last_error}".rstrip("; "))
    _settle(delivery, channel, outcome, took=None, session=channel.session)
    return None


def _finish(future: Future[Receipt], attempt: Attempt) -> None:
    """Write down what became of an attempt."""
    failpoints.reach(failpoints.AFTER_ANSWER)
    delivery, channel, took = attempt.delivery, attempt.channel, time.monotonic() - attempt.began
    try:
        receipt = future.result()
    except SendError as error:
        outcome = _outcome_of(error, attempt)
    except Exception:  # an answer of a shape that nobody thought of
        log.exception("post %s: the answer cannot be read", delivery.pk)
        outcome = _doubted(delivery, attempt.adapter, "the answer cannot be read")
    else:
        outcome = Outcome(Status.SENT, remote=receipt.remote[:500], rest=receipt.wait)
    outcome.error = _without_secrets(outcome.error, attempt.account)
    session = seal(attempt.account.session) if attempt.account.session else ""
    _settle(delivery, channel, outcome, took=took, session=session)


def _outcome_of(error: SendError, attempt: Attempt) -> Outcome:
    delivery, adapter, text = attempt.delivery, attempt.adapter, str(error)
    if isinstance(error, Uncertain):
        return _doubted(delivery, adapter, text)
    if isinstance(error, Ended):
        return Outcome(Status.AWAITING_RETRY, text, uncounted=True, failed=True, over=True)
    if isinstance(error, TryLater) and error.wait is not None:
        # It asked for patience: that is no failure, and no attempt.
        return Outcome(Status.AWAITING_RETRY, text, uncounted=True, rest=max(error.wait, LEAST_WAIT))
    in_doubt = delivery.doubt_at is not None and not _may_repeat_for_ever(adapter)
    if isinstance(error, Refused):
        return Outcome(Status.UNKNOWN if in_doubt else Status.FAILED, text)
    return _again(delivery, adapter, text)


def _doubted(delivery: Delivery, adapter: Adapter, error: str) -> Outcome:
    """The post may be there: it is repeated only where that does not make two of it."""
    if adapter.doubt is None:
        return Outcome(Status.UNKNOWN, error, failed=True)
    outcome = _again(delivery, adapter, error)
    outcome.doubt, outcome.pause = True, max(outcome.pause, AFTER_DOUBT)
    if outcome.status == Status.FAILED and not _may_repeat_for_ever(adapter):
        outcome.status = Status.UNKNOWN
    return outcome


def _again(delivery: Delivery, adapter: Adapter, error: str) -> Outcome:
    """Wait, longer each time, and give up after three days; a channel that failed for as long is spoken to no more."""
    if delivery.attempts < MAX_ATTEMPTS:
        pause = PAUSES[delivery.attempts - 1]
        spread = random.uniform(pause, pause * 1.25)  # noqa: S311  (spreads rivals, guards nothing)
        return Outcome(Status.AWAITING_RETRY, error, failed=True, pause=spread)
    in_doubt = delivery.doubt_at is not None and not _may_repeat_for_ever(adapter)
    channel = delivery.site_channel
    since = channel.failing_since if channel else None
    over = since is not None and since < timezone.now() - ENDED_AFTER
    return Outcome(Status.UNKNOWN if in_doubt else Status.FAILED, error, failed=True, over=over)


def _may_repeat_for_ever(adapter: Adapter) -> bool:
    return adapter.doubt == timedelta.max


def _is_too_late_to_ask(delivery: Delivery, adapter: Adapter) -> bool:
    """Say whether a repetition might make two of it by now."""
    if delivery.doubt_at is None or _may_repeat_for_ever(adapter):
        return False
    return adapter.doubt is None or delivery.doubt_at + adapter.doubt <= timezone.now()


def _settle(delivery: Delivery, channel: Channel, outcome: Outcome, *, took: float | None, session: str) -> None:
    """Write it down; the channel took so many seconds, or was not asked (None)."""
    is_slow = took is not None and took > SLOW
    # A slow one rests as long as it was slow; one that fails, longer with each failure.
    rest = max(outcome.rest, took if took and is_slow else 0.0)
    if outcome.failed:
        rest = max(rest, min(FIRST_REST * 2 ** min(channel.failures, 20), LONGEST_REST))
    values: dict[str, Any] = {
        "delivery": delivery.pk,
        "attempts": delivery.attempts,
        "status": outcome.status.value,
        "error": outcome.error.replace("\0", "")[:500],
        "remote": outcome.remote.replace("\0", ""),
        "uncounted": int(outcome.uncounted),
        "ends": outcome.ends,
        "doubt": outcome.doubt,
        "failed": outcome.failed,
        "over": outcome.over,
        "asked": took is not None,
        "slow": is_slow,
        "session": session,
        "pause": timedelta(seconds=outcome.pause),
        "rest": timedelta(seconds=rest),
    }
    if not fetch(SETTLE, values):
        log.warning("post %s was taken over before it could be settled as %s", delivery.pk, outcome.status)
    elif outcome.ends:
        delivery_settled(outcome.status)
    if outcome.over:
        log.warning("channel %s is spoken to no more: %s", channel.pk, values["error"])


def _without_secrets(text: str, account: Account) -> str:
    """Return what another side said, should it have repeated what nobody may read."""
    for secret in (account.secret, account.old_secret, account.session):
        if secret:
            text = text.replace(secret, "…")
    return text
