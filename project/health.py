"""How each part of the system is, found out by asking it; read by `/readyz` and by `manage.py doctor`.

A worker says that it lives by a key in the broker, one for each queue it serves, which expires by itself. What
cannot be asked is not well; nothing here raises because a part is away.
"""

import logging
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from smtplib import SMTPException
from typing import Final, Literal

import redis
from django.conf import settings
from django.core.mail import get_connection
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

State = Literal["ok", "degraded", "failed"]
QUEUES: Final = ("confirm", "mail", "fanout", "channels", "maintenance")
# Workers beat every two seconds; a task may hold the processor for a while before it is held against them.
WORKER_TTL: Final = 20
# Seconds that a due delivery may wait: a sweep (15 s) finds what a lost message forgot, and then it is sent.
DELIVERY_LIMIT: Final = 60.0
BROKER_TIMEOUT: Final = 1.0


@dataclass(frozen=True)
class Part:
    """One part of the system: its state, and for people the fact behind it, without secrets."""

    state: State
    fact: str


def check_database() -> Part:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version')")
            return Part("ok", f"PostgreSQL {cursor.fetchone()[0]}")
    except DatabaseError as error:
        return Part("failed", _first_line(error))


_migrated = False


def check_migrations() -> Part:
    """Whether every migration of this code is applied. Once true it stays so for the life of the process."""
    global _migrated
    if not _migrated:
        try:
            executor = MigrationExecutor(connection)
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        except DatabaseError as error:
            return Part("failed", _first_line(error))
        if plan:
            return Part("failed", f"{len(plan)} migrations are not applied, the first is {plan[0][0]}")
        _migrated = True
    return Part("ok", "all applied")


def check_broker() -> Part:
    try:
        with _broker() as client:
            client.ping()
            version = client.info("server")
    except (redis.RedisError, OSError, ValueError) as error:
        nobody = settings.RUNNING is None and not os.environ.get("REDIS_URL")
        absent = f"no `manage.py up` runs on {settings.DATA_DIR}, and REDIS_URL is not set"
        return Part("degraded", absent if nobody else _first_line(error))
    name = "Valkey" if "valkey_version" in version else "Redis"
    return Part("ok", f"{name} {version.get('valkey_version', version['redis_version'])}")


def check_workers() -> Part:
    """Ok when each queue has a worker whose event loop has turned lately."""
    try:
        with _broker() as client:
            beats = client.mget([_worker_key(queue) for queue in QUEUES])
    except (redis.RedisError, OSError, ValueError):
        return Part("degraded", "unknown while the broker is away")
    silent = [queue for queue, beat in zip(QUEUES, beats, strict=True) if beat is None]
    if silent:
        return Part("degraded", f"nobody serves {', '.join(silent)}")
    return Part("ok", f"every queue is served ({', '.join(QUEUES)})")


def check_delivery() -> Part:
    """Ok while nothing that is due has waited for long."""
    try:
        outbox = import_string(settings.OUTBOX_HEALTH)()
    except DatabaseError as error:
        return Part("degraded", _first_line(error))
    seconds = outbox["oldest_due_seconds"]
    if seconds is None:
        return Part("ok", "nothing is due")
    return Part("ok" if seconds < DELIVERY_LIMIT else "degraded", f"the oldest due message waits {seconds:.0f} s")


def check_mail() -> Part:
    """Whether messages can leave: the mail server answers, or the folder can be written. Nothing is sent."""
    if settings.EMAIL_BACKEND == "project.mailbox.EmailBackend":
        folder = Path(settings.EMAIL_FILE_PATH)
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        written = os.access(nearest, os.W_OK)
        return Part("ok" if written else "failed", f"as files in {folder}" if written else f"{nearest} is read-only")
    if not settings.EMAIL_HOST:
        return Part("ok", "on standard output")
    try:
        with get_connection():
            return Part("ok", f"through {settings.EMAIL_HOST}:{settings.EMAIL_PORT}")
    except (OSError, SMTPException) as error:
        return Part("failed", f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}: {_first_line(error)}")


def check_language() -> Part:
    """Whether the database knows letters beyond ASCII; in plain C, search finds nothing Chinese (no trigrams)."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_encoding_to_char(encoding), datctype, '漢' ~ '^[[:alnum:]]$' AND upper('é') = 'É'"
                " FROM pg_database WHERE datname = current_database()"
            )
            encoding, locale, knows_letters = cursor.fetchone()
    except DatabaseError as error:
        return Part("failed", _first_line(error))
    if encoding == "UTF8" and knows_letters:
        return Part("ok", f"{encoding}, {locale}")
    return Part("failed", f"{encoding}, {locale}: make the database with ENCODING UTF8 and LOCALE C.UTF-8")


def report() -> dict[str, str]:
    """The states of all parts and, as `status`, the worst of them."""
    database = check_database()
    states: dict[str, str] = {"database": database.state}
    if database.state == "ok":
        states["migrations"] = check_migrations().state
        states["delivery"] = check_delivery().state if states["migrations"] == "ok" else "degraded"
    else:
        states |= {"migrations": "failed", "delivery": "degraded"}
    states["broker"] = check_broker().state
    states["workers"] = check_workers().state if states["broker"] == "ok" else "degraded"
    worst = max(states.values(), key=("ok", "degraded", "failed").index)
    return {"status": worst, **states}


def worker_lives(queues: Iterable[str]) -> None:
    """Note in the broker that these queues are served; a broker that is away is not this function's worry."""
    try:
        with _broker() as client, client.pipeline(transaction=False) as pipeline:
            for queue in queues:
                pipeline.set(_worker_key(queue), int(time.time()), ex=WORKER_TTL)
            pipeline.execute()
    except (redis.RedisError, OSError) as error:
        log.debug("no sign of life could be left: %s", error)


def worker_leaves(queues: Iterable[str]) -> None:
    """Take the sign of life away when a worker ends in order."""
    try:
        with _broker() as client:
            client.delete(*[_worker_key(queue) for queue in queues])
    except (redis.RedisError, OSError) as error:
        log.debug("the sign of life stays until it expires: %s", error)


def _broker() -> redis.Redis:
    # Asked once: the library would try again for seconds.
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=BROKER_TIMEOUT,
        socket_connect_timeout=BROKER_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )


def _worker_key(queue: str) -> str:
    return f"afterword:worker:{queue}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
