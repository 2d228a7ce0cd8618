"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.benchmarks.ground import Ground
from tests.benchmarks.tools import find

PACKAGES = ("django", "granian", "uvloop", "psycopg", "orjson")


def describe(ground: Ground, rounds: int, seconds: int) -> str:
    """Return a paragraph: when, processor, memory, kernel, versions, and how the rounds went."""
    with ground.connect() as connection:
        row = connection.execute("SHOW server_version").fetchone()
    versions = [
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in PACKAGES),
        f"PostgreSQL {row[0] if row else '?'}",
        f"nginx {_version_of('nginx')}",
        f"wrk {_version_of('wrk')}",
    ]
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}: {_processor()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, Linux {platform.release()}; {', '.join(versions)}. "
        f"{rounds} interleaved rounds of {seconds} s a target."
    )


def _processor() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _version_of(program: str) -> str:
    done = subprocess.run([find(program) or program, "-v"], capture_output=True, text=True)
    found = re.search(r"\d+\.[\d.]+", done.stdout + done.stderr)
    return found[0] if found else "?"


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
