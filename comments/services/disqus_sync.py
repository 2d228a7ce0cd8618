"""Reading Disqus forums beside a site's own comments: which is due, how far it was read, what it is told for next time.

Disqus has no list of what has changed. So a reading goes on at three places of a forum's posts, all from the oldest to
the newest: at the end for what is new, through the last days for what became of it, and slowly through everything.
Whatever a page holds is treated alike: posts that are unknown come in by the door of imports, known ones are compared.

A reading counts as failed, and the next one is put off, before anything is asked: so two processes never read one
forum, and one that dies does not come back at once. A place moves in the transaction that takes its page in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.db import transaction
from django.db.models import F, QuerySet

from articles.services.news import database_now
from comments.interchange.disqus import source_of
from comments.interchange.disqus_api import Page, Post
from comments.interchange.records import ArticleRecord, Record, Warnings
from comments.models import DisqusForum
from comments.services.disqus_changes import follow_changes, known_posts
from comments.services.disqus_client import AskError, Client, Limited
from comments.services.disqus_forums import keys_of
from comments.services.intake import take_in
from project.sealed import Broken
from project.transactions import in_transaction

log = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=5)
AT_MOST: Final = timedelta(hours=6)
# When a forum is read on that has more than one reading takes.
SOON: Final = timedelta(seconds=20)
# What was written within these days is read again and again, everything once in so many.
RECENT: Final = timedelta(days=3)
WHOLE_EVERY: Final = timedelta(days=7)
# Seconds for one reading.
READING: Final = 45.0


@dataclass(frozen=True)
class Lane:
    """One of the places: the column that keeps it, the pages of one reading, and what it leaves of the rate limit."""

    column: str
    pages: int
    reserve: float = 0.0


NEWEST: Final = Lane("cursor", 20)
LATELY: Final = Lane("recent_cursor", 3, 0.25)
EVERYTHING: Final = Lane("whole_cursor", 1, 0.5)


class TakenOver(Exception):  # noqa: N818
    """Somebody has stopped the forum, or reads it now."""


@dataclass
class Reading:
    """What one reading of a forum did so far; `strays` are posts of threads that Disqus does not know."""

    forum: DisqusForum
    client: Client
    taken: int = 0
    followed: int = 0
    strays: int = 0


@dataclass
class Records:
    """The new posts of a page and their threads, as the intake reads them."""

    threads: list[ArticleRecord]
    posts: list[Post]
    warnings: Warnings
    complete: bool = True

    def __iter__(self) -> Iterator[Record]:
        yield from self.threads
        yield from (post.record for post in self.posts)


def read_next_forum() -> DisqusForum | None:
    """Read on in the forum that has been due longest; return it as it is then, None if none is due.

    What goes wrong with it is noted in its row, nothing is raised but the database's own errors.
    """
    return _read(_claim(DisqusForum.objects.due().order_by("next_at")))


def read_forum(forum: DisqusForum) -> DisqusForum | None:
    """Read on in this forum, due or not; None if it is off or somebody else is just taking it."""
    return _read(_claim(DisqusForum.objects.filter(pk=forum.pk, is_active=True)))


def _claim(forums: QuerySet[DisqusForum]) -> DisqusForum | None:
    """Return the first of the forums with its site, its next reading put off as if this one had failed already."""
    with transaction.atomic():
        forum = forums.select_related("site").select_for_update(of=("self",), skip_locked=True).first()
        if forum is not None:
            forum.failures += 1
            forum.next_at = database_now() + min(EVERY * (1 << min(forum.failures, 10)), AT_MOST)
            DisqusForum.objects.filter(pk=forum.pk).update(failures=forum.failures, next_at=forum.next_at)
    return forum


def _read(forum: DisqusForum | None) -> DisqusForum | None:
    if forum is None:
        return None
    try:
        reading = Reading(forum, Client(forum.forum, keys_of(forum), READING))
        is_at_end = _read_places(reading)
        _settle(reading, is_at_end=is_at_end)
    except Broken:
        _note_failure(forum, AskError("Its keys were sealed with another SECRET_KEY: enter them again."))
    except AskError as error:
        _note_failure(forum, error)
    except TakenOver:
        log.info("the forum %s of %s is not this reading's any more", forum.forum, forum.site.slug)
    forum.refresh_from_db()
    return forum


def _read_places(reading: Reading) -> bool:
    """Read on at all three places; say whether the newest post was met. AskError, TakenOver."""
    forum = reading.forum
    if not _read_lane(reading, NEWEST, None):
        return False
    now = database_now()
    if forum.recent_since is None:
        _move(forum, recent_since=now - RECENT, recent_cursor="")
    if _read_lane(reading, LATELY, forum.recent_since):
        _move(forum, recent_since=None, recent_cursor="")
    if forum.whole_read_at is None:
        # Whatever there was has just been read.
        _move(forum, whole_read_at=now)
    is_due = bool(forum.whole_cursor) or now - (forum.whole_read_at or now) > WHOLE_EVERY
    if is_due and _read_lane(reading, EVERYTHING, None):
        _move(forum, whole_read_at=now, whole_cursor="")
    return True


def _read_lane(reading: Reading, lane: Lane, since: datetime | None) -> bool:
    """Read some pages from one place on; say whether the end was met. AskError, TakenOver."""
    for _ in range(lane.pages):
        if not reading.client.may_ask(lane.reserve):
            return False
        page = reading.client.posts(getattr(reading.forum, lane.column), since)
        _take_page(reading, lane, page)
        if not page.has_next:
            return True
    return False


def _take_page(reading: Reading, lane: Lane, page: Page) -> None:
    """Follow what has changed in a page, take in what is new, and move the lane's place behind it."""
    forum, client = reading.forum, reading.client
    source = source_of(forum.forum)
    known = known_posts(forum.site, source, [post.record.external_id for post in page.posts])
    old = [post for post in page.posts if post.record.external_id in known]
    new = [post for post in page.posts if post.record.external_id not in known]
    reading.followed += follow_changes(forum.site, source, old)
    wanted = dict.fromkeys(post.record.article for post in new)
    threads = dict(page.threads)
    if missing := [key for key in wanted if key not in threads]:
        threads |= client.threads(missing)
    records = Records([threads[key] for key in wanted if key in threads], new, client.warnings)
    place = {lane.column: page.cursor or getattr(forum, lane.column)}
    in_transaction(partial(_take_in, reading, records, place))


def _take_in(reading: Reading, records: Records, place: dict[str, str]) -> None:
    """Move the place, then take the posts in: the intake's last statement is to be the transaction's."""
    _move(reading.forum, **place)
    if records.posts:
        summary = take_in(records, reading.forum.site)
        reading.taken += summary.created
        reading.strays += summary.skipped - records.warnings.lost


def _move(forum: DisqusForum, **place: Any) -> None:
    """Write how far a reading is. TakenOver, where it is not ours any more."""
    if not _mine(forum).update(**place):
        raise TakenOver
    for column, value in place.items():
        setattr(forum, column, value)


def _settle(reading: Reading, *, is_at_end: bool) -> None:
    """Note a reading that has succeeded."""
    now = database_now()
    wait = reading.client.wait_if_spent() or (EVERY if is_at_end else SOON)
    _mine(reading.forum).update(
        failures=0,
        last_error="",
        last_read_at=now,
        next_at=now + wait,
        is_caught_up=is_at_end,
        taken=F("taken") + reading.taken,
        followed=F("followed") + reading.followed,
        skipped=reading.client.warnings.lost + reading.strays,
    )


def _note_failure(forum: DisqusForum, error: AskError) -> None:
    """Note what went wrong; where it is only a limit that was reached, when to go on."""
    log.info("the forum %s of %s was not read to the end: %s", forum.forum, forum.site.slug, error)
    # A server's words are in the sentence, with whatever it put between them.
    said: dict[str, Any] = {"last_error": "".join(filter(str.isprintable, str(error)))[:300]}
    if isinstance(error, Limited):
        said |= {"next_at": database_now() + error.wait, "failures": forum.failures - 1}
    _mine(forum).update(**said)


def _mine(forum: DisqusForum) -> QuerySet[DisqusForum]:
    """Return the row as long as this reading has it: nobody has stopped it, or reads it again."""
    return DisqusForum.objects.filter(pk=forum.pk, next_at=forum.next_at, is_active=True)
