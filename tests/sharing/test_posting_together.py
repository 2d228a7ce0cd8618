"""Channels beside one another: two workers at once, a slow one, and a worker that dies between answer and COMMIT."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from sharing.models import Channel, Delivery
from sharing.services.posting import end_post_leases, send_due_posts
from sharing.tasks import deliver_posts
from tests.channel_server import HOOK, OTHER_HOOK, SLACK, ChannelServer, Say
from tests.factories import make_article, make_site
from tests.posting import make_channel, make_posts_due, networks, publish, say
from tests.processes import ROOT, Worker, wait_until

__all__ = ["networks"]

GENEROUS = 90.0


def in_thread(seconds: float = 1.0) -> threading.Thread:
    def work() -> None:
        try:
            while send_due_posts(seconds):
                pass
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_two_workers_say_everything_once_and_never_two_things_at_once_to_a_channel(networks: ChannelServer) -> None:
    site = make_site()
    channels = [make_channel(site, name=f"hook {number}") for number in range(3)]
    for _ in range(10):
        publish(make_article(site))
    networks.always[HOOK] = Say(seconds=0.02)
    workers = [in_thread() for _ in range(3)]
    for worker in workers:
        worker.join(GENEROUS)
    say()
    assert len(networks.of(HOOK)) == len(channels) * 10
    assert len({asked.headers["webhook-id"] for asked in networks.of(HOOK)}) == len(channels) * 10
    assert set(Delivery.objects.values_list("status", "attempts")) == {("sent", 1)}


@pytest.mark.django_db(transaction=True)
def test_a_channel_that_does_not_answer_holds_up_no_other(networks: ChannelServer) -> None:
    """Whatever waits for the slow one, the others' posts are all there while its first one is still under way."""
    slow_site, site = make_site(), make_site()
    for number in range(6):
        make_channel(slow_site, name=f"slow {number}")
    for _ in range(5):
        publish(make_article(slow_site))
    over = threading.Event()
    usual = networks.answer
    networks.answer = lambda asked: (over.wait(GENEROUS), Say())[1] if asked.host == HOOK else usual(asked)  # type: ignore[method-assign]
    worker = in_thread()
    try:
        wait_until(lambda: Channel.objects.filter(busy_until__gt=timezone.now()).exists(), "the slow ones", GENEROUS)
        make_channel(site, settings={"url": f"https://{OTHER_HOOK}/"})
        for _ in range(5):
            publish(make_article(site))
        begun = time.monotonic()
        wait_until(lambda: Delivery.objects.filter(site=site, status="sent").count() == 5, "the others", GENEROUS)
        # A site has four places at most, however many slow channels.
        under_way = Delivery.objects.filter(site=slow_site, status="sending").count()
        assert under_way <= 4 or time.monotonic() - begun > 10
    finally:
        over.set()
        worker.join(GENEROUS)


def worker_with(beside: dict[str, str], tmp_path: Path, networks: ChannelServer, name: str, **variables: str) -> Worker:
    """A worker process for which the networks are on loopback too."""
    folder = tmp_path / name
    folder.mkdir()
    seam = f"from project.http import stands_for\nstands_for.update({networks.names!r})\n"
    (folder / "sitecustomize.py").write_text(seam)
    own = {"PYTHONPATH": f"{folder}:{ROOT}", "SSL_CERT_FILE": str(networks.authority), **variables}
    return Worker({**beside, **own}, tmp_path / f"{name}.log", queues=("channels",))


@pytest.mark.live
def test_a_worker_killed_between_answer_and_commit_posts_nothing_twice(
    beside: dict[str, str], tmp_path: Path, networks: ChannelServer
) -> None:
    site = make_site()
    for kind in ("webhook", "slack", "mastodon", "bluesky"):
        make_channel(site, kind)
    publish(make_article(site))
    Channel.objects.update(next_at=timezone.now())
    dying = worker_with(beside, tmp_path, networks, "dying", FAIL_POINT="after_answer")
    dying.start()
    try:
        dying.wait_until_ready()
        deliver_posts.wake()
        # The first answer of all is the end of it, whosever it is.
        wait_until(lambda: "signal 9" in dying.output(), "the death of the worker's child", GENEROUS)
    finally:
        dying.kill()
    Delivery.objects.filter(status="sending").update(lease_until=timezone.now())
    Channel.objects.update(busy_until=None)
    end_post_leases()
    make_posts_due()
    say()
    states = dict(Delivery.objects.values_list("channel", "status"))
    assert states == {"webhook": "sent", "slack": "unknown", "mastodon": "sent", "bluesky": "sent"}
    assert len(networks.rooms[SLACK]) <= 1
    assert (len(networks.statuses), len(networks.records)) == (1, 1)
    assert len({asked.headers["webhook-id"] for asked in networks.of(HOOK)}) == 1
    assert set(Delivery.objects.exclude(channel="slack").values_list("attempts", flat=True)) == {2}
