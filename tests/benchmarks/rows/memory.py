"""Memory of the process that answers, under load and with many streams open."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tests.benchmarks.cores import LOAD_CORE, on_cores, resident
from tests.benchmarks.goals import Memory
from tests.benchmarks.ground import Ground, Web
from tests.benchmarks.load import wrk
from tests.benchmarks.measure import Sample, Target
from tests.benchmarks.rows.row import Row
from tests.processes import ROOT

STREAMS = 5_000


def under_load(ground: Ground) -> list[Target]:
    """The largest page over and over, after all that the rows before have asked for."""
    read = wrk(ground.ours.base + ground.page("thousand", 100))
    return [Target("ours", lambda seconds: _weighed(read, ground.ours, seconds, ""))]


def with_streams(ground: Ground) -> list[Target]:
    """Readers who follow the thread of 100 comments live, 5,000 of them, in a process of their own."""
    web = ground.asgi("ours, streams")
    read = wrk(web.base + ground.page("hundred"))

    def measure(seconds: int) -> Sample:
        with _streams(ground, web, STREAMS) as opened:
            found = _weighed(read, web, seconds, f"{opened:,} open")
        return replace(found, errors=found.errors + STREAMS - opened)

    return [Target("ours, at rest", read), Target("ours, beside", measure)]


def _weighed(read: Callable[[int], Sample], web: Web, seconds: int, note: str) -> Sample:
    found = read(seconds)
    return Sample(found.rate, found.p50, found.p99, found.errors, resident(web.worker), note or _django(web))


def _django(web: Web) -> str:
    return f"Django {resident(web.behind.worker):.0f} MiB" if web.behind else ""


@contextmanager
def _streams(ground: Ground, web: Web, number: int) -> Iterator[int]:
    """Hold streams open while the body runs; yields how many are."""
    path = f"/api/v1/articles/{ground.articles['hundred']}/stream"
    command = [sys.executable, "-m", "tests.benchmarks.listeners", str(web.port), path, str(number)]
    with on_cores(LOAD_CORE):
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline() or 0)
    finally:
        process.communicate(timeout=60)


ROWS = (
    Row("memory", "memory under load", under_load, [Memory("ours", 150)]),
    Row(
        "streams", "5,000 open streams", with_streams, [Memory("ours, beside", 250)], {"ours, beside": "ours, at rest"}
    ),
)
