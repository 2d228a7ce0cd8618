"""Transactions that are tried again when the database asks for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction

from project import failpoints

T = TypeVar("T")

# 40P01 deadlock_detected, 40001 serialization_failure: nothing was done, and the same work may succeed at once.
# 23503 foreign_key_violation: what a row was to hang on went or moved after it was looked at; the next look sees that.
RETRYABLE = frozenset({"40P01", "40001", "23503"})
ATTEMPTS = 5

_within: Final[ContextVar[bool]] = ContextVar("within", default=False)


def in_transaction(work: Callable[[], T], *, joins: bool = False) -> T:
    """Run `work` in one transaction and return its value, again after a deadlock, or where something it looked at
    has gone meanwhile (at most five times).

    Inside another transaction it runs once: only the outermost one can be repeated. It gets a savepoint there, unless
    it `joins` work that `in_transaction` runs: then its failure is the failure of the whole, which nobody may catch
    on the way.
    """
    if joins and _within.get():
        return work()
    if connection.in_atomic_block:
        return _attempt(work)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            done = _attempt(lambda: _before_commit(work))
        except (OperationalError, IntegrityError) as error:
            if attempt == ATTEMPTS or getattr(error.__cause__, "sqlstate", None) not in RETRYABLE:
                raise
        else:
            failpoints.reach(failpoints.AFTER_COMMIT)
            return done
        time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  (spreads rivals, guards nothing)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _before_commit(work: Callable[[], T]) -> T:
    done = work()
    failpoints.reach(failpoints.BEFORE_COMMIT)
    return done


def _attempt(work: Callable[[], T]) -> T:
    token = _within.set(True)
    try:
        with transaction.atomic():
            return work()
    finally:
        _within.reset(token)
