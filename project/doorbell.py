"""Waking workers: a message in the broker is a doorbell, never the work itself.

The row that says what must be done is committed first; whoever cannot be woken is found by a sweep. So a broker that is
down costs time and nothing else, and no request fails because of it.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from typing import Any, ClassVar, Final

from celery.contrib.django.task import DjangoTask
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

# A broker that refuses does so at once and may be asked each time. One that took this long to fail (seconds) is
# left alone for a while, so that it delays one reader and not all.
SLOW: Final = 0.2
LEFT_ALONE: Final = 5.0


class Doorbell(DjangoTask[Any, None]):
    """The base of every task: `delay_on_commit` for doors, `wake` for tasks; neither fails without a broker.

    `spacing` is how many seconds pass between two rings for one task that takes no arguments, 0 for none. Whoever rings
    meanwhile is heard at their end, with all others: a worker that looks then finds what all of them have committed.
    """

    abstract = True
    spacing: ClassVar[float] = 0.0
    _asked_again_at = 0.0
    _lock: ClassVar = threading.Lock()
    _free_at: ClassVar[dict[str, float]] = {}
    _late: ClassVar[set[str]] = set()

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Wake a worker after the COMMIT of the running transaction, at once if there is none."""
        transaction.on_commit(functools.partial(self.wake, *args, **kwargs), robust=True)

    def wake(self, *args: Any, **kwargs: Any) -> None:
        """Wake a worker now; for tasks that wake tasks about rows already committed."""
        if args or kwargs or not self.spacing or self._is_free():
            self._ring(*args, **kwargs)

    def _is_free(self) -> bool:
        """Say whether it may ring now; if not, it rings once when it may."""
        with self._lock:
            now = time.monotonic()
            wait = self._free_at.get(self.name, 0.0) - now
            if wait <= 0:
                self._free_at[self.name] = now + self.spacing
                return True
            if self.name not in self._late:
                self._late.add(self.name)
                threading.Timer(wait, self._ring_late).start()
            return False

    def _ring_late(self) -> None:
        with self._lock:
            self._late.discard(self.name)
            self._free_at[self.name] = time.monotonic() + self.spacing
        self._ring()

    def _ring(self, *args: Any, **kwargs: Any) -> None:
        begin = time.monotonic()
        if begin < Doorbell._asked_again_at:
            return
        try:
            self.delay(*args, **kwargs)
        except OperationalError as error:
            log.warning("the broker does not answer, a sweep will do %s%r: %s", self.name, args, error)
            if time.monotonic() - begin > SLOW:
                Doorbell._asked_again_at = time.monotonic() + LEFT_ALONE
