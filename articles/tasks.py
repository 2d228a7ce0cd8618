"""What the clock asks of articles. All tasks look at rows only, so a missed or doubled tick does no harm."""

from __future__ import annotations

from typing import Final

from celery import shared_task

from articles.services.idempotency import prune_answers
from articles.services.publishing import publish_next_due, purge_next_deleted

# A tick does so much and leaves the rest to the next one, so that it never fills its time limit.
BATCH: Final = 500


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
