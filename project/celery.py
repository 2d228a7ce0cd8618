"""Celery: the doorbell. Rows in the database say what is due; a message only says "look now".

Queues go by function and have workers of their own, so that a confirmation never waits behind a fan-out. Losing
every message costs one sweep period, and doing a task twice does nothing twice.
"""

import os
import warnings
from datetime import timedelta
from typing import Any

from celery import Celery, signals
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]
from kombu import Queue

from project.env import stop_on_env_error
from project.health import QUEUES, worker_leaves, worker_lives
from project.statements import prepare_statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
with stop_on_env_error():
    from django.conf import settings

    REDIS_URL: str = settings.REDIS_URL

# Which queue a task waits in; one that is not named here cannot be sent.
QUEUE_OF = {
    "articles.tasks.forget_answers": "maintenance",
    "articles.tasks.poll_feeds": "maintenance",
    "articles.tasks.publish_due": "fanout",
    "articles.tasks.purge_deleted": "maintenance",
    "comments.tasks.forget_networks": "maintenance",
    "comments.tasks.prune_orders": "maintenance",
    "comments.tasks.prune_sign_ins": "maintenance",
    "comments.tasks.read_due_keys": "maintenance",
    "comments.tasks.read_sign_on_keys": "maintenance",
    "comments.tasks.refresh_readers": "maintenance",
    "comments.tasks.spread_reader": "maintenance",
    "comments.tasks.sync_forums": "maintenance",
    "sharing.tasks.deliver_confirmations": "confirm",
    "sharing.tasks.deliver_mail": "mail",
    "sharing.tasks.deliver_posts": "channels",
    "sharing.tasks.fan_out": "fanout",
    "sharing.tasks.plan_digests": "fanout",
    "sharing.tasks.prune": "maintenance",
    "sharing.tasks.sweep": "fanout",
    # Where nothing that anybody waits for stands behind a slow server.
    "sharing.tasks.send_webmentions": "maintenance",
    "sharing.tasks.verify_webmentions": "maintenance",
}

# Every so many seconds. All UTC, all "do what is due in the database": a tick may be missed or come twice. A tick that
# no worker took within its period is dropped, the next one does its work.
BEAT = {
    "sharing.tasks.sweep": 15,
    "sharing.tasks.plan_digests": 60,
    "sharing.tasks.prune": 3600,
    "sharing.tasks.send_webmentions": 60,
    "sharing.tasks.verify_webmentions": 60,
    "articles.tasks.publish_due": 20,
    "articles.tasks.poll_feeds": 60,
    "articles.tasks.purge_deleted": 3600,
    "articles.tasks.forget_answers": 3600,
    "comments.tasks.forget_networks": 3600,
    "comments.tasks.prune_orders": 600,
    "comments.tasks.prune_sign_ins": 3600,
    "comments.tasks.read_due_keys": 300,
    "comments.tasks.refresh_readers": 60,
    "comments.tasks.sync_forums": 60,
}

# A message that a worker took and did not finish comes back after this; the longest task is shorter.
VISIBILITY_SECONDS = 300
TASK_SECONDS = 240

# Seconds on the socket. A publish on a dead connection would otherwise wait for ever, and with it a reader.
BROKER_OPTIONS: dict[str, Any] = {
    "visibility_timeout": VISIBILITY_SECONDS,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 3,
    "socket_connect_timeout": 1.0,
    "socket_timeout": 5.0,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # Publishing asks once: the sweep finds what could not be published.
    "max_retries": 0,
}


def broker_url(redis_url: str) -> str:
    """REDIS_URL as kombu spells it: a Unix socket is `redis+socket:///path?virtual_host=N`."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    number = dict(part.split("=", 1) for part in query.split("&") if "=" in part).get("db", "0")
    return f"redis+socket://{path}?virtual_host={number}"


# Workers may run as root in a container: what Celery warns of there is pickle, and only JSON is taken here.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("afterword", task_cls="project.doorbell:Doorbell")
app.conf.update(
    broker_url=broker_url(REDIS_URL),
    broker_transport_options=BROKER_OPTIONS,
    broker_connection_timeout=2,
    broker_pool_acquire_timeout=1.0,
    broker_connection_retry_on_startup=True,
    # For ever: a worker outlives any outage of the broker.
    broker_connection_max_retries=None,
    task_publish_retry=False,
    # JSON only, and nothing comes back.
    accept_content=["json"],
    task_serializer="json",
    event_serializer="json",
    result_backend=None,
    task_ignore_result=True,
    # A message is given back when its worker dies, and is taken one at a time.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    task_time_limit=TASK_SECONDS,
    task_soft_time_limit=TASK_SECONDS - 10,
    # Time to finish on SIGTERM, also when only waiting; `up` and orchestrators grant more before they kill.
    worker_soft_shutdown_timeout=5.0,
    worker_enable_soft_shutdown_on_idle=True,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_max_memory_per_child=300_000,
    # Queues exist because they are listed here; a misspelt one is an error, not a new queue that nobody serves.
    task_queues=[Queue(name) for name in QUEUES],
    task_default_queue="unrouted",
    task_routes={name: {"queue": queue} for name, queue in QUEUE_OF.items()},
    task_create_missing_queues=False,
    timezone="UTC",
    enable_utc=True,
    beat_schedule={
        name: {
            "task": name,
            "schedule": timedelta(seconds=period),
            "options": {"expires": period},
        }
        for name, period in BEAT.items()
    },
)
app.autodiscover_tasks()
# Threads of a web process get this app too, not only the one that imported it.
app.set_default()


_served: list[str] = []
_left: list[str] = []


@signals.worker_init.connect
def _become_worker(**_: Any) -> None:
    prepare_statements()


@signals.celeryd_after_setup.connect
def _learn_queues(instance: Any = None, **_: Any) -> None:
    _served[:] = list(instance.app.amqp.queues.consume_from)


@signals.worker_ready.connect
@signals.heartbeat_sent.connect
def _show_life(**_: Any) -> None:
    # Only the worker's own event loop sends these, so a stuck one falls silent.
    if _served:
        worker_lives(_served)


@signals.worker_shutting_down.connect
def _take_no_more(**_: Any) -> None:
    # Runs in a signal handler, where nothing should be asked of the broker.
    _left.extend(_served)
    _served.clear()


@signals.worker_shutdown.connect
def _show_end(**_: Any) -> None:
    if _left:
        worker_leaves(_left)
