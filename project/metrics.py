"""The numbers of `/metrics`, in Prometheus' text form.

Numbers only: nothing here is labelled with a page, an address or a person, nor with a site unless METRICS_PER_SITE says
so. With `PROMETHEUS_MULTIPROC_DIR`
(`manage.py up` sets it) each process keeps its numbers in files of that folder, and any web process answers for all of
them; without it a process answers for itself. What the database knows is asked at the moment of the answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import DatabaseError
from django.utils.module_loading import import_string
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from project import sending_metrics
from project.embedded.processes import identify

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
# Seconds. A page of a busy thread takes some milliseconds; whatever waits for the database takes longer.
BUILD_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")

_registry: Final = CollectorRegistry()


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=_registry)


def _gauge(name: str, text: str) -> Gauge:
    """Return a gauge that is summed over the processes that live."""
    return Gauge(name, text, registry=_registry, multiprocess_mode="livesum")


_SNAPSHOT_BYTES: Final = _gauge("afterword_snapshot_bytes", "Memory that stored answers take, in bytes.")
_SNAPSHOT_ENTRIES: Final = _gauge("afterword_snapshot_entries", "Answers that are stored.")
_ANSWERS: Final = _counter(
    "afterword_snapshot_answers_total", "Readers' requests that the store answered, by outcome.", "outcome"
)
_BUILDS: Final = _counter("afterword_snapshot_builds_total", "Answers that were built because none was stored.")
_BUILD_SECONDS: Final = Histogram(
    "afterword_snapshot_build_seconds",
    "How long it took to build an answer.",
    registry=_registry,
    buckets=BUILD_BUCKETS,
)
_EVICTIONS: Final = _counter("afterword_snapshot_evictions_total", "Stored answers given up to stay within the memory.")
_STREAMS_OPEN: Final = _gauge("afterword_streams_open", "Streams of live updates that are open.")
_VERSION_CHECKS: Final = _counter(
    "afterword_version_checks_total", "Reads of the versions of all threads in use, one statement each."
)
_PUSHES: Final = _counter(
    "afterword_pushes_total", "Changes of threads told from process to process at once, by direction.", "direction"
)
_ADMITTED: Final = _counter("afterword_requests_admitted_total", "Requests let in to the application.")
_REFUSED: Final = _counter("afterword_requests_refused_total", "Requests answered 503 because the line was full.")
_INSIDE: Final = _gauge("afterword_requests_inside", "Requests that the application works on.")
_IN_LINE: Final = _gauge("afterword_requests_in_line", "Requests that wait to be let in.")
_MEMORY: Final = Gauge(
    "process_resident_memory_bytes",
    "Resident memory of a process of web server or application, in bytes.",
    registry=_registry,
    multiprocess_mode="liveall",
)


@dataclass(frozen=True, slots=True)
class SnapshotNumbers:
    """What the store of snapshots of one process has to tell; totals count since the process began.

    `answers`: total by outcome. `build_seconds`: each build that ended since the last `publish`. `version_checks`:
    total of batched SELECTs. `pushes_sent` and `pushes_received`: totals of changes told and heard.
    """

    bytes: int
    entries: int
    answers: Mapping[str, int]
    evictions: int
    version_checks: int
    pushes_sent: int
    pushes_received: int
    streams_open: int = 0
    build_seconds: Sequence[float] = field(default=())


def publish(numbers: SnapshotNumbers) -> None:
    """Copy the numbers of this process into its metrics. Called at each tick, so that a warm read counts in an int."""
    _SNAPSHOT_BYTES.set(numbers.bytes)
    _SNAPSHOT_ENTRIES.set(numbers.entries)
    _STREAMS_OPEN.set(numbers.streams_open)
    for outcome, total in numbers.answers.items():
        _rise_to(_ANSWERS.labels(outcome), total)
    _rise_to(_EVICTIONS, numbers.evictions)
    _rise_to(_VERSION_CHECKS, numbers.version_checks)
    _rise_to(_PUSHES.labels("sent"), numbers.pushes_sent)
    _rise_to(_PUSHES.labels("received"), numbers.pushes_received)
    for seconds in numbers.build_seconds:
        _BUILDS.inc()
        _BUILD_SECONDS.observe(seconds)
    note_memory()


def request_came(inside: int, in_line: int) -> None:
    """Count a request that may come in; `inside` and `in_line` are the numbers with it."""
    _ADMITTED.inc()
    _note_line(inside, in_line)


def request_went(inside: int, in_line: int) -> None:
    """Note how many requests are left."""
    _note_line(inside, in_line)


def request_refused() -> None:
    """Count a request for which there was no room."""
    _REFUSED.inc()


def exposition() -> bytes:
    """Return all metrics, with those of the other processes that share the folder."""
    note_memory()
    registries = [_registry, sending_metrics.registry]
    if settings.METRICS_DIR:
        _forget_the_dead(settings.METRICS_DIR)
        registries = [CollectorRegistry()]
        MultiProcessCollector(registries[0], str(settings.METRICS_DIR))  # type: ignore[no-untyped-call]
    return b"".join(generate_latest(registry) for registry in (*registries, _database_registry))


class _Database(Collector):
    """What is asked of the database for each answer: the statement of `/readyz`, and two that count."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            outbox = import_string(settings.OUTBOX_HEALTH)()
            waiting = import_string(settings.WAITING_MAIL)(per_site=settings.METRICS_PER_SITE)
            returned = import_string(settings.RETURNED_MAIL)(per_site=settings.METRICS_PER_SITE)
        except DatabaseError:
            yield GaugeMetricFamily("afterword_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("afterword_database_up", "Whether the database answers.", 1)
        oldest = outbox["oldest_due_seconds"] or 0
        yield GaugeMetricFamily(
            "afterword_delivery_oldest_due_seconds",
            "How long the oldest due message has waited, 0 if none is due.",
            oldest,
        )
        yield _counted("afterword_deliveries_waiting", "Messages that are not sent yet.", [], waiting)
        text = "What mail servers sent back in the last 24 hours, by kind."
        yield _counted("afterword_mail_events", text, ["kind"], returned)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: to be registered must not cost a query."""
        return []


def _counted(name: str, text: str, labels: list[str], counts: list[tuple[list[str], int]]) -> GaugeMetricFamily:
    """Return a number for each combination of labels, to which METRICS_PER_SITE adds the site's slug."""
    family = GaugeMetricFamily(name, text, labels=[*labels, "site"] if settings.METRICS_PER_SITE else labels)
    for values, count in counts:
        family.add_metric(values, count)
    return family


_database_registry: Final = CollectorRegistry()
_database_registry.register(_Database())

# What each counter was told last: the store keeps totals, a counter takes steps.
_told: Final[dict[Counter, int]] = {}


def _rise_to(counter: Counter, total: int) -> None:
    before = _told.get(counter, 0)
    # A total that fell belongs to a store that began anew.
    counter.inc(total - before if total >= before else total)
    _told[counter] = total


def _note_line(inside: int, in_line: int) -> None:
    _INSIDE.set(inside)
    _IN_LINE.set(in_line)


def note_memory() -> None:
    """Note how much memory this process takes."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux
        return
    _MEMORY.set(pages * _PAGE_BYTES)


def _forget_the_dead(folder: Path) -> None:
    """Take away what processes that are gone had at hand; what they counted stays counted."""
    for path in folder.glob("gauge_live*.db"):
        if identify(int(path.stem.rpartition("_")[2])) is None:
            path.unlink(missing_ok=True)
