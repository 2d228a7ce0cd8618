"""Five thousand readers while people write and a process is killed: each hears exactly what happens on her page."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

import pytest

from tests.audience import Audience
from tests.factories import make_article
from tests.processes import WebProcess, wait_until
from tests.webs import write

pytestmark = [pytest.mark.live, pytest.mark.drill]

READERS = 5_000
PAGES = 50
MIB = 1024 * 1024


def test_five_thousand_readers_and_a_killed_process(
    make_web: Callable[..., WebProcess], drill_scale: float, record_property: Callable[[str, object], None]
) -> None:
    count = max(int(READERS * drill_scale), PAGES)
    articles = [make_article() for _ in range(PAGES)]
    steady, doomed = make_web(RATE_LIMITS="off"), make_web(RATE_LIMITS="off")
    at_rest = steady.memory()
    posted: dict[int, list[int]] = defaultdict(list)
    over = threading.Event()

    def people() -> None:
        number = 0
        while not over.is_set():
            number += 1
            article = articles[number % PAGES]
            body = {"article": article.pk, "body": f"Thought {number}.", "author": {"name": f"P{number}"}}
            posted[article.pk].append(write(steady, "POST", "/api/v1/comments", body)["id"])
            over.wait(0.02)

    with Audience() as audience:
        # The steady process holds all of them in the end: who is cut off comes back there.
        for number in range(count):
            webs = (steady,) if number % 2 else (doomed, steady)
            audience.add(articles[number % PAGES].pk, *webs, wait=False)
            if number % 100 == 99:
                wait_until(lambda: all(reader.last_id for reader in audience.listeners), "a hundred readers", 60)
        audience.all(lambda reader: reader.last_id, "all readers", 60)
        writer = threading.Thread(target=people)
        writer.start()
        try:
            wait_until(lambda: min(map(len, posted.values()), default=0) >= 2 and len(posted) == PAGES, "comments", 60)
            doomed.kill()
            doomed.start()
            audience.all(lambda reader: reader.is_open, "everybody to be back", 60)
            so_far = {article: len(ids) for article, ids in posted.items()}
            wait_until(lambda: all(len(ids) > so_far[article] for article, ids in posted.items()), "more comments", 60)
        finally:
            over.set()
            writer.join()
        audience.all(
            lambda reader: len(reader.ids("comment")) >= len(posted[reader.article_id]), "everybody to hear all", 60
        )
        for reader in audience.listeners:
            assert reader.ids("comment") == posted[reader.article_id]
            assert not reader.of("update", "remove", "reset")
        assert sum(reader.connections > 1 for reader in audience.listeners) == (count + 1) // 2
        used = steady.memory()
    record_property("streams", count)
    record_property("memory", used)
    print(f"{count} streams: {used / MIB:.0f} MiB, at rest {at_rest / MIB:.0f} MiB")
    # The goal of the design, for a process that has all readers of the drill at once.
    assert used < 250 * MIB
