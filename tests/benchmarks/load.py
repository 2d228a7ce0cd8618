"""Asking with wrk, on the core of those who ask."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.benchmarks.cores import LOAD_CORE, on_cores
from tests.benchmarks.measure import Sample

CONNECTIONS = 16
LUA = Path(__file__).parent / "lua"


@cache
def _script(name: str) -> str:
    """Return the path of a script that asks as `name` says and reports."""
    parts = [LUA / "report.lua", *([LUA / f"{name}.lua"] if name else [])]
    with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as file:
        file.write("\n".join(part.read_text() for part in parts))
    return file.name


def wrk(
    url: str,
    *,
    connections: int = CONNECTIONS,
    headers: Mapping[str, str] | None = None,
    script: str = "",
    arguments: Sequence[str] | Callable[[], Sequence[str]] = (),
) -> Callable[[int], Sample]:
    """Return what asks `url` over connections that stay open; `script` is one of lua/, `arguments` are its own."""

    def measure(seconds: int) -> Sample:
        given = arguments() if callable(arguments) else arguments
        command = _command(url, connections, headers or {}, script, given, seconds)
        with on_cores(LOAD_CORE):
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
        return _read(done.stdout)

    return measure


@contextmanager
def meanwhile(url: str, *, connections: int, seconds: int) -> Iterator[Callable[[], Sample]]:
    """Ask `url` while the body runs; afterwards the function given tells what came of it."""
    command = _command(url, connections, {}, "", (), seconds)
    with on_cores(LOAD_CORE):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    found: list[Sample] = []
    try:
        yield lambda: found[0]
    finally:
        output, _ = process.communicate(timeout=seconds + 60)
        found.append(_read(output))


def _command(
    url: str, connections: int, headers: Mapping[str, str], script: str, arguments: Sequence[str], seconds: int
) -> list[str]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", _script(script)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    return [*command, url, *(["--", *arguments] if arguments else [])]


def _read(output: str) -> Sample:
    line = next((line for line in output.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise RuntimeError(f"wrk gave no result:\n{output}")
    found = json.loads(line.removeprefix("RESULT "))
    good = found["answers"] - found["refused"]
    rate = max(good, 1) / (found["duration"] / 1e6)
    return Sample(rate, found["p50"] / 1000, found["p99"] / 1000, found["refused"] + found["broken"])
