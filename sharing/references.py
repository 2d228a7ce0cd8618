"""What a shared address carries, so that an arrival can be told from a visit: which article, and over which network.

`aw_ref=1a2b.9f86d081884c` is the article's id in base 36 and a keyed hash of article and network. It is the same for
everybody who shares the article there, today and next year: it names no sharer, no moment and no visitor, and only we
can make one. The network is not written in it; whoever reads it is asked for all of them.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from project.arrivals import with_ref
from project.tokens import MAX_ID, Purpose, keyed_hash
from sharing import networks
from sharing.networks import Network

MAX_LENGTH: Final = 26
MAC_LENGTH: Final = 12  # hex digits: 48 bits, guessed through a door that is limited, to win one visit
SHAPE: Final = re.compile(r"([1-9a-z][0-9a-z]{0,12})\.([0-9a-f]{12})")
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
# What is never followed by anybody: a sheet of paper.
NOT_CARRIED_BY: Final = frozenset({"print"})


@dataclass(frozen=True, slots=True)
class Referral:
    """Where a visitor says that she comes from."""

    article_id: int
    network: str


def reference(article_id: int, network: Network) -> str:
    """Return the reference of an article shared over a network: at most 26 ASCII characters, safe in a query."""
    return f"{_base_36(article_id)}.{_mac(article_id, network)}"


def is_reference(text: str) -> bool:
    """Tell whether a text has the shape of a reference; that it is one of ours, only `read_reference` says."""
    found = SHAPE.fullmatch(text)
    return found is not None and int(found[1], 36) <= MAX_ID


def read_reference(text: str) -> Referral | None:
    """Return what a reference says, None for anything that `reference` has not made."""
    found = SHAPE.fullmatch(text)
    if found is None or int(found[1], 36) > MAX_ID:
        return None
    article_id = int(found[1], 36)
    for network in networks.NETWORKS:
        if hmac.compare_digest(_mac(article_id, network), found[2]):
            return Referral(article_id, network.key)
    return None


def carrying(url: str, article_id: int, network: Network) -> str:
    """Return the address with the reference in its query, before the fragment.

    Unchanged where nothing can follow it, or it is no http(s) address.
    """
    if network.key in NOT_CARRIED_BY or urlsplit(url).scheme not in ("http", "https"):
        return url
    return with_ref(url, reference(article_id, network))


def _mac(article_id: int, network: Network) -> str:
    return keyed_hash(Purpose.SHARED_ADDRESS, article_id, network.key)[:MAC_LENGTH]


def _base_36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits
