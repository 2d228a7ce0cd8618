"""What differs in a web process: many threads that come and go with requests, and readers who wait."""

import resource
import sys

from django.conf import settings

from project.statements import prepare_statements

# One connection for each request that Django works on at once (project.admission), and a few to spare.
LARGEST_POOL = 20
# Seconds that a reader may wait for a broker that accepts a connection and then says nothing.
BROKER_PATIENCE = 0.5
# Seconds between two messages that wake workers for the same thing: under load a message costs more than what it is of.
RING_SPACING = 0.05
# Files and sockets open at once: the connections of readers (project.embedded.web) and what we need ourselves.
OPEN_FILES = 20_000
# Seconds that a thread of Django's may hold the interpreter while the event loop waits, which answers in microseconds.
# Measured: with Python's own 5 ms, reads beside four slow pages fell to a sixth.
SWITCH_INTERVAL = 0.0005


def become_web_process() -> None:
    """Pool this process's database connections; before the first query.

    Workers and commands do without: they are single-threaded, and a pool does not survive a fork.
    """
    _allow_files(OPEN_FILES)
    sys.setswitchinterval(SWITCH_INTERVAL)
    prepare_statements()
    settings.DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": LARGEST_POOL,
        # Seconds that a request waits for a connection, then it fails as a lost connection does.
        "timeout": 5,
        "max_lifetime": 1800,
        "max_idle": 60,
    }


def spare_the_broker() -> None:
    """Ring workers less often, and wait for the broker no longer than readers do; for whoever runs Django's views."""
    from project.celery import BROKER_OPTIONS, app
    from project.doorbell import Doorbell

    Doorbell.spacing = RING_SPACING
    app.conf.broker_transport_options = {
        **BROKER_OPTIONS,
        "socket_connect_timeout": BROKER_PATIENCE,
        "socket_timeout": BROKER_PATIENCE,
    }


def _allow_files(number: int) -> None:
    """Raise what this process may have open, as far as the system lets it: many begin at 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
