"""How the web server is started: the one list of granian's options, for `manage.py up` and for the tests."""

from __future__ import annotations

from typing import Final

APPLICATION: Final = "project.asgi:application"

# Connections that one process holds at once. Granian's own limit is 1,024, and a reader who follows a thread keeps one
# open; beyond it connections wait unanswered, so it stands well above the cap on streams (STREAMS, 10,000).
CONNECTIONS: Final = 16_384


def web_arguments(host: str, port: int, workers: int = 1) -> list[str]:
    """Return what follows `python` to serve the whole service on one port."""
    return [
        # With HTTP/1 alone a connection takes 17 KiB, else 29; proxies and browsers speak nothing else without TLS.
        *("-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--http", "1", "--no-ws"),
        *("--host", host, "--port", str(port), "--workers", str(workers)),
        *("--backlog", "2048", "--backpressure", str(CONNECTIONS)),
        *("--log-level", "warning", "--respawn-failed-workers", "--workers-kill-timeout", "10"),
        APPLICATION,
    ]
