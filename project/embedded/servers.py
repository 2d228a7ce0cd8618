"""What PostgreSQL and Valkey have in common: being started, answering, and saying why they did not."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from project.embedded.errors import EmbeddedError
from project.embedded.processes import Child


class Server(Protocol):
    @property
    def log(self) -> Path: ...

    def start(self) -> Child: ...

    def answers(self) -> bool: ...


def start_server(server: Server, seconds: float = 60.0) -> Child:
    """Start a server and wait until it answers; `EmbeddedError` with the last line of its log when it does not."""
    child = server.start()
    wait_for_server(server, child, time.sleep, seconds)
    return child


def wait_for_server(server: Server, child: Child, pause: Callable[[float], None], seconds: float = 60.0) -> None:
    """Wait until a server answers, as `start_server` does; `pause` may raise to give up."""
    deadline = time.monotonic() + seconds
    while not server.answers():
        if child.ended() or time.monotonic() > deadline:
            child.stop()
            raise EmbeddedError(f"{child.name} did not start: {_last_line(server.log)} (more in {server.log})")
        pause(0.02)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1].strip() if lines else "it gave no reason"
