"""Word of a thread's new version, to every web process at once; a word that is lost costs a second at most.

Web processes send and hear on their event loop, so that no request waits for the broker. Behind a front Django's own
process tells the front, with the answer. Others (workers, commands, a WSGI server alone) send in passing, and leave a
broker alone that kept them waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import redis
import redis.asyncio
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from project.snapshots.depends import at_work

log = logging.getLogger(__name__)

CHANNEL: Final = "afterword.moved"
# Seconds that a process without an event loop waits for the broker, and for which it then leaves it alone.
PATIENCE: Final = 0.25
LEFT_ALONE: Final = 5.0
# Seconds between attempts to reach a broker that is away.
RETRY: Final = 1.0
# Words that wait to be sent; more are lost, which a tick makes good.
QUEUE_LENGTH: Final = 10_000

Hear = Callable[[int, int], None]

_say: list[Hear] = []
_asked_again_at = 0.0


def announce(article_id: int, version: int) -> None:
    """Tell that a thread has reached a version; call it after COMMIT. Never raises for a broker that is away."""
    if _say:
        _say[0](article_id, version)
    elif ticket := at_work.get():
        ticket.moved.append((article_id, version))
    else:
        _send_in_passing(article_id, version)


class Push:
    """The line of one web process to the others, run on its event loop.

    `hear(article id, version)` is called on the loop for what others and this process itself announce, `reconnected`
    when words may have been missed.
    """

    def __init__(self, hear: Hear, reconnected: Callable[[], None]) -> None:
        self.sent = self.received = 0
        self._hear = hear
        self._reconnected = reconnected
        self._waiting: asyncio.Queue[tuple[int, int]] = asyncio.Queue(QUEUE_LENGTH)

    async def run(self) -> None:
        """Send and hear until cancelled; meanwhile every `announce` of this process goes through here."""
        loop = asyncio.get_running_loop()

        def say(article_id: int, version: int) -> None:
            # From the thread of a request, whose answer must not be sent before this process has heard.
            with contextlib.suppress(RuntimeError):  # the loop has ended: so has every kept answer
                loop.call_soon_threadsafe(self.tell, article_id, version)

        _say[:] = [say]
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_for_ever(self._listen))
                tasks.create_task(_for_ever(self._speak))
        finally:
            _say.clear()

    def tell(self, article_id: int, version: int) -> None:
        """Hear that a thread has moved and tell the others; on the event loop."""
        self._hear(article_id, version)
        with contextlib.suppress(asyncio.QueueFull):
            self._waiting.put_nowait((article_id, version))

    async def _listen(self, client: Any) -> None:
        async with client.pubsub() as pubsub:
            await pubsub.subscribe(CHANNEL)
            self._reconnected()
            async for message in pubsub.listen():
                if message["type"] == "message" and (word := _read(message["data"])):
                    self.received += 1
                    self._hear(*word)

    async def _speak(self, client: Any) -> None:
        while True:
            article_id, version = await self._waiting.get()
            await client.publish(CHANNEL, f"{article_id} {version}")
            self.sent += 1


async def _for_ever(work: Callable[[Any], Any]) -> None:
    """Do `work` with a connection of its own, and again whenever that is lost."""
    while True:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=RETRY)
        try:
            await work(client)
        except (redis.RedisError, OSError) as error:
            log.info("the broker is away (%s); versions are read from the database meanwhile", error)
        finally:
            with contextlib.suppress(redis.RedisError, OSError):
                await client.aclose()
        await asyncio.sleep(RETRY * random.uniform(0.5, 1.5))  # noqa: S311  (so that processes do not come in step)


def _read(data: bytes) -> tuple[int, int] | None:
    article_id, _, version = data.partition(b" ")
    return (int(article_id), int(version)) if article_id.isdigit() and version.isdigit() else None


def _send_in_passing(article_id: int, version: int) -> None:
    global _asked_again_at
    begin = time.monotonic()
    if begin < _asked_again_at:
        return
    try:
        _client().publish(CHANNEL, f"{article_id} {version}")
    except (redis.RedisError, OSError) as error:
        log.info("the broker is away (%s); web processes read versions from the database", error)
        if time.monotonic() - begin > PATIENCE / 2:
            _asked_again_at = time.monotonic() + LEFT_ALONE


@cache
def _client() -> redis.Redis:
    # Asked once: the library would try again for seconds, and a lost word costs less.
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE, retry=once
    )
