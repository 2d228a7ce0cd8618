"""Reads of a kept page while other work goes on in the same service."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.benchmarks.corpus import text
from tests.benchmarks.goals import Share
from tests.benchmarks.ground import Ground
from tests.benchmarks.load import meanwhile, wrk
from tests.benchmarks.measure import Sample, Target
from tests.benchmarks.rows.row import Row

SLOW = 4
POSTS_A_SECOND = 10


def beside_slow(ground: Ground) -> list[Target]:
    """Slow requests are article pages: Django renders 100 comments as HTML for each."""
    read = wrk(ground.ours.base + ground.page("hundred"))
    slow = f"{ground.ours.base}/a/{ground.articles['elsewhere']}"

    def measure(seconds: int) -> Sample:
        with meanwhile(slow, connections=SLOW, seconds=seconds + 1) as told:
            time.sleep(0.5)
            found = read(seconds)
        other = told()
        return _with(found, other.errors, f"{other.rate:.0f} slow ones a second")

    return [Target("ours, at rest", read), Target("ours, beside", measure)]


def beside_posts(read_key: str, post_key: str) -> Callable[[Ground], list[Target]]:
    """Posts come through the API like anybody's, ten a second."""

    def targets(ground: Ground) -> list[Target]:
        read = wrk(ground.ours.base + ground.page(read_key))

        def measure(seconds: int) -> Sample:
            with _posting(ground, post_key) as told:
                time.sleep(0.5)
                found = read(seconds)
            times, errors = told()
            return _with(found, errors, f"a post takes {sorted(times)[len(times) // 2]:.0f} ms")

        return [Target("ours, at rest", read), Target("ours, beside", measure)]

    return targets


@contextmanager
def _posting(ground: Ground, key: str) -> Iterator[Callable[[], tuple[list[float], int]]]:
    """Post until the body ends; the function given tells afterwards how long each took (ms), and how many failed."""
    parts = urlsplit(ground.ours.base)
    over = threading.Event()
    times: list[float] = []
    refused: list[int] = []
    chance = random.Random()

    def post() -> None:
        client = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
        due = time.monotonic()
        while not over.is_set():
            words = f"{text(chance)} {chance.random()}"
            body = {"article": ground.articles[key], "body": words, "author": {"name": "Busy"}}
            begin = time.monotonic()
            client.request("POST", "/api/v1/comments", json.dumps(body), {"Content-Type": "application/json"})
            response = client.getresponse()
            response.read()
            times.append((time.monotonic() - begin) * 1000)
            if response.status != 201:
                refused.append(response.status)
            due += 1 / POSTS_A_SECOND
            over.wait(max(due - time.monotonic(), 0))

    writer = threading.Thread(target=post)
    writer.start()
    try:
        yield lambda: (times, len(refused))
    finally:
        over.set()
        writer.join()


def _with(sample: Sample, errors: int, note: str) -> Sample:
    return Sample(sample.rate, sample.p50, sample.p99, sample.errors + errors, note=note)


AT_REST = {"ours, beside": "ours, at rest"}
ROWS = (
    Row(
        "beside-slow",
        "page of 100 beside 4 slow requests",
        beside_slow,
        [Share("ours, beside", "ours, at rest", 0.9)],
        AT_REST,
    ),
    Row(
        "beside-posts",
        "page of 100 beside 10 posts a second to another thread",
        beside_posts("hundred", "elsewhere"),
        [Share("ours, beside", "ours, at rest", 0.9)],
        AT_REST,
    ),
    Row(
        "beside-own-posts",
        "page of 100 beside 10 posts a second to its thread",
        beside_posts("busy", "busy"),
        [Share("ours, beside", "ours, at rest", 0.8)],
        AT_REST,
    ),
)
