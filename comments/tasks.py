"""What the clock asks of comments."""

from __future__ import annotations

import time
from typing import Final

from celery import shared_task

from articles.models import Site
from articles.services.sign_ons import due_key_sets, read_keys
from comments.services import orders, readers, retention, sessions, sign_in
from comments.services.disqus_sync import read_next_forum
from project.doorbell import Doorbell

# A tick deletes so many batches and leaves the rest to the next one, so that it never fills its time limit.
BATCHES: Final = 100
BATCH: Final = 500
THREADS: Final = 200
READERS: Final = 50
KEY_SETS: Final = 15
# After so many seconds no other forum is begun, and the task queues up again: what waits meanwhile has its turn.
TURN: Final = 5.0


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


@shared_task(base=Doorbell, time_limit=240, soft_time_limit=230)
def spread_reader(reader_id: int) -> None:
    """Carry what a reader is called now into her comments, some hundred threads in a turn.

    Twice is harmless: a comment that shows her as she is now is not found again.
    """
    if not readers.spread(reader_id, THREADS):
        spread_reader.wake(reader_id)


@shared_task(base=Doorbell, time_limit=240, soft_time_limit=230)
def refresh_readers() -> None:
    """Give readers the roles that the members of their sites have now, and go on where a change was not carried on.

    Twice is harmless: what is as it should be is left alone.
    """
    for site in Site.objects.filter(readers__isnull=False).distinct().iterator():
        readers.refresh_roles(site)
    for reader_id in readers.readers_to_spread(READERS):
        spread_reader.wake(reader_id)


@shared_task(time_limit=240, soft_time_limit=230)
def prune_sign_ins() -> None:
    """Forget sessions that are over and tokens that were spent.

    Twice is harmless: a row that is gone is not found again, and one that is being deleted is passed over.
    """
    for prune in (sessions.prune_sessions, sign_in.prune_spent):
        for _ in range(BATCHES):
            if prune(BATCH) < BATCH:
                break


@shared_task(base=Doorbell, time_limit=60, soft_time_limit=50)
def read_sign_on_keys(sign_on_id: int) -> None:
    """Read the keys of a sign-on anew, because somebody came with one that is not known.

    Twice is harmless: they are read at most every thirty seconds, and always as a whole.
    """
    read_keys(sign_on_id)


@shared_task(base=Doorbell, time_limit=240, soft_time_limit=230)
def read_due_keys() -> None:
    """Read the keys of sign-ons that have not been read for an hour. Twice is harmless: then nothing is due."""
    for sign_on_id in due_key_sets(KEY_SETS):
        read_keys(sign_on_id)


@shared_task(base=Doorbell, time_limit=180, soft_time_limit=170)
def sync_forums() -> None:
    """Read on in the Disqus forums that are due.

    Twice is harmless: a forum is put off before it is read, so two workers read different ones, and a post that is
    known makes no second comment.
    """
    end = time.monotonic() + TURN
    while read_next_forum() is not None:
        if time.monotonic() > end:
            sync_forums.wake()
            return
