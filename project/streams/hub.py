"""Who reads which article, and what each of them has seen.

A change is heard through `Versions`, read once for all readers of the article who have the same version, and given to
them as the same bytes. A reader joins with the version that her first bytes showed, so nothing falls between reading
the past and hearing the present: whoever has another version than the thread is brought up to date.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from itertools import cycle
from typing import Final

from project.admission import Message, Send
from project.errors import Problem
from project.snapshots.versions import Versions
from project.streams.ending import when_ending
from project.streams.events import HEARTBEAT, News, event, greeting, position
from project.streams.reading import Readings
from project.streams.stream import Stream, chunk

log = logging.getLogger(__name__)

# Seconds between two heartbeats of a stream, well below the minute after which proxies give up.
HEARTBEAT_SECONDS: Final = 15
# Seconds between two reads of an article's changes, however fast it moves.
REST: Final = 0.25
# Seconds until a read that failed is tried again.
RETRY: Final = 1.0
# Seconds that readers have to take what waits for them when the process ends.
GRACE: Final = 1.0
# Streams that are written to before others on the loop have their turn.
SLICE: Final = 200

BEAT: Final = chunk(HEARTBEAT)
# Without an id: who comes back is told that the article is not there.
GONE: Final = chunk(event("reset", {"version": None}))


class Channel:
    """The readers of one article."""

    __slots__ = ("article_id", "coming", "known", "latest", "streams", "task")

    def __init__(self, article_id: int, versions: Versions) -> None:
        self.article_id = article_id
        self.known = versions.watch(article_id)
        self.streams: set[Stream] = set()
        self.latest: News | None = None
        self.coming = 0
        self.task: asyncio.Task[None] | None = None

    def behind(self) -> set[int]:
        """Return the versions of readers who have another one than the thread."""
        return {stream.version for stream in self.streams} - {self.known.version}


class Hub:
    """All streams of one process; run `run()` as long as it serves."""

    def __init__(self, versions: Versions, readings: Readings) -> None:
        self.is_ending = False
        self._versions = versions
        self._readings = readings
        self._channels: dict[int, Channel] = {}
        self._wheel: list[set[Stream]] = [set() for _ in range(HEARTBEAT_SECONDS)]
        self._next_slot = cycle(self._wheel)
        self._tasks: set[asyncio.Task[None]] = set()
        versions.listeners.append(self._moved)

    async def run(self) -> None:
        """Keep streams alive; they end as soon as the process is asked to end."""
        when_ending(self.end)
        while True:
            for slot in self._wheel:
                await asyncio.sleep(1)
                await _give_all(slot, BEAT)

    def end(self) -> None:
        """End every stream, and let no other begin."""
        if self.is_ending:
            return
        self.is_ending = True
        for slot in self._wheel:
            for stream in slot:
                stream.end()
        asyncio.get_running_loop().call_later(GRACE, self._cut)

    def _cut(self) -> None:
        for slot in self._wheel:
            for stream in list(slot):
                stream.cut()

    async def greet(self, article_id: int, since: int | None) -> tuple[Channel, News] | None:
        """Return a place for a reader and her first news, None for an article that is not public.

        Give the place back with `join` or `decline`. Problem: unavailable.
        """
        channel = self._channels.get(article_id)
        if channel is None:
            channel = self._channels[article_id] = Channel(article_id, self._versions)
        channel.coming += 1
        try:
            news = self._at_hand(channel, since) or await self._read(channel, since)
        except BaseException:
            self.decline(channel)
            raise
        if news is None:
            self.decline(channel)
            return None
        return channel, news

    def join(self, channel: Channel, news: News, send: Send) -> Stream:
        """Make the stream of a reader who has been greeted, and send her the first bytes; her own task calls this."""
        stream = Stream(send, news.version)
        channel.coming -= 1
        channel.streams.add(stream)
        next(self._next_slot).add(stream)
        stream.give(chunk(greeting() + news.events))
        if self.is_ending:
            stream.end()
        elif stream.version != channel.known.version:
            self._wake(channel)
        return stream

    def decline(self, channel: Channel) -> None:
        """Take note that a reader who was greeted does not come."""
        channel.coming -= 1
        self._drop_if_left(channel)

    def leave(self, channel: Channel, stream: Stream) -> None:
        """Take note that a reader has gone."""
        stream.left()
        channel.streams.discard(stream)
        for slot in self._wheel:
            slot.discard(stream)
        self._drop_if_left(channel)

    def _at_hand(self, channel: Channel, since: int | None) -> News | None:
        """Return news that need no look at the database, because others read this article and are up to date."""
        version = channel.known.version
        if not channel.streams or version is None:
            return None
        if since == version:
            return News(version, position(version), b"")
        latest = channel.latest
        if since is None and latest is not None and latest.version == version:
            return latest
        return None

    async def _read(self, channel: Channel, since: int | None) -> News | None:
        began = time.monotonic()
        news = await self._readings.news(channel.article_id, since)
        if news is not None:
            self._versions.note(channel.known, news.version, began)
            channel.latest = News(news.version, news.counts, news.counts)
        return news

    def _moved(self, article_id: int, version: int) -> None:
        channel = self._channels.get(article_id)
        if channel is not None and channel.streams:
            self._wake(channel)

    def _wake(self, channel: Channel) -> None:
        if channel.task is None:
            channel.task = asyncio.create_task(self._follow(channel))
            self._tasks.add(channel.task)
            channel.task.add_done_callback(self._tasks.discard)

    async def _follow(self, channel: Channel) -> None:
        """Bring the readers of an article up to date, until all of them have the version of the thread."""
        try:
            while not self.is_ending and (behind := channel.behind()):
                pause = REST
                try:
                    for since in sorted(behind):
                        await self._bring_from(channel, since)
                except Problem:
                    pause = RETRY
                except Exception:  # whatever it is, the streams live, and the next attempt may succeed
                    log.exception("changes of an article cannot be read")
                    pause = RETRY
                await asyncio.sleep(pause)
        finally:
            channel.task = None

    async def _bring_from(self, channel: Channel, since: int) -> None:
        news = await self._read(channel, since)
        streams = [stream for stream in channel.streams if stream.version == since]
        if news is None:
            await _give_all(channel.streams, GONE)
            for stream in list(channel.streams):
                stream.end()
                channel.streams.discard(stream)
            return
        for stream in streams:
            stream.version = news.version
        await _give_all(streams, chunk(news.events))

    def _drop_if_left(self, channel: Channel) -> None:
        if not channel.streams and not channel.coming and self._channels.get(channel.article_id) is channel:
            del self._channels[channel.article_id]
            self._versions.unwatch(channel.article_id)


async def _give_all(streams: Iterable[Stream], message: Message) -> None:
    is_beat = message is BEAT
    for number, stream in enumerate(list(streams), start=1):
        if is_beat:
            stream.beat(message)
        else:
            stream.give(message)
        if number % SLICE == 0:
            await asyncio.sleep(0)
