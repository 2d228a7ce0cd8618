"""The whole service on one port: what granian serves.

From the outside in: the life of the process, live updates, kept answers, the door of Django, Django: in this process,
or in one of its own behind APPLICATION_SOCKET. Then this one has no apps, which are most of Django's memory: it knows
the addresses of what it keeps, and one SELECT.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from project.env import stop_on_env_error

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
with stop_on_env_error():
    from django.conf import settings

    from project.web_process import become_web_process, spare_the_broker

    become_web_process()

from django.db import connection
from django.utils.log import configure_logging

from comments.kept import current_versions
from project import metrics
from project.admission import Admission, Application
from project.backend import Backend
from project.lifespan import Lifespan
from project.snapshots.front import Front
from project.snapshots.push import Push
from project.snapshots.versions import TICK, Versions
from project.streams.door import Streams
from project.streams.hub import Hub
from project.streams.reading import Readings, ReadLater, from_django, in_threads

# Versions are read by a thread of their own, which keeps its connection: no flood of requests delays it.
_reader = ThreadPoolExecutor(1, "versions")


def _read_versions(articles: list[int], sites: list[int]) -> tuple[dict[int, int], dict[int, int]]:
    try:
        return current_versions(articles, sites)
    except BaseException:
        connection.close()  # a broken one would fail for ever
        raise


async def _versions_read(articles: list[int], sites: list[int]) -> tuple[dict[int, int], dict[int, int]]:
    return await asyncio.get_running_loop().run_in_executor(_reader, _read_versions, articles, sites)


def _django_here() -> tuple[Application, ReadLater]:
    """Return Django in this process, and what reads changes in it."""
    import django

    spare_the_broker()
    django.setup(set_prefix=False)
    from comments.views.stream import read_news
    from project.handler import Handler

    return Handler(), in_threads(read_news)  # type: ignore[return-value]


versions = Versions(_versions_read)
push = Push(versions.hear, versions.doubt)
backend = Backend(settings.APPLICATION_SOCKET, push.tell) if settings.APPLICATION_SOCKET else None
if backend is None:
    inside, read = _django_here()
else:
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    inside, read = backend, from_django(backend)
front = Front(Admission(inside), versions, settings.SNAPSHOT_MEMORY)
hub = Hub(versions, Readings(read))
streams = Streams(front, hub, settings.STREAMS, settings.STREAMS_PER_CLIENT)


async def _tell_numbers() -> None:
    while True:
        await asyncio.sleep(TICK)
        numbers = front.numbers(pushes_sent=push.sent, pushes_received=push.received)
        metrics.publish(replace(numbers, streams_open=streams.present))


_work = [versions.run, push.run, hub.run, _tell_numbers, *([backend.run] if backend else [])]
application = Lifespan(streams, *_work)
