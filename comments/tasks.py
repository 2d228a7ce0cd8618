"""What the clock asks of comments."""

from __future__ import annotations

from typing import Final

from celery import shared_task

from comments.services import orders, retention

# A tick deletes so many batches and leaves the rest to the next one, so that it never fills its time limit.
BATCHES: Final = 100
BATCH: Final = 500


@shared_task(time_limit=240, soft_time_limit=230)
def prune_orders() -> None:
    """Forget the orders of comments that no page goes on in any more.

    Twice is harmless: a row that is gone is not found again, and one that is being deleted is passed over.
    """
    for _ in range(BATCHES):
        if orders.prune_orders(BATCH) < BATCH:
            return


@shared_task(time_limit=240, soft_time_limit=230)
def forget_networks() -> None:
    """Forget from which networks readers wrote, voted and reported, once the site's days are over.

    Twice is harmless: a row that has forgotten is not found again, and one that somebody holds is passed over.
    """
    for _ in range(BATCHES):
        if retention.forget_networks(BATCH) == 0:
            return
