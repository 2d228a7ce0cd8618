"""What one row of a list says: an address that agreed, or why it does not come in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from project import addresses
from project.errors import Problem
from project.spreadsheets import unguarded
from sharing.interchange.headers import Head
from sharing.models import Follow, Suppression
from sharing.schedule import check_zone

MAX_CELL: Final = 2_000
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}")
# As Go prints a time, which listmonk does: "2023-01-02 15:04:05.999 +0000 UTC".
GO: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d{4})(?: \S+)?")
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
LATEST_YEAR: Final = 9_000

# Words of the four formats, folded; whatever is not here is counted under its own name and left out.
AGREED: Final = frozenset({"confirmed", "subscribed", "active", "verified", "enabled", "true", "yes", "1"})
LEFT_OUT: Final = {
    "unconfirmed": ("unconfirmed", "unverified", "pending", "not confirmed", "notconfirmed", "false", "no", "0"),
    "unsubscribed": ("unsubscribed", "not subscribed", "removed", "cleaned", "inactive", "disabled", "cancelled"),
    "bounced": ("bounced", "bounce", "not sending", "hard bounce", "undeliverable"),
    "blocklisted": ("blocklisted", "blacklisted", "blocked", "complained", "spam", "abuse"),
}
_STATUS_OF: Final = {word: status for status, words in LEFT_OUT.items() for word in words}
OTHER: Final = "another status"


class Bad(Exception):  # noqa: N818  (a verdict on the row, caught by name)
    """The row cannot be taken; the message says why in a few words."""


class LeftOut(Exception):  # noqa: N818  (as above)
    """The row is sound and its address has not agreed; the message is its status."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An address that agreed. `at` is when, None where the list does not tell or names a time to come.

    `wording` is the SHA-256 of the line's evidence. `kind`, `key` and `url` name the target in a list of our own, and
    are empty elsewhere.
    """

    line: int
    address: str
    address_key: str
    at: datetime | None
    wording: str
    language: str = ""
    timezone: str = "UTC"
    frequency: str = Follow.Frequency.IMMEDIATE
    kind: str = ""
    key: str = ""
    url: str = ""


def reader_of(head: Head, source: str, now: datetime) -> Callable[[int, list[str]], Entry]:
    """Return what reads a row of such a file, given its line and cells; `source` is the file's name.

    Bad, LeftOut.
    """
    ours = {"kind", "key"} <= head.columns.keys()

    def read(line: int, cells: list[str]) -> Entry:
        said = {name: _cell(cells, place, ours=ours) for name, place in head.columns.items()}
        if not said["address"]:
            raise Bad("no address")
        email = _email(said["address"])
        _check_agreed(said)
        at = _date(said.get("date", ""))
        evidence = "\n".join((source, said.get("date", ""), said.get("ip", "")))
        return Entry(
            line,
            email.address,
            addresses.key_of(email),
            at if at is not None and at <= now else None,
            hashlib.sha256(evidence.encode(errors="surrogatepass")).hexdigest(),
            **_wishes(said),
            **({name: said.get(name, "") for name in ("kind", "key", "url")} if ours else {}),
        )

    return read


def _cell(cells: list[str], place: int, *, ours: bool) -> str:
    cell = cells[place].strip() if place < len(cells) else ""
    if len(cell) > MAX_CELL:
        raise Bad("too long")
    if CONTROL.search(cell):
        raise Bad("characters that no text has")
    return unguarded(cell) if ours else cell


def _email(cell: str) -> addresses.Email:
    if len(cell) > addresses.MAX_EMAIL:
        raise Bad("too long")
    try:
        return addresses.normalise_email(cell)
    except Problem:
        raise Bad("not an address that mail can be sent to") from None


def _check_agreed(said: dict[str, str]) -> None:
    """LeftOut unless the row's status says that she agreed; a list without a column of status is taken at its word."""
    if set(said.get("suppression", "").split()) & Suppression.TOTAL:
        raise LeftOut("blocklisted")
    if "status" not in said:
        return
    word = " ".join(said["status"].casefold().replace("_", " ").replace("-", " ").split())
    if word not in AGREED:
        raise LeftOut(_STATUS_OF.get(word, OTHER))


def _date(cell: str) -> datetime | None:
    """Return an instant, None for no date. Bad: a date that can be read in no way, or in two."""
    if not cell or cell.startswith("0000-00-00"):
        return None
    for parse in (_iso, _go, parsedate_to_datetime):
        try:
            found = parse(cell)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        if EARLIEST.year <= found.year <= LATEST_YEAR:
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    raise Bad("no date that can be read")


def _iso(cell: str) -> datetime:
    return datetime.fromisoformat(cell)


def _go(cell: str) -> datetime:
    found = GO.fullmatch(cell)
    if found is None:
        raise ValueError(cell)
    return datetime.fromisoformat(found[1][:26] + found[2])


def _wishes(said: dict[str, str]) -> dict[str, str]:
    """How she is written to; what cannot be understood of it is no reason to lose her."""
    wishes = {}
    if LANGUAGE.fullmatch(said.get("language", "")) and len(said["language"]) <= 16:
        wishes["language"] = said["language"]
    if said.get("frequency") in Follow.Frequency.values:
        wishes["frequency"] = said["frequency"]
    try:
        wishes["timezone"] = check_zone(said.get("timezone") or "UTC")
    except Problem:
        wishes["timezone"] = "UTC"
    return wishes
