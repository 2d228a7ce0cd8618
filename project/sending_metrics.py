"""What senders of messages count for `/metrics`.

It is apart from `project.metrics`, which also tells of the process that loads it: a worker is no web process.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter

registry: Final = CollectorRegistry()
_SETTLED: Final = Counter(
    "afterword_deliveries_settled_total", "Messages that came to an end, by outcome.", ("outcome",), registry=registry
)


def delivery_settled(outcome: str) -> None:
    """Count a message that was sent, failed, was skipped, or must not be tried again."""
    _SETTLED.labels(outcome).inc()
