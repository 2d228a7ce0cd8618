"""Answers that have to be made: the first reader after a change, one at a time."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.cores import LOAD_CORE, SERVER_CORE, on_cores
from tests.benchmarks.goals import Within
from tests.benchmarks.ground import SHAPES, SITE, Ground
from tests.benchmarks.measure import Sample, Target
from tests.benchmarks.rows.row import Row

Statement = tuple[str, Any]
MOVE = "UPDATE comments_thread SET version = version + 1 WHERE article_id = %s RETURNING version"


def cold_page(key: str, limit: int) -> Callable[[Ground], list[Target]]:
    """Return what makes two targets: a page after its thread has moved, and the same SELECTs without us."""

    def targets(ground: Ground) -> list[Target]:
        statements = _statements(ground, ground.page(key, limit))
        selects = f"{len(statements)} SELECTs"
        return [
            Target("ours", lambda seconds: _after_a_move(ground, key, limit, seconds, selects)),
            Target("its SELECTs alone", lambda seconds: _selects(ground, statements, seconds, selects)),
        ]

    return targets


def cold_counts(ground: Ground) -> list[Target]:
    """50 pages that were never asked for together: their last address is another each time."""
    urls = [shape.url for shape in SHAPES if shape.key.startswith("page-")][:49]
    path = f"/api/v1/counts?site={SITE}" + "".join(f"&url={url}" for url in urls) + "&url="
    statements = _statements(ground, path + urls[0])
    selects = f"{len(statements)} SELECTs"
    return [
        Target("ours", lambda seconds: _other_pages(ground, path, seconds, selects)),
        Target("its SELECTs alone", lambda seconds: _selects(ground, statements, seconds, selects)),
    ]


def _after_a_move(ground: Ground, key: str, limit: int, seconds: int, note: str) -> Sample:
    client = _client(ground)
    with ground.connect() as connection:

        def ask() -> float:
            row = connection.execute(MOVE, [ground.articles[key]]).fetchone()
            assert row is not None
            return _timed(client, f"{ground.page(key, limit)}&at_least={row[0]}")

        return _repeat(ask, seconds, note)


def _other_pages(ground: Ground, path: str, seconds: int, note: str) -> Sample:
    client = _client(ground)
    return _repeat(lambda: _timed(client, f"{path}{SHAPES[0].url}/{time.monotonic_ns()}"), seconds, note)


def _selects(ground: Ground, statements: list[Statement], seconds: int, note: str) -> Sample:
    with on_cores(SERVER_CORE), ground.connect() as connection:

        def ask() -> float:
            begin = time.perf_counter()
            for sql, parameters in statements:
                connection.execute(sql.encode(), parameters, prepare=True).fetchall()
            return time.perf_counter() - begin

        return _repeat(ask, seconds, note)


def _repeat(ask: Callable[[], float], seconds: int, note: str) -> Sample:
    times: list[float] = []
    with on_cores(LOAD_CORE):
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(times) < 3:
            times.append(ask() * 1000)
    return Sample(1000 / median(times), median(times), quantiles(times, n=100)[98], note=note)


def _timed(client: http.client.HTTPConnection, path: str) -> float:
    begin = time.perf_counter()
    client.request("GET", path)
    response = client.getresponse()
    response.read()
    taken = time.perf_counter() - begin
    if response.status != 200:
        raise RuntimeError(f"{path} is {response.status}")
    return taken


def _client(ground: Ground) -> http.client.HTTPConnection:
    parts = urlsplit(ground.ours.base)
    return http.client.HTTPConnection(parts.hostname or "", parts.port or 80)


def _statements(ground: Ground, path: str) -> list[Statement]:
    """Return the SELECTs of one request with their parameters, by asking Django in this process."""
    import django
    from django.conf import settings

    if not settings.configured:
        _become_ours(ground)
        django.setup()
    from django.db import connection
    from django.test import Client

    # The first request of a process asks the database what it is, too.
    Client().get(path)
    found: list[Statement] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        found.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        response: Any = Client().get(path)
    assert response.status_code == 200, response.content
    return [each for each in found if each[0].lstrip().upper().startswith(("SELECT", "WITH"))]


def _become_ours(ground: Ground) -> None:
    import os

    os.environ.update({**ground.environment, "DJANGO_SETTINGS_MODULE": "project.settings"})


ROWS = (
    Row(
        "long-cold",
        "first page of 20,000 comments, after a change",
        cold_page("long", 25),
        [Within("ours", 10)],
        {"ours": "its SELECTs alone"},
    ),
    Row(
        "thousand-cold",
        "page of 1,000 comments, after a change",
        cold_page("thousand", 100),
        [],
        {"ours": "its SELECTs alone"},
    ),
    Row("counts-cold", "counts of 50 pages, not kept", cold_counts, [], {"ours": "its SELECTs alone"}),
)
