"""Single values of an export: times, addresses, names. Each comes out usable or empty, never as an error."""

from __future__ import annotations

import hashlib
import html
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from project.addresses import canonical_origin, canonical_url, normalise_email, web_address
from project.errors import Problem

WORDPRESS_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
ISO_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?")
LOOSE_TIME: Final = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ]+(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?(?: [A-Z]{2,5}| [+-]\d\d(?:\d\d)?)?(?: m=\S{1,40})?"
)
# No comment on the web is older; what says so has a zero, or none, for its date.
FIRST_TIME: Final = datetime(1990, 1, 1, tzinfo=UTC)
MILLISECONDS: Final = 10**11
TAG: Final = re.compile(r"<[^>]*>")
BLANKS: Final = re.compile(r"\s+")
SCHEMELESS: Final = re.compile(r"[\w-]+(\.[\w-]+)+([/?#]\S*)?")


def wordpress_time(text: str) -> datetime | None:
    """Read `YYYY-MM-DD HH:MM:SS` as UTC; None for zeros, blanks and nonsense."""
    return _time(text.strip()) if WORDPRESS_TIME.fullmatch(text.strip()) else None


def iso_time(text: str) -> datetime | None:
    """Read an ISO 8601 time, UTC where it names no zone; None for anything else."""
    return _time(text.strip()) if ISO_TIME.fullmatch(text.strip()) else None


def loose_time(text: str) -> datetime | None:
    """Read a time as databases and programs print it: date or date and time, zone or none (UTC), single digits."""
    found = LOOSE_TIME.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups(default="")
    clock = f"{hour or '0':0>2}:{minute or '00'}:{second or '00'}.{fraction[:6]:0<6}"
    zone = "+00:00" if zone in {"", "Z", "UTC", "GMT"} else zone
    return _since_first(_time(f"{year}-{month:0>2}-{day:0>2}T{clock}{zone}"))


def unix_time(number: float) -> datetime | None:
    """Return the time of so many seconds, or milliseconds, after 1970 began; None for zero and for nonsense."""
    try:
        return _since_first(datetime.fromtimestamp(number / 1000 if abs(number) > MILLISECONDS else number, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _since_first(found: datetime | None) -> datetime | None:
    return found if found is not None and found >= FIRST_TIME else None


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def page_address(text: str) -> str:
    """Return an absolute http(s) address that the service can store, else ""."""
    try:
        canonical_url(text.strip())
        return web_address(text.strip())
    except Problem:
        return ""


@lru_cache(maxsize=4096)
def author_address(text: str) -> str:
    """Return what an author gave as her site as an http(s) address; "" for other schemes and remnants."""
    text = text.strip()
    if SCHEMELESS.fullmatch(text):
        text = f"http://{text}"
    try:
        return web_address(text)
    except Problem:
        return ""


@lru_cache(maxsize=4096)
def email_address(text: str) -> str:
    """Return one plain mailbox address, trimmed, else ""."""
    try:
        return normalise_email(text.strip()).address
    except Problem:
        return ""


def base_source(text: str) -> str:
    """Return the canonical form of a blog's base URL, "" where it is none."""
    try:
        return canonical_url(text.strip())
    except Problem:
        return ""


def host_of(url: str) -> str:
    """Return host and port of an address, "" where it is none."""
    try:
        return canonical_origin(url)
    except Problem:
        return ""


def plain(text: str, limit: int) -> str:
    """Return one line of plain text: entities decoded once, blanks joined, cut to `limit` characters."""
    return BLANKS.sub(" ", html.unescape(text)).strip()[:limit]


def headline(text: str, limit: int) -> str:
    """Return a title as plain text: its tags removed, then as `plain`."""
    return plain(TAG.sub("", text), limit)


def name_within(text: str, limit: int) -> str:
    """Return an identifier that fits: itself, or its beginning and a hash of the whole."""
    text = text.strip()
    if len(text) <= limit:
        return text
    return f"{text[: limit - 65]}:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def made_up_id(*parts: str) -> str:
    """Return an id for a comment that has none: the same words, author and time give the same id."""
    return "hash:" + hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:40]
