"""How web server and application are started: the one list of granian's options, for `manage.py up` and for the tests.

The web server answers readers and passes the rest on; the application is Django, in a process of its own. It stands
back for the web server where both want one processor, because an answer that is kept takes no time to speak of.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FRONT: Final = "project.asgi:application"
APPLICATION: Final = "project.wsgi:application"

# Connections that one process holds at once. Granian's own limit is 1,024, and a reader who follows a thread keeps one
# open; beyond it connections wait unanswered, so it stands well above the cap on streams (STREAMS, 10,000).
CONNECTIONS: Final = 16_384
# Requests that one process of the application works on at once.
THREADS: Final = 8
# How far the application stands back, as `nice` counts: where both want one core it gets a tenth of it. The two are
# in one session, because Linux shares time between sessions first: the rest of the machine does not go before either.
NICENESS: Final = 10


def web_arguments(host: str, port: int, workers: int = 1) -> list[str]:
    """Return what follows `python` to serve the whole service on one port."""
    return [
        # With HTTP/1 alone a connection takes 17 KiB, else 29; proxies and browsers speak nothing else without TLS.
        *("-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--http", "1", "--no-ws"),
        *("--host", host, "--port", str(port), "--workers", str(workers)),
        *("--backlog", "2048", "--backpressure", str(CONNECTIONS)),
        *("--log-level", "warning", "--respawn-failed-workers", "--workers-kill-timeout", "10"),
        FRONT,
    ]


def application_arguments(socket: Path, workers: int = 1) -> list[str]:
    """Return what follows `python` to serve Django on a Unix socket, for the web server alone."""
    return [
        *("-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"),
        *("--uds", str(socket), "--uds-permissions", "0600", "--workers", str(workers)),
        *("--blocking-threads", str(THREADS), "--backlog", "2048", "--backpressure", "1024"),
        # At `warning` it says at each start that there are more threads than cores; ours wait for the database.
        *("--log-level", "error", "--respawn-failed-workers", "--workers-kill-timeout", "10"),
        APPLICATION,
    ]
