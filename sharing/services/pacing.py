"""How fast mail goes out: no faster than MAIL_RATES allows to one domain and for one site, and a domain that asks for
patience is left alone for a while. Whatever has to wait waits in its row, uncounted, and keeps nobody else."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Final, NamedTuple

from django.conf import settings

from project.throttling import take_turn
from sharing.models import Delivery
from sharing.statuses import status_in

# For as long as a domain that asked for patience gets nothing more of a batch.
PATIENCE: Final = 60.0
# Between two messages to it then, so that they do not come back together.
APART: Final = 0.1
# A policy against so much of ours (RFC 3463, X.7.x). A server that closes the connection (421) may just want a new one.
BUSY: Final = re.compile(r"4\.7\.\d+")


class Wait(NamedTuple):
    """A message's turn comes after so long; `why` is for operators."""

    long: timedelta
    why: str


class Pace:
    """The pace of one batch. Between processes it is counted in Valkey, and by each for itself while that is away."""

    def __init__(self) -> None:
        self._impatient: dict[str, str] = {}
        self._in_line: Counter[str] = Counter()

    def wait_for(self, delivery: Delivery) -> Wait | None:
        """Return how long a message has to wait, None if it may go now, and then its turn is taken."""
        domain = _domain(delivery)
        if domain in self._impatient:
            return self._line_up(domain, PATIENCE, APART, self._impatient[domain])
        limits = _limits(domain, delivery.site_id)
        turn = take_turn("mail", list(limits.items())) if limits else None
        if turn is None:
            return None
        return self._line_up(turn.who, turn.wait, turn.apart, f"no more than {limits[turn.who]} for {turn.who}")

    def heed(self, delivery: Delivery, answer: str) -> None:
        """Leave the recipient's domain alone if the answer to a message speaks for all of it."""
        if BUSY.fullmatch(status_in(answer)):
            domain = _domain(delivery)
            self._impatient[domain] = f"{domain} asked for patience"

    def _line_up(self, name: str, seconds: float, apart: float, why: str) -> Wait:
        # One behind the other, or all of them would come back at once.
        place = self._in_line[name]
        self._in_line[name] += 1
        return Wait(timedelta(seconds=seconds + place * apart), why)


def _limits(domain: str, site_id: int) -> dict[str, str]:
    rates: dict[str, str] = settings.MAIL_RATES
    found = {domain: rates.get(domain, rates.get("domain", "")), f"site {site_id}": rates.get("site", "")}
    return {who: limits for who, limits in found.items() if limits}


def _domain(delivery: Delivery) -> str:
    return delivery.address.rpartition("@")[2].lower()
