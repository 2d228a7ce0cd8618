"""Drills of a whole service: what is done to it while it works, and a mail server on a bad day."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg
import redis
from aiosmtpd.smtp import SMTP, Envelope, Session
from celery import Celery

from project.celery import QUEUE_OF, broker_url
from project.embedded.running import Record, read_record
from project.embedded.supervisor import TOO_OFTEN, WITHIN_SECONDS
from tests.processes import Answer, LiveService, wait_until
from tests.smtp_sink import SmtpSink

FLUSH_EVERY = 5.0


class MoodySink(SmtpSink):
    """It refuses, delays, hangs up before and after it has taken a message; `lost` counts what was taken unheard."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__()
        self.draw = draw
        self.calm = False
        self.lost = 0
        self.refused: set[str] = set()
        self.begun: list[tuple[float, str]] = []

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        mood = 1.0 if self.calm else self.draw.random()
        self.begun.append((time.time(), address))
        if address in self.refused:
            return "550 5.7.1 not wanted here"
        if mood < 0.02:
            return "451 4.3.0 come again"
        if mood < 0.025:
            await asyncio.sleep(8)  # longer than a sender waits
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        mood = 1.0 if self.calm else self.draw.random()
        if mood < 0.01:
            server.transport.abort()
            return "451 gone"
        answer = await super().handle_DATA(server, session, envelope)
        if mood < 0.02:
            self.lost += 1
            server.transport.abort()
        elif mood < 0.03:
            asyncio.get_running_loop().call_later(0.02, server.transport.close)
        return answer


@dataclass
class Drill:
    """The service, what is done to it, and how often."""

    service: LiveService
    sink: MoodySink
    draw: random.Random
    kills: int = 0
    restarts: int = 0
    _ends: dict[str, list[float]] = field(default_factory=dict)
    _flushed: float = 0.0

    @property
    def record(self) -> Record:
        found = read_record(self.service.data_dir)
        assert found is not None
        return found

    def pid(self, name: str) -> int:
        return next((child.identity.pid for child in self.record.children if child.name == name), 0)

    def kill_one_of(self, names: Sequence[str]) -> None:
        """kill -9 of a pool's child, as the kernel does it, now and then of a whole worker."""
        name = self.draw.choice(names)
        worker = self.pid(name)
        if not worker or not psutil.pid_exists(worker):
            return
        victims = [child.pid for child in psutil.Process(worker).children(recursive=True)]
        if self.draw.random() < 0.05 and self._may_end(name):
            victims = [worker, *victims]
        elif victims:
            victims = [self.draw.choice(victims)]
        for pid in victims:
            self.kills += self._kill(pid, signal.SIGKILL)

    def break_database(self) -> bool:
        """What `pg_ctl stop -m immediate` does; `up` starts it again. False where that was done too often lately."""
        before = self.pid("postgresql")
        if not before or not self._may_end("postgresql"):
            return False
        self._kill(before, signal.SIGQUIT)
        wait_until(lambda: self.pid("postgresql") not in (0, before), "PostgreSQL to be started again", 60)
        self.restarts += 1
        return True

    def forget_broker(self) -> None:
        if time.monotonic() - self._flushed > FLUSH_EVERY:
            self._flushed = time.monotonic()
            with redis.Redis.from_url(self.record.redis_url) as broker:
                broker.flushall()

    def ring_some(self, queues: Collection[str]) -> None:
        """Tasks that nobody asked for, several times and in any order."""
        names = [name for name, queue in QUEUE_OF.items() if queue in queues]
        self.ring(self.draw.choices([*names, "sharing.tasks.sweep"], k=4))

    def ring(self, names: Sequence[str]) -> None:
        app = Celery(broker=broker_url(self.record.redis_url))
        with app.connection_for_write() as connection:
            for name in names:
                app.send_task(name, queue=QUEUE_OF[name], connection=connection)

    def insist(self, method: str, path: str, body: Any, headers: dict[str, str], status: int) -> Answer:
        """Ask until it is answered so; the answer."""
        answers: list[Answer] = []

        def taken() -> bool:
            try:
                answers.append(self.service.request(method, path, body, headers))
            except OSError:
                return False
            return answers[-1].status == status

        wait_until(taken, f"{method} {path} to be answered {status}, {answers[-1:]}", 120)
        return answers[-1]

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with psycopg.connect(self.record.database_url, autocommit=True) as connection:
            return connection.execute(sql.encode(), parameters).fetchall()

    def run(self, sql: str) -> None:
        """Some statements, all or none of them."""
        with psycopg.connect(self.record.database_url) as connection:
            connection.execute(sql.encode())

    def _may_end(self, name: str) -> bool:
        """`up` gives up on a child that ends too often."""
        now = time.monotonic()
        ends = [moment for moment in self._ends.get(name, []) if now - moment < WITHIN_SECONDS + 30]
        self._ends[name] = ends
        if len(ends) >= TOO_OFTEN - 2:
            return False
        ends.append(now)
        return True

    def _kill(self, pid: int, number: signal.Signals) -> bool:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True
