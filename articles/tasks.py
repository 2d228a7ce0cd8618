"""What the clock asks of articles. All tasks look at rows only, so a missed or doubled tick does no harm."""

from __future__ import annotations

import time
from typing import Final

from celery import shared_task

from articles.services.idempotency import prune_answers
from articles.services.polling import poll_next_feed
from articles.services.publishing import publish_next_due, purge_next_deleted
from project.doorbell import Doorbell

# A tick does so much and leaves the rest to the next one, so that it never fills its time limit.
BATCH: Final = 500
# After so many seconds no other feed is begun, and the task queues up again: what waits meanwhile has its turn.
TURN: Final = 5.0


@shared_task(time_limit=60, soft_time_limit=50)
def publish_due() -> None:
    """Make scheduled articles public whose hour has come.

    Twice is harmless: each row is locked, written and announced in one transaction, and is no longer scheduled then.
    """
    for _ in range(BATCH):
        if publish_next_due() is None:
            return


@shared_task(time_limit=240, soft_time_limit=230)
def purge_deleted() -> None:
    """Forget articles that were deleted 30 days ago. Twice is harmless: a row that is gone is not found again."""
    for _ in range(BATCH):
        if purge_next_deleted() is None:
            return


@shared_task(time_limit=240, soft_time_limit=230)
def forget_answers() -> None:
    """Forget answers to retries that are older than a day.

    Twice is harmless: a row that is gone is not found again, and one that is being deleted is passed over.
    """
    for _ in range(BATCH):
        if prune_answers(BATCH) < BATCH:
            return


@shared_task(base=Doorbell, time_limit=120, soft_time_limit=110)
def poll_feeds() -> None:
    """Read the feeds and sitemaps that are due.

    Twice is harmless: a feed is put off before it is read, so two workers read different ones, and an entry that is
    known makes no second article and is not announced again.
    """
    end = time.monotonic() + TURN
    while poll_next_feed() is not None:
        if time.monotonic() > end:
            poll_feeds.wake()
            return
