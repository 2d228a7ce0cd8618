"""Reading the feeds and sitemaps of sites: which is due, how politely it is asked, and what it is told for next time.

A reading counts as failed, and the next one is put off, before anything is fetched: a process that dies of a document
does not meet it again at once, and two processes never read the same one. Only conditional requests are sent, one
feed at a time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from django.db import transaction

from articles.models import SourceFeed
from articles.services.entries import MOST_NEWS, Taken, take_entries
from articles.services.news import database_now
from articles.source_feeds import MAX_ADDRESSES, Child, Document, Entry, read_source
from articles.source_xml import MAX_BYTES, SourceError
from project.addresses import web_address
from project.errors import Problem
from project.http import Answer, FetchError, exchange

log = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=15)
AT_MOST: Final = timedelta(days=1)
# When the rest is read of a document that has more new entries than one reading takes.
SOON: Final = timedelta(minutes=5)
# A sitemap of an index that says it is older than the last reading, and this, has nothing new.
MARGIN: Final = timedelta(days=1)
# How long a first reading may miss some of an index's sitemaps: what is in them is no news either.
PATIENCE: Final = timedelta(days=1)
# Seconds for one answer, and for all that one reading asks for.
SECONDS: Final = 8.0
READING: Final = 16.0
HOPS: Final = 3

MOVED: Final = frozenset({301, 308})
OK, UNCHANGED, GONE = 200, 304, 410
BUSY: Final = frozenset({429, 503})
ASKED: Final = {
    "Accept": "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1",
    "Accept-Encoding": "identity",
}


class PollError(Exception):
    """A reading has failed; the text says why. `wait` is how long the server asks to be left alone."""

    def __init__(self, why: str, *, wait: timedelta = timedelta(0), is_gone: bool = False) -> None:
        super().__init__(why)
        self.wait, self.is_gone = wait, is_gone


@dataclass(frozen=True)
class Fetched:
    """A document, None where it has not changed, and the address that it has for good."""

    url: str
    document: Document | None
    headers: Mapping[str, str] = field(default_factory=dict)


def poll_next_feed() -> SourceFeed | None:
    """Read the feed that has been due longest and take its entries; return it, None if none is due.

    What goes wrong with it is noted in its row, nothing is raised but the database's own errors.
    """
    feed = _claim()
    if feed is None:
        return None
    deadline = time.monotonic() + READING
    try:
        fetched = _fetch(feed.url, deadline, etag=feed.etag, modified=feed.last_modified)
        if fetched.document is None:
            _settle(feed, {"url": fetched.url, "last_error": ""})
        else:
            entries, notes = _all_entries(feed, fetched.document, deadline)
            taken = take_entries(feed.site, entries, news_since=feed.first_polled_at)
            _settle(feed, _after(feed, fetched, taken, len(entries), notes))
    except PollError as error:
        _note_failure(feed, error)
    return feed


def _claim() -> SourceFeed | None:
    """Return the next due feed with its site, its next reading put off as if this one had failed already."""
    with transaction.atomic():
        due = SourceFeed.objects.due().select_related("site").order_by("next_poll_at")
        feed = due.select_for_update(of=("self",), skip_locked=True).first()
        if feed is not None:
            feed.failures += 1
            feed.next_poll_at = database_now() + _pause(feed.failures)
            SourceFeed.objects.filter(pk=feed.pk).update(failures=feed.failures, next_poll_at=feed.next_poll_at)
    return feed


def _pause(failures: int) -> timedelta:
    """Return how long a feed is left alone after so many failures in a row."""
    return min(EVERY * (1 << min(failures, 10)), AT_MOST)


def _fetch(url: str, deadline: float, *, etag: str = "", modified: str = "") -> Fetched:
    """Fetch and read a document, wherever it has moved for good. PollError."""
    headers = dict(ASKED)
    if etag:
        headers["If-None-Match"] = etag
    if modified:
        headers["If-Modified-Since"] = modified
    for _ in range(HOPS + 1):
        answer = _ask(url, headers, deadline)
        said = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status not in MOVED:
            break
        url = _target(url, said.get("location", ""))
    if answer.status == UNCHANGED and len(headers) > len(ASKED):
        return Fetched(url, None)
    if answer.status != OK:
        raise _refusal(answer.status, said)
    try:
        return Fetched(url, read_source(answer.body, url, _charset(said)), said)
    except SourceError as error:
        raise PollError(str(error)) from error


def _ask(url: str, headers: Mapping[str, str], deadline: float) -> Answer:
    left = deadline - time.monotonic()
    if left < 0.1:
        raise PollError("It takes too long to answer.")
    try:
        return exchange("GET", url, headers, seconds=min(left, SECONDS), limit=MAX_BYTES)
    except FetchError as error:
        raise PollError(f"It could not be fetched: {error}.") from error


def _target(url: str, location: str) -> str:
    """Return where a permanent redirect leads to; it never leads from https to http. PollError."""
    try:
        target = web_address(urljoin(url, location)) if location else ""
    except (Problem, ValueError):
        target = ""
    if not target or (urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https"):
        raise PollError("It has moved to an address that cannot be asked.")
    return target.partition("#")[0]


def _refusal(status: int, said: Mapping[str, str]) -> PollError:
    if status == GONE:
        return PollError("It answers 410: it is gone and is not read any more.", is_gone=True)
    if status in MOVED:
        return PollError(f"It leads through more than {HOPS} redirects.")
    return PollError(
        f"It answers with the status {status}.",
        wait=_retry_after(said.get("retry-after", "")) if status in BUSY else timedelta(0),
    )


def _retry_after(value: str) -> timedelta:
    """Return what a `Retry-After` asks for, seconds or a date (RFC 9110, 10.2.3), at most a day; nonsense is zero."""
    try:
        if value.isascii() and value.isdigit():
            wait = timedelta(seconds=min(int(value[:10]), 10**6))
        else:
            date = parsedate_to_datetime(value)
            wait = date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
    return max(timedelta(0), min(wait, AT_MOST))


def _charset(said: Mapping[str, str]) -> str:
    message = Message()
    message["Content-Type"] = said.get("content-type", "")
    return message.get_content_charset("")


def _all_entries(feed: SourceFeed, document: Document, deadline: float) -> tuple[list[Entry], list[str]]:
    """Return the entries of a document, or of the sitemaps that it names, with notes on what could not be read."""
    if not document.children:
        return document.entries, []
    entries: list[Entry] = []
    errors: list[str] = []
    children = [child for child in document.children if _may_have_news(feed, child)]
    for child in children:
        if len(entries) >= MAX_ADDRESSES:
            break
        try:
            found = _fetch(child.url, deadline).document
        except PollError as error:
            errors.append(f"{child.url[:100]}: {error}")
        else:
            entries += found.entries if found else []
    if errors and len(errors) == len(children):
        raise PollError(errors[0])
    notes = [f"{len(errors)} of {len(children)} sitemaps could not be read; {errors[0]}"] if errors else []
    return entries, notes


def _may_have_news(feed: SourceFeed, child: Child) -> bool:
    if child.changed_at is None or feed.first_polled_at is None or feed.last_polled_at is None:
        return True
    return child.changed_at > feed.last_polled_at - MARGIN


def _after(feed: SourceFeed, fetched: Fetched, taken: Taken, count: int, notes: list[str]) -> dict[str, Any]:
    """Return what a reading leaves in its feed's row."""
    now = database_now()
    is_all_foreign = count > 0 and taken.foreign == count
    # Whatever is to be read again although it has not changed is asked for without a condition.
    is_whole = not (taken.is_more or is_all_foreign or notes)
    is_known = is_whole or (bool(notes) and now - feed.created_at > PATIENCE)
    if taken.foreign:
        notes = [*notes, f"{taken.foreign} of {count} entries are of none of the site's origins."]
    if taken.failed:
        notes = [*notes, f"{taken.failed} entries could not be stored."]
    if taken.silent:
        notes = [*notes, f"{taken.silent} new entries were not announced: more than {MOST_NEWS} came at once."]
    said: dict[str, Any] = {
        "url": fetched.url,
        "last_error": " ".join(notes),
        "skipped": taken.foreign,
        "etag": _kept(fetched.headers.get("etag", ""), 500) if is_whole else "",
        "last_modified": _kept(fetched.headers.get("last-modified", ""), 100) if is_whole else "",
    }
    if taken.is_more:
        said["next_poll_at"] = now + SOON
    elif not is_all_foreign:
        said["last_polled_at"] = now
        said["first_polled_at"] = feed.first_polled_at or (now if is_known else None)
    return said


def _kept(value: str, limit: int) -> str:
    """Return a header's value if it can be sent back as it is."""
    return value if len(value) <= limit and value.isascii() and value.isprintable() else ""


def _settle(feed: SourceFeed, said: dict[str, Any]) -> None:
    """Note a reading that has succeeded."""
    said = {"failures": 0, "next_poll_at": database_now() + EVERY, **said}
    if said["url"] != feed.url and SourceFeed.objects.filter(site=feed.site_id, url=said["url"]).exists():
        said |= {"url": feed.url, "is_active": False, "last_error": "It has moved to a feed that this site has."}
    _write(feed, said)


def _note_failure(feed: SourceFeed, error: PollError) -> None:
    log.info("the feed %s of %s was not read: %s", feed.url, feed.site.slug, error)
    said: dict[str, Any] = {"last_error": str(error)}
    if error.is_gone:
        said["is_active"] = False
    elif error.wait:
        said["next_poll_at"] = max(feed.next_poll_at, database_now() + error.wait)
    _write(feed, said)


def _write(feed: SourceFeed, said: dict[str, Any]) -> None:
    """Write what a reading found, unless another one has begun meanwhile."""
    # A server's words are in the sentence, with whatever it put between them.
    sentence = "".join(letter for letter in said["last_error"] if letter.isprintable())[:300]
    SourceFeed.objects.filter(pk=feed.pk, next_poll_at=feed.next_poll_at).update(**said | {"last_error": sentence})
