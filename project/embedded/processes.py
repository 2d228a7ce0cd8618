"""Child processes: started in sessions of their own, recognised after a crash, ended with all they started."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from project.embedded.account import Account, Switch

# Linux can name a process's working directory however closed the folders above it are. So a server under
# another account reaches its data though nobody but root may pass through the parents.
HERE = "/proc/self/cwd" if sys.platform == "linux" else ""


@dataclass(frozen=True)
class Identity:
    """A process, told apart from a later one with the same pid by its start (ticks since boot, and the boot)."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        return identify(self.pid) == self


def identify(pid: int) -> Identity | None:
    """The identity of a running process; None where there is none (a zombie does not run)."""
    if sys.platform == "linux":
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        # The name (second field) may hold blanks and brackets; after it come state (3) … start time (22).
        fields = status.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else Identity(pid, f"{fields[19]}@{boot}")
    listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return Identity(pid, listed.stdout.strip()) if listed.stdout.strip() else None


@dataclass
class Child:
    """A running child and how it is to be asked to stop."""

    name: str
    process: subprocess.Popen[bytes]
    identity: Identity
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    # A database is never killed because somebody is in a hurry.
    precious: bool = False

    def ended(self) -> bool:
        """Whether the child has ended. What it left in its process group is killed before its pid is given back."""
        if self.process.returncode is not None:
            return True
        if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return True

    def ask_to_stop(self) -> None:
        if not self.ended():
            self.process.send_signal(self.stop_signal)

    def wait(self, seconds: float) -> bool:
        """Wait until the child has ended; False when it has not within the time."""
        deadline = time.monotonic() + seconds
        while not self.ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def kill(self) -> None:
        """Kill the whole process group."""
        if not self.ended():
            _signal_group(self.process.pid, signal.SIGKILL)
            self.wait(5.0)

    def stop(self) -> None:
        """Ask, wait, then kill."""
        self.ask_to_stop()
        if not self.wait(self.grace):
            self.kill()


def start_child(
    name: str,
    command: list[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    account: Account | None = None,
    output: IO[bytes] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    grace: float = 10.0,
    precious: bool = False,
    niceness: int = 0,
    own_session: bool = True,
) -> Child:
    """Start a program as the leader of its own session, or only of a group: Ctrl-C in the terminal does not reach it.

    `niceness` counts towards processes of the same session.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=own_session,
        process_group=None if own_session else 0,
        # Nothing but a system call: safe between fork and exec.
        preexec_fn=partial(os.nice, niceness) if niceness else None,
        **(account.arguments() if account else Switch()),
    )
    # A child that ended at once is a zombie and has no identity; nobody will look for it.
    identity = identify(process.pid) or Identity(process.pid, "")
    return Child(name, process, identity, stop_signal, grace, precious)


def end_stray(identity: Identity, stop_signal: signal.Signals, grace: float = 10.0) -> bool:
    """End a process that an `up` before us left running; True if there was one."""
    if not identity.alive:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(identity.pid, stop_signal)
    deadline = time.monotonic() + grace
    while identity.alive and time.monotonic() < deadline:
        time.sleep(0.02)
    if identity.alive:
        _signal_group(identity.pid, signal.SIGKILL)
        while identity.alive and time.monotonic() < deadline + 5.0:
            time.sleep(0.02)
    return True


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
