"""One core for what is measured, another for those who ask."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

SERVER_CORE, LOAD_CORE = 0, 1
# Niceness of those who are measured, where the machine has other work.
FOREMOST = -15


@contextmanager
def on_cores(*cores: int) -> Iterator[None]:
    """Let what is started inside run on these cores only; a child inherits them from the thread that starts it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def moved_to(processes: Iterable[int], *cores: int) -> Iterator[None]:
    """Move processes that run, with all below them, to these cores for a while."""
    before: dict[int, set[int]] = {}
    for pid in [pid for root in processes for pid in family_of(root)]:
        with suppress(ProcessLookupError):  # a database ends processes of its own all the time
            before[pid] = os.sched_getaffinity(pid)
            os.sched_setaffinity(pid, cores)
    try:
        yield
    finally:
        for pid, own in before.items():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(pid, own)


def family_of(pid: int) -> list[int]:
    """Return a process and all below it."""
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


def prefer(pids: Iterable[int]) -> None:
    """Let processes and all below them have a core before anybody else on this machine; root may ask for that.

    The kernel shares time between sessions first, then between the processes of each: both are asked.
    """
    for root in pids:
        for pid in family_of(root):
            # PostgreSQL's helpers come and go.
            with suppress(ProcessLookupError, FileNotFoundError):
                _prefer(pid)


def _prefer(pid: int) -> None:
    # Who stood back before stands back as far now; asking twice moves nobody.
    level = FOREMOST + os.getpriority(os.PRIO_PROCESS, pid) % abs(FOREMOST)
    Path(f"/proc/{pid}/autogroup").write_text(str(FOREMOST))
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(thread.name), level)


def wait_until_idle(pids: Iterable[int], patience: float = 10.0) -> None:
    """Wait until processes and all below them have worked off what they were asked, so that the next is not slowed."""
    roots = list(pids)
    deadline = time.monotonic() + patience
    before = _ticks(roots)
    while time.monotonic() < deadline:
        time.sleep(0.1)
        now = _ticks(roots)
        # A tick is 10 ms: an idle server looks at its versions now and then.
        if now - before <= 1:
            return
        before = now


def resident(pid: int) -> float:
    """Return MiB of resident memory of one process."""
    return psutil.Process(pid).memory_info().rss / 2**20


def _ticks(roots: Iterable[int]) -> int:
    total = 0
    for root in roots:
        for pid in family_of(root):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += int(fields[11]) + int(fields[12])
    return total
