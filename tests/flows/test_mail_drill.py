"""Mail through everything at once: a whole service whose parts are killed, and a mail server on a bad day.

What may happen is what docs/reliability.md says: no confirmed follower misses anything, a message comes twice only
where nobody heard that it was taken, and nothing goes to whoever has left.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from project.embedded.system import clean_up_after
from tests.conftest import DRILL_SEED
from tests.drills import Drill, MoodySink
from tests.processes import LiveService, wait_until

pytestmark = [pytest.mark.live, pytest.mark.drill, pytest.mark.timeout(3_600)]

KILLS, DELIVERIES, FOLLOWERS, RESTARTS = 500, 5_000, 50, 10
LEAVERS = 8
# Addresses that no message can be written to; they came in before addresses were looked at.
POISONED = 3
# Whose children are killed, and how often of ten times; a pool's child is one that works.
VICTIMS = ("mail",) * 6 + ("planner",) * 3 + ("confirm",)
QUEUES = ("mail", "confirm", "fanout")
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


@dataclass
class MailDrill(Drill):
    """What readers were told, and who of them has left."""

    article: int = 0
    comments: list[int] = field(default_factory=list)
    left: dict[str, float] = field(default_factory=dict)

    def post(self) -> None:
        """Post a comment until it is taken."""
        data = {"article": self.article, "body": f"Comment {len(self.comments)}.", "author": {"name": "Ada"}}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answer = self.insist("POST", "/api/v1/comments", data, key, 201)
        self.comments.append(answer.json()["id"])

    def leave(self) -> None:
        """One of those who got mail leaves with the button of her mail program."""
        address = f"r{FOLLOWERS - 1 - len(self.left)}@example.org"
        if not self.sink.to(address):
            return
        url = self.sink.to(address)[-1]["List-Unsubscribe"].strip("<>")
        path = url.removeprefix(self.service.base)
        self.insist("POST", path, b"List-Unsubscribe=One-Click", FORM, 200)
        self.left[address] = time.time()

    def deliveries(self) -> list[tuple[str, str, str, str]]:
        """Address, cause, status and token of each."""
        sql = "SELECT address, cause_key, status, token::text FROM sharing_delivery ORDER BY id"
        return list(self.rows(sql))

    def work_off(self) -> None:
        """Let everything settle, as if the pauses were over and the leases of the dead had ended."""
        self.sink.calm = True

        def settled() -> bool:
            counts = Counter(status for _, _, status, _ in self.deliveries())
            unplanned = self.rows("SELECT id FROM sharing_notification WHERE fanned_out_at IS NULL")
            if not unplanned and not counts["queued"] + counts["awaiting_retry"] + counts["sending"]:
                return True
            self.run("UPDATE sharing_delivery SET next_attempt_at = now() WHERE status = 'awaiting_retry'")
            if not counts["queued"] + counts["awaiting_retry"]:
                # Nothing else is left, and it has not moved for long: these are the leases of the dead.
                time.sleep(10)
                self.run("UPDATE sharing_delivery SET lease_until = now() WHERE status = 'sending'")
            self.ring_some(QUEUES)
            time.sleep(0.5)
            return False

        wait_until(settled, "all mail to be settled", 900)


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[MailDrill]:
    draw = random.Random(DRILL_SEED)
    sink = MoodySink(random.Random(DRILL_SEED))
    sink.refused.add(REFUSED)
    sink.start()
    service = LiveService(tmp_path / "data", environment={"RATE_LIMITS": "off", "EMAIL_URL": sink.url})
    try:
        service.start()
        prepared = service.manage("shell", "--verbosity", "0", "-c", PREPARE)
        yield MailDrill(service, sink, draw, article=json.loads(prepared.stdout.splitlines()[-1]))
    finally:
        if service.process is not None and service.process.poll() is None:
            service.stop()
        sink.stop()
        clean_up_after(service.data_dir)


def test_nothing_is_missing_and_nobody_is_mailed_who_left(drill: MailDrill, drill_scale: float) -> None:
    kills = int(KILLS * drill_scale)
    comments, restarts = int(DELIVERIES / FOLLOWERS * drill_scale), max(1, int(RESTARTS * drill_scale))
    broken = 0
    while drill.kills < kills:
        time.sleep(drill.draw.uniform(0, 0.5))
        drill.kill_one_of(VICTIMS)
        drill.forget_broker()
        drill.ring_some(QUEUES)
        done = (drill.kills + 1) / kills
        if len(drill.comments) < comments * done:
            drill.post()
        if len(drill.left) < LEAVERS * done:
            drill.leave()
        if broken + 0.5 < restarts * done:
            broken += drill.break_database()
    drill.work_off()
    expect_what_was_promised(drill)


def expect_what_was_promised(drill: MailDrill) -> None:
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
