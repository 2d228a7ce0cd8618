"""What has to be on the machine, said before anything starts."""

from __future__ import annotations

import os
import resource
import shutil
import sys

from tests.benchmarks.cores import LOAD_CORE, SERVER_CORE

PROGRAMS = {"nginx": "nginx-light", "wrk": "wrk"}
# Sockets of 5,000 streams, at both ends, with room for the rest.
FILES = 16_384


class MachineUnfit(Exception):  # noqa: N818  (a verdict, said as it is)
    """This machine cannot run the benchmarks; the message says what to do."""


def check_machine() -> None:
    """Raise `MachineUnfit` unless programs, cores and files are there."""
    if sys.platform != "linux":
        raise MachineUnfit("The benchmarks pin processes to cores, which needs Linux.")
    missing = [package for program, package in PROGRAMS.items() if find(program) is None]
    if missing:
        raise MachineUnfit(
            f"Missing: {', '.join(missing)}. On Debian: apt-get install -y --no-install-recommends "
            f"{' '.join(missing)} && systemctl disable --now nginx"
        )
    if not {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        raise MachineUnfit("Two cores are needed: one for the servers, one for those who ask.")
    raise_limit_of_files()


def raise_limit_of_files() -> None:
    """Let this process, and what it starts, hold as many sockets as the streams need."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY and most < FILES:
        raise MachineUnfit(f"A process may open {most} files only; `ulimit -Hn {FILES}` or more is needed.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, most))


def find(program: str) -> str | None:
    """Return where a program is; nginx lies where an ordinary user's PATH may not lead."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
