"""Whole files of other systems coming in: a Disqus export, beside what a program without our work would do."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.benchmarks.cores import LOAD_CORE, SERVER_CORE, moved_to, on_cores
from tests.benchmarks.corpus import ORIGIN, Shape, write_export
from tests.benchmarks.goals import Goal, Memory, Share
from tests.benchmarks.ground import Ground
from tests.benchmarks.measure import Sample, Target
from tests.benchmarks.rows.row import Row
from tests.processes import MANAGE, ROOT

NOTHING = float("nan")
BARE, ISSO = "bare COPY", "Isso"
# Threads of one size: 100 comments each, in branches of four.
THREAD = 100
CONFIGURATION = f"[general]\ndbpath = {{database}}\nhost = {ORIGIN}\n"

_numbers = itertools.count(1)


def imports(comments: int) -> Callable[[Ground], list[Target]]:
    """Return what makes the targets: a bare loop, ours, and Isso's importer where it is installed."""

    def targets(ground: Ground) -> list[Target]:
        export = ground.folder / f"import-{comments}.xml"
        write_export(export, [Shape(f"import-{number}", THREAD) for number in range(comments // THREAD)])
        found = [
            Target(BARE, lambda _: _timed(ground, comments, _bare(export))),
            Target("ours", lambda _: _timed(ground, comments, _ours(ground, export))),
        ]
        if isso := shutil.which("isso"):
            found.append(Target(ISSO, lambda _: _timed(ground, comments, _isso(ground, isso, export))))
        return found

    return targets


def _bare(export: Path) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.copier", str(export)]


def _ours(ground: Ground, export: Path) -> list[str]:
    slug = f"import-{next(_numbers)}"
    _run([*MANAGE, "create_site", "Import", "--slug", slug, "--origin", ORIGIN], ground.environment)
    return [*MANAGE, "import_comments", str(export), "--site", slug]


def _isso(ground: Ground, isso: str, export: Path) -> list[str]:
    name = f"isso-{next(_numbers)}"
    configuration = ground.folder / f"{name}.cfg"
    configuration.write_text(CONFIGURATION.format(database=ground.folder / f"{name}.db"))
    return [isso, "-c", str(configuration), "import", "-t", "disqus", "--empty-id", str(export)]


def _timed(ground: Ground, comments: int, command: Sequence[str]) -> Sample:
    """Run a whole process; its seconds, and the most memory that it held."""
    postgres = ground.servers.children["postgres"].process.pid
    # An importer and its database wait for each other, so both cores are everybody's.
    with moved_to([postgres], SERVER_CORE, LOAD_CORE), on_cores(SERVER_CORE, LOAD_CORE):
        begin = time.perf_counter()
        usage = _run(command, ground.environment)
        seconds = time.perf_counter() - begin
    return Sample(comments / seconds, 1000 * seconds, NOTHING, memory=usage.ru_maxrss / 1024)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> resource.struct_rusage:
    """Run a process to its end; return what it used."""
    process = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}")
    return usage


GOALS: Sequence[Goal] = (Share("ours", BARE, 0.5), Memory("ours", 150))
ROWS = (Row("import", "import of 50,000 comments", imports(50_000), GOALS, {"ours": BARE, ISSO: BARE}, rounds=3),)
