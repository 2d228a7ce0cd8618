"""Which column of a list means what, and which system wrote it, told by the names in its first row.

FeedBurner, Jetpack and listmonk name their columns differently, and Jetpack has changed its own; so names are compared
without case, blanks and punctuation, and every list knows all of them.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sharing.interchange.text import encoding_of, first_line

FORMATS: Final = ("auto", "feedburner", "jetpack", "listmonk", "csv")
DELIMITERS: Final = ",;\t"
ENDS_OF_NAME: Final = re.compile(r"[\W_]+")

# The first name of a row that a file has is the one that counts.
NAMES: Final = {
    "address": (
        *("email", "email_address", "e_mail", "e_mail_address", "subscriber_email", "user_email", "mail"),
        *("e_mail_adresse", "email_adresse", "adresse_e_mail", "correo_electronico", "address"),
    ),
    "status": (
        *("status", "subscription_status", "email_subscription", "subscriber_status", "subscription"),
        *("state", "confirmed", "verified"),
    ),
    "date": (
        *("evidence_confirmed_at", "confirmed_at", "confirm_time", "confirmation_time", "confirmed_on"),
        *("optin_time", "opt_in_time", "optin_date", "opt_in_date", "consent_date", "date_of_consent"),
        *("subscribed", "subscribed_at", "subscribed_on", "subscription_date", "date_subscribed", "since"),
        *("signup_date", "date", "created_at", "created"),
    ),
    "ip": ("confirm_ip", "confirmation_ip", "optin_ip", "opt_in_ip", "ip", "ip_address"),
    "language": ("language", "lang", "locale"),
    "timezone": ("timezone", "time_zone"),
    "frequency": ("frequency",),
    "kind": ("target_kind",),
    "key": ("target_key",),
    "url": ("url",),
    "suppression": ("suppression",),
}
# Columns by which a system's own file is known: each group has one that must be there.
SIGNS: Final = {
    "listmonk": (("uuid",), ("status",), ("attributes", "created_at")),
    "feedburner": (("subscribed",), ("status",)),
    "jetpack": (
        *(("subscription_type", "email_subscription", "subscription_status", "subscription_date", "date_subscribed"),),
    ),
}


class NotAList(Exception):  # noqa: N818  (a verdict on the file, caught by name)
    """The file is refused as a whole; the message is one sentence for the person who gave it."""


@dataclass(frozen=True)
class Head:
    """How to read a file: `columns` says where each meaning of NAMES stands, for those that the file has."""

    kind: str
    encoding: str
    delimiter: str
    columns: dict[str, int]


def read_head(path: Path, kind: str = "auto") -> Head:
    """Find out what the file is; `kind` is one of FORMATS and is insisted on, unless it is `auto`.

    NotAList: no row of names, none of them that of an address, or not the format that was asked for. OSError as from
    opening it.
    """
    encoding = encoding_of(path)
    line = first_line(path, encoding)
    if not line:
        raise NotAList("The file is empty.")
    # A quote that never ends reads as one cell, and a cell may not be without end.
    delimiter = max(DELIMITERS, key=lambda mark: _worth(_names(line, mark)))
    names = _names(line, delimiter)
    columns = _columns(names)
    if "address" not in columns:
        raise NotAList(_without_address(line))
    found = _kind(names)
    if kind not in {"auto", "csv", found}:
        raise NotAList(f"The file is no list of the format {kind}; its columns are those of {found}.")
    return Head(found if kind == "auto" else kind, encoding, delimiter, columns)


def _names(line: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [ENDS_OF_NAME.sub("_", cell.casefold()).strip("_") for cell in cells]


def _columns(names: list[str]) -> dict[str, int]:
    found = {}
    for meaning, spellings in NAMES.items():
        known = [spelling for spelling in spellings if spelling in names]
        if known:
            found[meaning] = names.index(known[0])
    return found


def _worth(names: list[str]) -> tuple[bool, int]:
    return "address" in _columns(names), len(names)


def _kind(names: list[str]) -> str:
    have = set(names)
    for kind, groups in SIGNS.items():
        if all(have.intersection(group) for group in groups):
            return kind
    return "csv"


def _without_address(line: str) -> str:
    if "@" in line:
        return "The first line has no names of columns: put one above the addresses, such as email,confirmed_at."
    return "The file has no column of addresses: name it email in the first line."
