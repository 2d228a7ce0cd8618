"""Hearing early that the process is to end.

A server waits for its open answers before it says `lifespan.shutdown`, and a stream would never end by itself.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def when_ending(call: Callable[[], object]) -> None:
    """Call `call` on the running loop as soon as a signal asks the process to end; the server hears the signal too.

    A signal that the server does not handle is left alone, and so is everything outside the main thread.
    """
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        earlier = signal.getsignal(number)
        if callable(earlier):
            try:
                signal.signal(number, _before(loop, call, earlier))
            except ValueError:  # not the main thread, where alone signals arrive
                return


def _before(loop: asyncio.AbstractEventLoop, call: Callable[[], object], earlier: Callable[..., Any]) -> Any:
    def handle(number: int, frame: FrameType | None) -> Any:
        if not loop.is_closed():
            loop.call_soon_threadsafe(call)
        return earlier(number, frame)

    return handle
