"""Shares through everything at once: hourly notices and milestones, to authors, webhooks and networks.

Visitors share by the public API while workers are killed, the broker forgets and every task is rung twice at once. An
hour is over when time is shifted: whatever is known of shares and their notices becomes an hour older in one
transaction.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from project.embedded.system import clean_up_after
from tests.channel_server import HOOK, SLACK, Asked, ChannelServer, Say, networks_on_loopback
from tests.conftest import DRILL_SEED
from tests.drills import Drill, MoodySink
from tests.processes import ROOT, LiveService, wait_until

pytestmark = [pytest.mark.live, pytest.mark.drill, pytest.mark.timeout(3_600)]

HOURS, SHARES, KILLS = 20, 2_400, 200
LEAST_HOURS = 3
PARTS = 2
# How much more than another an article is shared, so that they reach their numbers in different hours.
WEIGHTS = (20, 4, 1)
NETWORKS = ("facebook", "reddit", "telegram")
AT_ONCE = 8
VICTIMS = ("mail",) * 4 + ("planner",) * 4 + ("channels",) * 2
QUEUES = ("mail", "fanout", "channels")
RUNG_BY_BEAT = ("sharing.tasks.sweep", "sharing.tasks.fan_out", "sharing.tasks.plan_digests", "sharing.tasks.prune")
LEASE_OF_THE_DEAD = "30 seconds"
CHAT = f"https://{SLACK}/services/T0/B0/secretsecretsecret"
UNSETTLED = {"queued", "awaiting_retry", "sending"}

PREPARE = f"""
import json
from sharing.services.channels import add_channel
from tests.factories import make_article, make_site
site = make_site("press", votes_per_network=0)
articles = [make_article(site, author_email=f"a{{n}}@example.org").pk for n in range({len(WEIGHTS)})]
events = ["shares.hourly", "shares.milestone"]
add_channel(site, "webhook", "hook", settings={{"url": "https://{HOOK}/in"}}, events=events)
add_channel(site, "slack", "chat", settings={{}}, secret="{CHAT}", events=events)
print(json.dumps(articles))
"""
# Nobody shares meanwhile, so that a share and its notice are of one hour.
AN_HOUR_LATER = """
    LOCK TABLE sharing_share IN SHARE MODE;
    UPDATE sharing_share SET created_at = created_at - interval '1 hour';
    UPDATE sharing_notification SET due_at = due_at - interval '1 hour',
        cause_key = cause_key || CASE WHEN position('#' IN cause_key) = 0 THEN '#{hour}' ELSE '' END
    WHERE kind = 'shares';
"""
# As if the pauses were over, and the leases of the dead.
HASTEN = f"""
    UPDATE sharing_delivery SET next_attempt_at = now()
    WHERE status = 'awaiting_retry' AND next_attempt_at > now() + interval '5 seconds';
    UPDATE sharing_delivery SET lease_until = now()
    WHERE status = 'sending' AND lease_until < now() + interval '5 minutes' - interval '{LEASE_OF_THE_DEAD}';
    UPDATE sharing_channel SET next_at = now(), busy_until = NULL WHERE NOT EXISTS (
        SELECT FROM sharing_delivery d WHERE d.site_channel_id = sharing_channel.id AND d.status = 'sending');
"""
PLANNED = """
    SELECT n.article_id, n.kind, n.cause_key, d.channel, d.status, replace(d.token::text, '-', '')
    FROM sharing_delivery d JOIN sharing_notification n ON n.id = d.notification_id ORDER BY d.id
"""
RAW = "SELECT article_id, network, count(*) FROM sharing_share GROUP BY 1, 2"
COUNTED = "SELECT article_id, network, count FROM sharing_sharecount WHERE count > 0"


class MoodyNetworks:
    """They are busy, or take what is said and hang up; `lost` counts the latter, `taken` is what they took."""

    def __init__(self, networks: ChannelServer, draw: random.Random) -> None:
        self.calm = False
        self.lost = 0
        self.taken: list[Asked] = []
        self._draw, self._usual = draw, networks.answer
        networks.answer = self.answer  # type: ignore[method-assign]

    def answer(self, asked: Asked) -> Say:
        mood = 1.0 if self.calm else self._draw.random()
        if mood < 0.05:
            return Say(503)
        said = self._usual(asked)
        self.taken.append(asked)
        if mood < 0.1:
            self.lost += 1
            return Say(lose=True)
        return said


@dataclass
class ShareDrill(Drill):
    """`shared` is what visitors were told was counted; `hours` in how many of them an article was shared;
    `milestones` what its author has to be told."""

    networks: MoodyNetworks = field(kw_only=True)
    articles: list[int] = field(default_factory=list)
    shared: Counter[tuple[int, str]] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    milestones: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    visitors: int = 0

    def share(self, number: int) -> None:
        """So many visitors press a button, several at once; each of them twice."""
        presses = []
        for _ in range(number):
            self.visitors += 1
            (article,) = self.draw.choices(self.articles, WEIGHTS)
            presses.append((article, self.draw.choice(NETWORKS), f"Mozilla/5.0 (X11; rv:{self.visitors}.0) Firefox"))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._press, presses * 2))
        self.shared.update((article, network) for article, network, _ in presses)

    def end_hour(self, hour: int, before: Counter[int]) -> None:
        """Let an hour pass, and wait until whoever has to be told of it is written down; `before` are the totals at
        its beginning."""
        totals = self.totals()
        for article, total in totals.items():
            self.hours[article] += total > before[article]
            if (reached := _milestone_of(total)) > max(self.milestones[article], default=1):
                self.milestones[article].append(reached)
        self.run(AN_HOUR_LATER.format(hour=hour))

        def planned() -> bool:
            self.disturb()
            due = "SELECT id FROM sharing_notification WHERE fanned_out_at IS NULL AND due_at <= now()"
            return not self.rows(due)

        wait_until(planned, "the hour's notices to be planned", 300)

    def totals(self) -> Counter[int]:
        """How often each article was shared."""
        totals: Counter[int] = Counter()
        for (article, _), count in self.shared.items():
            totals[article] += count
        return totals

    def disturb(self) -> None:
        time.sleep(self.draw.uniform(0, 0.4))
        self.kill_one_of(VICTIMS)
        self.forget_broker()
        self.ring_twice()

    def ring_twice(self) -> None:
        """Two beats at one moment, and tasks that nobody asked for."""
        self.ring([name for name in RUNG_BY_BEAT for _ in range(2)])
        self.ring_some(QUEUES)

    def work_off(self) -> None:
        self.sink.calm = self.networks.calm = True

        def settled() -> bool:
            unsettled = [
                status for *_, status, _ in self.planned() if status in {"queued", "awaiting_retry", "sending"}
            ]
            if unsettled:
                self.run(HASTEN)
                self.ring_twice()
                time.sleep(0.5)
            return not unsettled

        wait_until(settled, "everybody to be told", 900)

    def planned(self) -> list[Any]:
        """Article, kind, cause, channel, status and token of each message."""
        return self.rows(PLANNED)

    def _press(self, press: tuple[int, str, str]) -> None:
        article, network, browser = press
        self.insist("POST", "/api/v1/shares", {"article": article, "network": network}, {"User-Agent": browser}, 201)


def _milestone_of(total: int) -> int:
    return max((10**power for power in range(1, 7) if 10**power <= total), default=1)


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[ShareDrill]:
    sink = MoodySink(random.Random(DRILL_SEED))
    sink.start()
    with networks_on_loopback(tmp_path) as networks:
        (tmp_path / "seam").mkdir()
        seam = f"from project.http import stands_for\nstands_for.update({networks.names!r})\n"
        (tmp_path / "seam" / "sitecustomize.py").write_text(seam)
        own = {"PYTHONPATH": f"{tmp_path / 'seam'}:{ROOT}", "SSL_CERT_FILE": str(networks.authority)}
        own |= {"RATE_LIMITS": "off", "EMAIL_URL": sink.url}
        service = LiveService(tmp_path / "data", environment=own)
        moody = MoodyNetworks(networks, random.Random(DRILL_SEED))
        try:
            service.start()
            prepared = service.manage("shell", "--verbosity", "0", "-c", PREPARE)
            articles = json.loads(prepared.stdout.splitlines()[-1])
            yield ShareDrill(service, sink, random.Random(DRILL_SEED), networks=moody, articles=articles)
        finally:
            if service.process is not None and service.process.poll() is None:
                service.stop()
            sink.stop()
            clean_up_after(service.data_dir)


def test_each_number_is_told_once_and_every_share_is_counted(drill: ShareDrill, drill_scale: float) -> None:
    hours, kills = max(LEAST_HOURS, int(HOURS * drill_scale)), int(KILLS * drill_scale)
    began = _clock_hour()
    for hour in range(hours):
        before = drill.totals()
        for _ in range(PARTS):
            drill.share(int(SHARES * drill_scale / hours / PARTS))
            drill.disturb()
        drill.end_hour(hour, before)
        while drill.kills < kills * (hour + 1) / hours:
            drill.disturb()
    drill.work_off()
    expect_exact_counts(drill)
    # An hour of the clock that ends meanwhile tells of its own.
    expect_what_was_promised(drill, turned=_clock_hour() - began)


def expect_exact_counts(drill: ShareDrill) -> None:
    expected = {(article, network, count) for (article, network), count in drill.shared.items()}
    assert set(drill.rows(RAW)) == set(drill.rows(COUNTED)) == expected
    assert drill.service.manage("rebuild_share_counts").stdout.startswith("0 ")
    assert set(drill.rows(COUNTED)) == expected


def expect_what_was_promised(drill: ShareDrill, *, turned: int) -> None:
    rows = drill.planned()
    got = Counter(_token(str(received.message["Message-ID"])) for received in drill.sink.messages)
    hooked: dict[str, list[Any]] = defaultdict(list)
    for asked in drill.networks.taken:
        if asked.host == HOOK:
            hooked[_token(asked.headers["webhook-id"])].append(asked.json())
    assert set(hooked) == {row[-1] for row in rows if row[3] == "webhook"}
    assert set(got) == {row[-1] for row in rows if row[3] == "email"}
    for article, total in drill.totals().items():
        for channel in ("email", "webhook", "slack"):
            mine = [row[1:] for row in rows if row[0] == article and row[3] == channel]
            hourly = sum(kind == "shares" for kind, *_ in mine)
            assert drill.hours[article] <= hourly <= drill.hours[article] + turned, (article, channel)
            reached = [int(cause.rpartition(":")[2]) for kind, cause, *_ in mine if kind == "milestone"]
            assert len(reached) == len(set(reached)) and reached == sorted(reached), (article, channel, reached)
            assert set(drill.milestones[article]) <= set(reached), (article, channel, reached)
            assert turned or drill.milestones[article] == reached, (article, channel, reached)
            assert {row[3] for row in mine} <= ({"sent", "unknown"} if channel == "slack" else {"sent"})
        told = [said[-1]["data"] for said in hooked.values() if said[-1]["data"]["article"]["id"] == article]
        assert sum(data.get("total", 0) for data in told) == total, "the hours are not all the shares"
    said = sum(asked.host == SLACK for asked in drill.networks.taken)
    slack = Counter(row[4] for row in rows if row[3] == "slack")
    assert slack["sent"] <= said <= slack["sent"] + slack["unknown"], "a chat was told twice, or not at all"
    twice = sum(got.values()) - len(got)
    hooked_twice = sum(map(len, hooked.values())) - len(hooked)
    assert twice <= drill.kills + drill.sink.lost and hooked_twice <= drill.kills + drill.networks.lost
    print(
        f"{drill.visitors} visitors, {drill.kills} kills, {len(got)} mails, {len(hooked)} webhooks, {said} of "
        f"{sum(slack.values())} to a chat: 0 missing; {twice} mails and {hooked_twice} webhooks came twice, "
        f"{slack['unknown']} to the chat unknown; {drill.sink.lost} and {drill.networks.lost} answers lost"
    )


def _token(name: str) -> str:
    """The token in a Message-ID or webhook-id, which write it with and without dashes."""
    found = re.search(r"[0-9a-f]{32}", name.replace("-", ""))
    assert found, name
    return found[0]


def _clock_hour() -> int:
    return int(time.time()) // 3_600
