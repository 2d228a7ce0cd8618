"""/metrics: Prometheus can read it, it counts in every process, and it tells about nobody."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoDbBlocker

from project import metrics
from project.admission import SCRAPES, Admission
from project.metrics import SnapshotNumbers
from tests.processes import LiveService, wait_until

# What may tell two lines of one metric apart: never a site, a page or a person.
LABELS = {"outcome", "direction", "le", "pid", "kind"}


def parse(text: str) -> dict[str, float]:
    """Return each sample by its name and labels, as `name{outcome=kept}`; HELP and TYPE must be there."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        assert family.type in {"counter", "gauge", "histogram"}, family.name
        assert family.name.startswith("afterword_") or family.name == "process_resident_memory_bytes"
        for sample in family.samples:
            assert set(sample.labels) <= LABELS, sample
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            key = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert key not in found, key
            found[key] = sample.value
    return found


def ours() -> dict[str, float]:
    return parse(metrics.exposition().decode())


def numbers(**changed: Any) -> SnapshotNumbers:
    plain: dict[str, Any] = {"bytes": 0, "entries": 0, "answers": {}, "evictions": 0, "version_checks": 0}
    return SnapshotNumbers(**{**plain, "pushes_sent": 0, "pushes_received": 0, **changed})


@pytest.mark.django_db
def test_it_is_text_for_prometheus_and_for_no_cache(client: Client) -> None:
    answer = client.get("/metrics")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert answer["Cache-Control"] == "no-store"
    found = parse(answer.content.decode())
    assert found["afterword_database_up"] == 1
    assert found["afterword_delivery_oldest_due_seconds"] == found["afterword_deliveries_waiting"] == 0
    assert found["process_resident_memory_bytes"] > 10_000_000
    assert client.post("/metrics").status_code == 405


@pytest.mark.django_db
def test_it_costs_three_statements(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(3):
        client.get("/metrics")


def test_without_a_database_it_says_so(
    client: Client, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        connection.close()
        port = connection.settings_dict["PORT"]
        connection.settings_dict["PORT"] = "1"
        try:
            answer = client.get("/metrics")
        finally:
            connection.close()
            connection.settings_dict["PORT"] = port
    found = parse(answer.content.decode())
    assert (answer.status_code, found["afterword_database_up"]) == (200, 0)
    assert "afterword_deliveries_waiting" not in found


@pytest.mark.django_db
def test_totals_of_the_store_become_counters_and_sizes_gauges() -> None:
    metrics.publish(numbers(bytes=5_000, entries=2, answers={"kept": 3}, build_seconds=[0.002, 0.3], evictions=1))
    before = ours()
    metrics.publish(numbers(bytes=4_000, entries=1, answers={"kept": 10}, build_seconds=[0.02], evictions=1))
    after = ours()
    assert (before["afterword_snapshot_bytes"], after["afterword_snapshot_bytes"]) == (5_000, 4_000)
    assert after["afterword_snapshot_entries"] == 1
    rose = {name: after[name] - before.get(name, 0) for name in after}
    assert rose["afterword_snapshot_answers_total{outcome=kept}"] == 7
    assert rose["afterword_snapshot_evictions_total"] == 0
    assert rose["afterword_snapshot_builds_total"] == rose["afterword_snapshot_build_seconds_count"] == 1
    assert rose["afterword_snapshot_build_seconds_bucket{le=0.01}"] == 0
    assert rose["afterword_snapshot_build_seconds_bucket{le=0.025}"] == 1


@pytest.mark.django_db
def test_a_store_that_began_anew_counts_on() -> None:
    metrics.publish(numbers(version_checks=50, pushes_sent=9))
    before = ours()
    metrics.publish(numbers(version_checks=2, pushes_sent=9))
    after = ours()
    assert after["afterword_version_checks_total"] - before["afterword_version_checks_total"] == 2
    assert after["afterword_pushes_total{direction=sent}"] == before["afterword_pushes_total{direction=sent}"]


@pytest.mark.django_db
def test_the_door_counts_who_is_let_in_who_waits_and_who_is_refused() -> None:
    before = ours()
    during, statuses = asyncio.run(full_house())
    after = ours()
    # Two inside, one in line, one too many; two scrapes pass by the line, a third has to stand in it.
    assert statuses == {"/a/1": [200, 200, 200, 503], "/metrics": [200] * SCRAPES + [503], "/livez": [200]}
    assert during["afterword_requests_inside"] == 2
    assert during["afterword_requests_in_line"] == 1
    assert after["afterword_requests_inside"] == after["afterword_requests_in_line"] == 0
    for name, times in {"admitted": 3, "refused": 2}.items():
        metric = f"afterword_requests_{name}_total"
        assert after[metric] - before[metric] == times


async def full_house() -> tuple[dict[str, float], dict[str, list[int]]]:
    """Send more than a small house holds; return its numbers while it is full, and what everybody was answered."""
    gate = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    door = Admission(slow, inside=2, in_line=1)
    statuses: dict[str, list[int]] = {}

    async def ask(path: str) -> None:
        async def keep(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.setdefault(path, []).append(message["status"])

        await door({"type": "http", "path": path}, None, keep)  # type: ignore[arg-type]

    paths = ["/a/1"] * 4 + ["/metrics"] * (SCRAPES + 1) + ["/livez"]
    waiting = [asyncio.create_task(ask(path)) for path in paths]
    await asyncio.sleep(0)
    during = await asyncio.to_thread(ours_without_database)
    gate.set()
    await asyncio.gather(*waiting)
    return during, {path: sorted(found) for path, found in statuses.items()}


def ours_without_database() -> dict[str, float]:
    return parse(metrics.generate_latest(metrics._registry).decode())


def of_the_pair(test: Any) -> Any:
    """Keep the tests of the two processes together, so that these are started once."""
    return pytest.mark.live(pytest.mark.xdist_group("metrics")(test))


@pytest.fixture(scope="module")
def pair() -> Iterator[LiveService]:
    """A service with two processes of the web server, and two of the application."""
    with tempfile.TemporaryDirectory(prefix="afterword-metrics-") as folder:
        service = LiveService(Path(folder) / "data", arguments=("--no-demo", "--web-workers", "2"))
        try:
            service.start()
            yield service
        finally:
            if service.process is not None and service.process.poll() is None:
                service.stop()


def scrape(service: LiveService) -> dict[str, float]:
    answer = service.get("/metrics")
    assert answer.status == 200
    return parse(answer.text)


def web_processes(service: LiveService) -> set[int]:
    """Return the pids of those who tell how much memory they have, each of which lives."""
    found = {int(name.partition("pid=")[2][:-1]) for name in scrape(service) if name.startswith("process_")}
    assert all(psutil.Process(pid).environ()["DATA_DIR"] == str(service.data_dir) for pid in found)
    return found


@of_the_pair
def test_every_web_process_answers_for_all(pair: LiveService) -> None:
    wait_until(lambda: len(web_processes(pair)) == 4, "all four processes to show themselves")
    before = [scrape(pair) for _ in range(20)]
    # They all tell the same, whichever of the two answered.
    assert len({found["afterword_requests_admitted_total"] for found in before}) == 1
    for _ in range(40):
        assert pair.get("/readyz").status == 200
    after = scrape(pair)
    name = "afterword_requests_admitted_total"
    wait_until(lambda: scrape(pair)["afterword_requests_inside"] == 0, "the last request to be gone")
    assert after[name] - before[0][name] == 40


@of_the_pair
def test_a_killed_web_process_is_forgotten_and_what_it_counted_is_not(pair: LiveService) -> None:
    wait_until(lambda: len(web_processes(pair)) == 4, "all four processes to show themselves")
    before, old = scrape(pair), web_processes(pair)
    killed = min(pid for pid in old if "asgi" in psutil.Process(pid).cmdline())
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: survived(pair, killed), "another process in its place")
    assert scrape(pair)["afterword_requests_admitted_total"] >= before["afterword_requests_admitted_total"]
    left = {path.name for path in (pair.data_dir / "run" / "metrics").iterdir()}
    assert f"counter_{killed}.db" in left
    assert not [name for name in left if name.startswith("gauge_live") and name.endswith(f"_{killed}.db")]


def survived(service: LiveService, killed: int) -> bool:
    try:
        found = web_processes(service)
    except (OSError, psutil.NoSuchProcess):  # the connection went to the process that was killed
        return False
    return killed not in found and len(found) == 4


@of_the_pair
def test_the_folder_goes_with_the_service(pair: LiveService) -> None:
    folder = pair.data_dir / "run" / "metrics"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert pair.stop() == 0
    assert not folder.exists()


def test_a_folder_that_does_not_exist_stops_the_start(run_python: Any, tmp_path: Path) -> None:
    for value in ("metrics", str(tmp_path / "none")):
        done = run_python("manage.py", "check", DATA_DIR=str(tmp_path), PROMETHEUS_MULTIPROC_DIR=value)
        assert done.returncode == 2
        assert done.stderr.startswith("PROMETHEUS_MULTIPROC_DIR must name, by its full path, a folder")
