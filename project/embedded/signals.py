"""Signals that ask to stop, noted where they arrive and obeyed where it is safe."""

import select
import signal
import socket
from types import FrameType


class Stopped(Exception):  # noqa: N818  (it is a request, no error)
    """Somebody asked to stop."""


class Signals:
    """Notes SIGINT, SIGTERM and SIGHUP; `pause` wakes at once for them and for a child that ended."""

    def __init__(self) -> None:
        self.count = 0
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)
        signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def pause(self, seconds: float) -> None:
        """Wait, at most so long; raises `Stopped` when somebody has asked to stop."""
        self.wait(seconds)
        if self.count:
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Wait until a signal comes, at most so long."""
        if select.select([self._reading], [], [], seconds)[0]:
            self._reading.recv(4096)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
