"""A Disqus forum on its way through real worker processes: killed at every point, and two of them at once."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from articles.models import Site
from comments.models import Comment, DisqusForum, Revision
from comments.tasks import sync_forums
from sharing.models import Notification
from tests.comments.invariants import check_site
from tests.disqus_server import HOST, DisqusServer
from tests.processes import ROOT, Worker, wait_until
from tests.reading_disqus import forum, server, site

__all__ = ["forum", "server", "site"]

POSTS = 450
GENEROUS = 180.0


def worker_with(beside: dict[str, str], tmp_path: Path, server: DisqusServer, name: str, **variables: str) -> Worker:
    """A worker process for which Disqus is on loopback too."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        f"from project.http import stands_for\nstands_for[{HOST!r}] = {server.address!r}\n"
    )
    own = {"PYTHONPATH": f"{folder}:{ROOT}", "SSL_CERT_FILE": str(server.authority), **variables}
    return Worker({**beside, **own}, tmp_path / f"{name}.log", queues=("maintenance",))


def fill(server: DisqusServer) -> None:
    """Hold posts in five threads, most of them answers; what each is can be told from its number."""
    for number in range(1, POSTS + 1):
        server.has_post(number, number % 5, parent=number - 5 if number > 20 else None, isSpam=number % 10 == 0)


def change(server: DisqusServer) -> None:
    for number in range(1, POSTS + 1, 50):
        server.edits(number, f"Changed {number}.")
        server.writes(number + 1, isDeleted=True)


def is_due(**also: Any) -> None:
    DisqusForum.objects.update(next_at=timezone.now(), failures=0, **also)


def has_died(worker: Worker, times: int) -> bool:
    """Say whether children of a worker were killed so often."""
    return worker.output().count("exited with 'signal 9") >= times


def ring_until_caught_up() -> None:
    """Ring as the clock would: on a busy machine a reading may take several turns."""

    def is_caught_up() -> bool:
        sync_forums.wake()
        time.sleep(0.5)
        return DisqusForum.objects.filter(is_caught_up=True).exists()

    wait_until(is_caught_up, "the end", GENEROUS)


def check_whole(site: Site, server: DisqusServer) -> None:
    """Assert that the site has what one undisturbed run would have given it."""
    texts = Counter(Comment.objects.values_list("text", flat=True))
    assert texts == Counter(post["message"][3:-4] for post in server.posts.values())
    states = Counter(Comment.objects.values_list("status", flat=True))
    removed = sum(post["isDeleted"] for post in server.posts.values())
    spam = sum(post["isSpam"] and not post["isDeleted"] for post in server.posts.values())
    assert (states["removed"], states["spam"], states.total()) == (removed, spam, POSTS)
    assert Comment.objects.filter(parent=None).count() == 20
    assert not Notification.objects.exists()
    check_site(site)


@pytest.mark.live
@pytest.mark.parametrize("point", ["before_commit", "after_commit_before_answer"])
def test_a_worker_that_dies_at_every_commit_loses_and_doubles_nothing(
    beside: dict[str, str], tmp_path: Path, server: DisqusServer, forum: DisqusForum, site: Site, point: str
) -> None:
    fill(server)
    dying = worker_with(beside, tmp_path, server, "dying", FAIL_POINT=point)
    dying.start()
    healthy = worker_with(beside, tmp_path, server, "healthy")
    try:
        dying.wait_until_ready()
        for deaths in range(1, 4):
            is_due()
            sync_forums.wake()
            wait_until(partial(has_died, dying, deaths), "a death", GENEROUS)
        dying.kill()
        pages = 0 if point == "before_commit" else 3
        assert Comment.objects.count() == pages * 100
        healthy.start()
        healthy.wait_until_ready()
        is_due()
        ring_until_caught_up()
        check_whole(site, server)
        change(server)
        is_due(cursor="", is_caught_up=False)
        ring_until_caught_up()
    finally:
        dying.kill()
        healthy.stop()
    check_whole(site, server)
    assert set(Revision.objects.values_list("number", flat=True)) == {1, 2}


@pytest.mark.live
def test_a_worker_killed_while_disqus_answers_is_followed_by_one_that_goes_on(
    beside: dict[str, str], tmp_path: Path, server: DisqusServer, forum: DisqusForum, site: Site
) -> None:
    fill(server)
    usual, lists = server._list, iter(range(100))
    killed = worker_with(beside, tmp_path, server, "killed")

    def until_killed(asked: dict[str, list[str]]) -> Any:
        if next(lists) == 2:
            killed.kill()
        return usual(asked)

    server._list = until_killed  # type: ignore[method-assign]
    killed.start()
    second = worker_with(beside, tmp_path, server, "second")
    try:
        killed.wait_until_ready()
        sync_forums.wake()
        wait_until(lambda: killed.process and killed.process.poll() is not None, "its death", GENEROUS)
        assert Comment.objects.count() == 200
        row = DisqusForum.objects.get()
        assert row.failures == 1 and row.next_at > timezone.now(), "nobody else begins at once"
        second.start()
        second.wait_until_ready()
        is_due()
        ring_until_caught_up()
    finally:
        killed.kill()
        second.stop()
    check_whole(site, server)


@pytest.mark.live
def test_two_workers_and_many_bells_read_each_page_once(
    beside: dict[str, str], tmp_path: Path, server: DisqusServer, forum: DisqusForum, site: Site
) -> None:
    fill(server)
    workers = [worker_with(beside, tmp_path, server, name) for name in ("one", "two")]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.wait_until_ready()
        for _ in range(8):
            sync_forums.wake()
        ring_until_caught_up()
    finally:
        for worker in workers:
            worker.stop()
    check_whole(site, server)
    cursors = [asked.get("cursor", [""])[0] for asked in server.calls("posts/list") if "since" not in asked]
    assert len(cursors) == len(set(cursors)) == 5
