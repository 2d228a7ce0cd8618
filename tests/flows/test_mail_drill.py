"""Mail through everything at once: a whole service whose parts are killed, and a mail server on a bad day.

What may happen is what docs/reliability.md says: no confirmed follower misses anything, a message comes twice only
where nobody heard that it was taken, and nothing goes to whoever has left.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis
from aiosmtpd.smtp import SMTP, Envelope, Session
from celery import Celery

from project.celery import QUEUE_OF, broker_url
from project.embedded.running import Record, read_record
from project.embedded.supervisor import TOO_OFTEN, WITHIN_SECONDS
from project.embedded.system import clean_up_after
from tests.conftest import DRILL_SEED
from tests.processes import LiveService, wait_until
from tests.smtp_sink import SmtpSink

pytestmark = [pytest.mark.live, pytest.mark.drill, pytest.mark.timeout(3_600)]

KILLS, DELIVERIES, FOLLOWERS, RESTARTS = 500, 5_000, 50, 10
LEAVERS = 8
# Addresses that no message can be written to; they came in before addresses were looked at.
POISONED = 3
FLUSH_EVERY = 5.0
# Whose children are killed, and how often of ten times; a pool's child is one that works.
VICTIMS = ("mail",) * 6 + ("planner",) * 3 + ("confirm",)
# A message that was begun before its reader's leaving was acknowledged may still be on its way.
ON_ITS_WAY = 10.0
REFUSED = "r0@example.org"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

PREPARE = f"""
import json
from sharing.models import Follower
from tests.factories import make_article, make_follow, make_site
site = make_site("press", mails_per_thread=0, votes_per_network=0)
article = make_article(site)
for number in range({FOLLOWERS}):
    make_follow(site, f"r{{number}}@example.org", article=article)
for number in range({POISONED}):
    follow = make_follow(site, f"p{{number}}@example.org", article=article)
    Follower.objects.filter(pk=follow.follower_id).update(address=f"{{number}}\u00e9@example.org")
print(json.dumps(article.pk))
"""


class MoodySink(SmtpSink):
    """It refuses, delays, hangs up before and after it has taken a message; `lost` counts what was taken unheard."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__()
        self.draw = draw
        self.calm = False
        self.lost = 0
        self.begun: list[tuple[float, str]] = []

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        mood = 1.0 if self.calm else self.draw.random()
        self.begun.append((time.time(), address))
        if address == REFUSED:
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
    """The service, what is done to it, and what readers were told."""

    service: LiveService
    sink: MoodySink
    article: int
    draw: random.Random
    comments: list[int] = field(default_factory=list)
    left: dict[str, float] = field(default_factory=dict)
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

    def kill_someone(self) -> None:
        """kill -9 of a pool's child, as the kernel does it, now and then of a whole worker."""
        name = self.draw.choice(VICTIMS)
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

    def ring(self) -> None:
        """Tasks that nobody asked for, several times and in any order."""
        app = Celery(broker=broker_url(self.record.redis_url))
        names = [name for name, queue in QUEUE_OF.items() if queue in {"mail", "confirm", "fanout"}] + [
            "sharing.tasks.sweep"
        ]
        with app.connection_for_write() as connection:
            for name in self.draw.choices(names, k=4):
                app.send_task(name, queue=QUEUE_OF[name], connection=connection)

    def post(self) -> None:
        """Post a comment until it is taken."""
        data = {"article": self.article, "body": f"Comment {len(self.comments)}.", "author": {"name": "Ada"}}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answers: list[Any] = []

        def taken() -> bool:
            try:
                answer = self.service.request("POST", "/api/v1/comments", data, key)
            except OSError:
                return False
            answers.append(answer)
            return answer.status == 201

        wait_until(taken, f"a comment to be taken, {answers[-1:]}", 120)
        self.comments.append(answers[-1].json()["id"])

    def leave(self) -> None:
        """One of those who got mail leaves with the button of her mail program."""
        address = f"r{FOLLOWERS - 1 - len(self.left)}@example.org"
        if not self.sink.to(address):
            return
        url = self.sink.to(address)[-1]["List-Unsubscribe"].strip("<>")
        path = url.removeprefix(self.service.base)

        def acknowledged() -> bool:
            try:
                return self.service.request("POST", path, b"List-Unsubscribe=One-Click", FORM).status == 200
            except OSError:
                return False

        wait_until(acknowledged, "leaving to be acknowledged", 120)
        self.left[address] = time.time()

    def deliveries(self) -> list[tuple[str, str, str, str]]:
        """Address, cause, status and token of each."""
        sql = "SELECT address, cause_key, status, token::text FROM sharing_delivery ORDER BY id"
        return list(self._rows(sql))

    def work_off(self) -> None:
        """Let everything settle, as if the pauses were over and the leases of the dead had ended."""
        self.sink.calm = True

        def settled() -> bool:
            counts = Counter(status for _, _, status, _ in self.deliveries())
            unplanned = self._rows("SELECT id FROM sharing_notification WHERE fanned_out_at IS NULL")
            if not unplanned and not counts["queued"] + counts["awaiting_retry"] + counts["sending"]:
                return True
            self._run("UPDATE sharing_delivery SET next_attempt_at = now() WHERE status = 'awaiting_retry'")
            if not counts["queued"] + counts["awaiting_retry"]:
                # Nothing else is left, and it has not moved for long: these are the leases of the dead.
                time.sleep(10)
                self._run("UPDATE sharing_delivery SET lease_until = now() WHERE status = 'sending'")
            self.ring()
            time.sleep(0.5)
            return False

        wait_until(settled, "all mail to be settled", 900)

    def _rows(self, sql: str) -> list[Any]:
        with psycopg.connect(self.record.database_url, autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    def _run(self, sql: str) -> None:
        with psycopg.connect(self.record.database_url, autocommit=True) as connection:
            connection.execute(sql)

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


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Drill]:
    draw = random.Random(DRILL_SEED)
    sink = MoodySink(random.Random(DRILL_SEED))
    sink.start()
    service = LiveService(tmp_path / "data", environment={"RATE_LIMITS": "off", "EMAIL_URL": sink.url})
    try:
        service.start()
        prepared = service.manage("shell", "--verbosity", "0", "-c", PREPARE)
        yield Drill(service, sink, json.loads(prepared.stdout.splitlines()[-1]), draw)
    finally:
        if service.process is not None and service.process.poll() is None:
            service.stop()
        sink.stop()
        clean_up_after(service.data_dir)


def test_nothing_is_missing_and_nobody_is_mailed_who_left(drill: Drill, drill_scale: float) -> None:
    kills = int(KILLS * drill_scale)
    comments, restarts = int(DELIVERIES / FOLLOWERS * drill_scale), max(1, int(RESTARTS * drill_scale))
    broken = 0
    while drill.kills < kills:
        time.sleep(drill.draw.uniform(0, 0.5))
        drill.kill_someone()
        drill.forget_broker()
        drill.ring()
        done = (drill.kills + 1) / kills
        if len(drill.comments) < comments * done:
            drill.post()
        if len(drill.left) < LEAVERS * done:
            drill.leave()
        if broken + 0.5 < restarts * done:
            broken += drill.break_database()
    drill.work_off()
    expect_what_was_promised(drill)


def expect_what_was_promised(drill: Drill) -> None:
    rows = drill.deliveries()
    notices = {(address, cause): (status, token) for address, cause, status, token in rows if address.isascii()}
    poisoned = [status for address, _, status, _ in rows if not address.isascii()]
    assert len(notices) == len(rows) - len(poisoned), "a delivery is there twice"
    assert poisoned == ["failed"] * POISONED * len(drill.comments)
    got = Counter(str(received.message["Message-ID"]) for received in drill.sink.messages)
    planned = Counter(address for address, _ in notices)
    for number in range(FOLLOWERS):
        address = f"r{number}@example.org"
        if address not in drill.left:
            assert planned[address] == len(drill.comments), f"{address} was not told of everything"
    for (address, cause), (status, token) in notices.items():
        times = sum(count for written, count in got.items() if token in written)
        if address == REFUSED:
            assert (status, times) == ("failed", 0), (address, cause)
        elif address in drill.left:
            assert status in {"sent", "skipped"}, (address, cause, status)
        else:
            assert status == "sent" and times >= 1, (address, cause, status, times)
    twice = sum(count - 1 for count in got.values())
    # A database that ends interrupts a settling as well; there is one sender for each of two queues.
    assert twice <= drill.kills + 2 * drill.restarts + drill.sink.lost, "more came twice than was interrupted"
    late = [(when, who) for when, who in drill.sink.begun if who in drill.left and when > drill.left[who] + ON_ITS_WAY]
    assert not late, "somebody was mailed after she had left"
    print(
        f"{len(drill.comments)} comments, {len(notices)} notices, {drill.kills} kills, {drill.restarts} restarts, "
        f"{drill.sink.lost} answers lost: 0 missing, {twice} came twice, {len(drill.left)} left and 0 were mailed then"
    )
