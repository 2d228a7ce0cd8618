"""Digests: closing the windows of followers, each with the one message that tells of it.

The clock moves in the statement that writes the digest and its delivery: a crash, two beats at once or a beat that was
away repeat nothing and lose nothing. What the message says is looked up when it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from articles.services.news import database_now
from project.statements import fetch
from sharing.models import DigestClock, Follow, Follower
from sharing.schedule import Schedule, last_until, next_after

# Windows that are closed in one transaction.
PAGE: Final = 1_000
# A notification bears the time at which its transaction began, and none lasts longer than a minute
# (`transaction_timeout`): after this a window is complete.
SETTLED: Final = timedelta(minutes=2)

KEPT: Final = timedelta(days=60)

# Rows that others hold have their turn at the next beat. Whoever erases a follower holds her row, so it is had first.
_DUE: Final = """
    SELECT k.id, k.frequency, k.next_at, r.timezone, r.hour, r.weekday
    FROM sharing_digestclock k JOIN sharing_follower r ON r.id = k.follower_id
    WHERE k.next_at <= %(settled)s
    ORDER BY k.next_at, k.id LIMIT %(page)s
    FOR KEY SHARE OF r SKIP LOCKED FOR UPDATE OF k SKIP LOCKED"""

# A window in which nothing can have happened for its follower has no digest; a clock without follows is not needed.
_CLOSE: Final = """
    WITH given AS (
        SELECT * FROM unnest(%(ids)s::bigint[], %(ends)s::timestamptz[], %(nexts)s::timestamptz[])
            AS g(id, window_end, next_at)
    ), wanted AS MATERIALIZED (
        SELECT k.id, k.site_id, k.follower_id, k.frequency, k.window_start, given.window_end, given.next_at,
            follows.ids, follows.since
        FROM given JOIN sharing_digestclock k ON k.id = given.id CROSS JOIN LATERAL (
            SELECT array_agg(f.id ORDER BY f.id) AS ids,
                array_agg(greatest(f.confirmed_at, f.frequency_since) ORDER BY f.id) AS since
            FROM sharing_follow f
            WHERE f.follower_id = k.follower_id AND f.status = 'confirmed' AND f.frequency = k.frequency
        ) AS follows
    ), ended AS (
        DELETE FROM sharing_digestclock k USING wanted w WHERE k.id = w.id AND w.ids IS NULL
    ), moved AS (
        UPDATE sharing_digestclock k SET window_start = w.window_end, next_at = w.next_at
        FROM wanted w WHERE k.id = w.id AND w.ids IS NOT NULL
    ), digest AS (
        INSERT INTO sharing_digest (site_id, follower_id, scope, window_start, window_end, since)
        SELECT w.site_id, w.follower_id, w.frequency, w.window_start, w.window_end, w.since
        FROM wanted w
        WHERE w.ids IS NOT NULL AND w.window_end > w.window_start AND EXISTS (
            SELECT FROM sharing_follow f JOIN sharing_notification n ON n.site_id = w.site_id
                AND n.created_at >= w.window_start AND n.created_at < w.window_end
                AND ((n.kind = 'comment' AND n.article_id = f.article_id)
                    OR (n.kind = 'article' AND f.target_kind IN ('site', 'tag', 'author')))
            WHERE f.id = ANY(w.ids))
        ON CONFLICT DO NOTHING
        RETURNING id, site_id, follower_id, scope
    )
    INSERT INTO sharing_delivery (site_id, kind, cause_key, channel, target_key, digest_id, follower_id, follow_ids,
        why, address, queue, status, token, last_error, next_attempt_at, expires_at)
    SELECT d.site_id, 'digest', 'digest:' || d.id, 'email', r.address_key, d.id, r.id, w.ids, 'follow',
        r.address, 'mail', 'queued', gen_random_uuid(), '', %(send_at)s, w.window_end + %(of_use)s
    FROM digest d
    JOIN wanted w ON w.follower_id = d.follower_id AND w.frequency = d.scope
    JOIN sharing_follower r ON r.id = d.follower_id"""
# Until the next one is due.
_OF_USE: Final = {Follow.Frequency.DAILY: timedelta(days=1), Follow.Frequency.WEEKLY: timedelta(days=7)}

# Their deliveries are kept, and no longer point to them.
_FORGET: Final = """
    WITH old AS MATERIALIZED (
        SELECT id FROM sharing_digest WHERE window_end < statement_timestamp() - %(kept)s LIMIT %(page)s
    ), cut AS (
        UPDATE sharing_delivery d SET digest_id = NULL FROM old WHERE d.digest_id = old.id
    )
    DELETE FROM sharing_digest USING old WHERE sharing_digest.id = old.id"""


def plan_due_digests(now: datetime | None = None) -> int:
    """Close up to a thousand windows whose hour has come, and plan a message for each; return how many were closed.

    However long nobody came, a window is closed once, at the last of the hours that have passed. `now` is the
    database's time unless it is given.
    """
    settled = (now or database_now()) - SETTLED
    with transaction.atomic():
        due = fetch(_DUE, {"settled": settled, "page": PAGE})
        for frequency in _OF_USE:
            rows = [row for row in due if row[1] == frequency]
            schedules = [_schedule(frequency, zone, hour, weekday) for *_, zone, hour, weekday in rows]
            ends = [max(row[2], last_until(settled, schedule)) for row, schedule in zip(rows, schedules, strict=True)]
            nexts = [next_after(settled, schedule) for schedule in schedules]
            _close(frequency, [row[0] for row in rows], ends, nexts, send_at=settled)
    return len(due)


def prune_digests() -> int:
    """Forget windows that were closed two months ago, and by then told of or given up; return how many."""
    forgotten: int = 0
    parameters: dict[str, Any] = {"kept": KEPT, "page": PAGE}
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_FORGET, parameters)
            forgotten += cursor.rowcount
            if cursor.rowcount < PAGE:
                return forgotten


def start_clock(follow: Follow) -> None:
    """As `start_clocks`, for one."""
    start_clocks([follow])


def start_clocks(follows: Iterable[Follow]) -> None:
    """Let digests come to followers, where these confirmed follows of theirs ask for them; in their transaction."""
    now, clocks = database_now(), []
    for follow in follows:
        if follow.frequency not in _OF_USE:
            continue
        follower = follow.follower
        schedule = _schedule(follow.frequency, follower.timezone, follower.hour, follower.weekday)
        clock = DigestClock(
            site_id=follow.site_id,
            follower=follower,
            frequency=follow.frequency,
            window_start=now,
            next_at=next_after(now, schedule),
        )
        clocks.append(clock)
    DigestClock.objects.bulk_create(clocks, ignore_conflicts=True)


def set_frequency(follow: Follow, frequency: str) -> None:
    """Tell of a follow as often as its follower says from now on; whatever waited for a digest is sent in one.

    To be called in a transaction that holds the follower's row.
    """
    if follow.frequency == frequency:
        return
    now = database_now()
    if follow.status == Follow.Status.CONFIRMED:
        clocks = DigestClock.objects.select_for_update().filter(
            follower_id=follow.follower_id, frequency=follow.frequency
        )
        for clock in clocks:
            _close(follow.frequency, [clock.pk], [now], [clock.next_at], send_at=now + SETTLED)
    if follow.frequency == Follow.Frequency.IMMEDIATE:
        # What happened before and is not planned yet belongs to no window of a digest.
        follow.immediate_until = now
    follow.frequency, follow.frequency_since = frequency, now
    follow.save(update_fields=["frequency", "frequency_since", "immediate_until"])
    if follow.status == Follow.Status.CONFIRMED:
        start_clock(follow)


def set_schedule(follower: Follower, zone: str, hour: int, weekday: int) -> None:
    """Let a follower's digests come at another hour, from the next one on; the open windows stay open till then.

    To be called in a transaction that holds the follower's row; the zone has been checked.
    """
    follower.timezone, follower.hour, follower.weekday = zone, hour, weekday
    follower.save(update_fields=["timezone", "hour", "weekday"])
    now = database_now()
    for clock in DigestClock.objects.select_for_update().filter(follower=follower):
        clock.next_at = next_after(now, _schedule(clock.frequency, zone, hour, weekday))
        clock.save(update_fields=["next_at"])


def _close(frequency: str, ids: list[int], ends: list[datetime], nexts: list[datetime], *, send_at: datetime) -> None:
    if not ids:
        return
    parameters: dict[str, Any] = {
        "ids": ids,
        "ends": ends,
        "nexts": nexts,
        "send_at": send_at,
        "of_use": _OF_USE[Follow.Frequency(frequency)],
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, parameters)


def _schedule(frequency: str, zone: str, hour: int, weekday: int) -> Schedule:
    return Schedule(zone, hour, weekday if frequency == Follow.Frequency.WEEKLY else None)
