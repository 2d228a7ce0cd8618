"""Mail: planning for all followers of an article, and sending what is planned."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from tests.benchmarks.cores import LOAD_CORE, SERVER_CORE, moved_to, on_cores
from tests.benchmarks.goals import Memory, Share, Within
from tests.benchmarks.ground import SITE, Ground
from tests.benchmarks.mail_sink import MailSink
from tests.benchmarks.measure import Sample, Target
from tests.benchmarks.rows.row import Row
from tests.processes import ROOT

NOTHING = float("nan")
FOLLOWERS = """
    INSERT INTO sharing_follower (site_id, address, address_key, language, timezone, manage_nonce)
    SELECT s.id, 'reader' || n || '@example.org', md5(n::text), '', 'UTC', gen_random_uuid()
    FROM articles_site s, generate_series(1, %(number)s) n WHERE s.slug = %(site)s
    ON CONFLICT DO NOTHING"""
FOLLOWS = """
    INSERT INTO sharing_follow (site_id, follower_id, target_kind, target_key, article_id, frequency, status, request,
        confirmed_at)
    SELECT r.site_id, r.id, 'article', %(article)s::text, %(article)s, 'immediate', 'confirmed', 1,
        now() - interval '1 day'
    FROM (SELECT * FROM sharing_follower ORDER BY id LIMIT %(number)s) r
    ON CONFLICT DO NOTHING"""
NOTIFICATION = """
    INSERT INTO sharing_notification (site_id, kind, cause_key, article_id, comment_id)
    SELECT site_id, 'comment', 'comment:' || id, article_id, id FROM comments_comment
    WHERE article_id = %(article)s AND status = 'approved' ORDER BY id LIMIT 1
    RETURNING id"""
DUE_NOW = """
    UPDATE sharing_delivery SET next_attempt_at = now() WHERE id IN (
        SELECT id FROM sharing_delivery WHERE status = 'queued' ORDER BY id LIMIT %s)"""
# What one statement without pages, locks and checks would do.
BARE = """
    INSERT INTO sharing_delivery (site_id, kind, cause_key, channel, target_key, notification_id, follower_id,
        follow_ids, why, address, queue, status, token, last_error, expires_at)
    SELECT r.site_id, 'comment', 'comment:bare', 'email', r.address_key, %(notification)s, r.id, ARRAY[f.id], 'follow',
        r.address, 'mail', 'queued', gen_random_uuid(), '', now() + interval '1 day'
    FROM sharing_follow f JOIN sharing_follower r ON r.id = f.follower_id
    WHERE f.target_kind = 'article' AND f.target_key = %(article)s::text AND f.status = 'confirmed'"""


def plans(article: str, followers: int) -> Callable[[Ground], list[Target]]:
    """Return what makes the targets: a worker's planning, and one bare statement."""

    def targets(ground: Ground) -> list[Target]:
        _add_followers(ground, article, followers)
        return [
            Target("one bare INSERT", lambda _: _bare_plan(ground, article, followers)),
            Target("ours", lambda _: _plan(ground, article, followers)),
        ]

    return targets


def sends(article: str, followers: int, messages: int) -> Callable[[Ground], list[Target]]:
    """Return what makes the targets: a bare loop, and one and two processes of ours."""

    def targets(ground: Ground) -> list[Target]:
        sink = ground.mail_sink()
        _add_followers(ground, article, followers)
        _mailer(ground, "plan", str(_begin(ground, article)))
        with ground.connect() as connection:
            # The crowd among which those that are due have to be found.
            connection.execute("UPDATE sharing_delivery SET next_attempt_at = now() + interval '1 day'")
            connection.execute("VACUUM FULL ANALYZE sharing_delivery")

        def ours(processes: int) -> Callable[[int], Sample]:
            return lambda _: _send(ground, sink, messages, processes)

        def bare(_: int) -> Sample:
            return _sample(messages, *_mailers(ground, sink, [["bare", str(messages)]]))

        return [
            Target("bare smtplib loop", bare),
            Target("ours", ours(1)),
            Target("ours, two processes", ours(2)),
        ]

    return targets


def _add_followers(ground: Ground, article: str, number: int) -> None:
    given = {"article": ground.articles[article], "number": number, "site": SITE}
    with ground.connect() as connection:
        connection.execute(FOLLOWERS, given)
        connection.execute(FOLLOWS, given)
        connection.execute("ANALYZE sharing_follower, sharing_follow")


def _begin(ground: Ground, article: str) -> int:
    """Forget what was planned before; return a new notification about a comment of the article."""
    with ground.connect() as connection:
        connection.execute("TRUNCATE sharing_notification CASCADE")
        row = connection.execute(NOTIFICATION, {"article": ground.articles[article]}).fetchone()
        assert row is not None
        return int(str(row[0]))


def _bare_plan(ground: Ground, article: str, followers: int) -> Sample:
    notification = _begin(ground, article)
    with ground.connect() as connection:
        begin = time.perf_counter()
        connection.execute(BARE, {"article": ground.articles[article], "notification": notification})
        taken = time.perf_counter() - begin
    return Sample(followers / taken, taken * 1000, NOTHING, note=f"{followers:,} in {taken:.1f} s")


def _plan(ground: Ground, article: str, followers: int) -> Sample:
    notification = _begin(ground, article)
    found = _mailer(ground, "plan", str(notification))
    missing = followers - _count(ground, "queued")
    note = f"{followers:,} in {found['seconds']:.1f} s, {found['statements']:,.0f} statements"
    rate = followers / found["seconds"]
    return Sample(rate, found["seconds"] * 1000, NOTHING, missing, memory=found["memory"], note=note)


def _send(ground: Ground, sink: MailSink, messages: int, processes: int) -> Sample:
    with ground.connect() as connection:
        connection.execute(DUE_NOW, [messages])
    before, sent = sink.count(), _count(ground, "sent")
    taken, memory = _mailers(ground, sink, [["send"]] * processes)
    assert sink.count() - before == messages, "the mail server has not what was sent"
    return _sample(messages, taken, memory, messages - (_count(ground, "sent") - sent))


def _sample(messages: int, seconds: float, memory: float, missing: int = 0) -> Sample:
    return Sample(messages / seconds, 1000 * seconds / messages, NOTHING, missing, memory=memory)


def _count(ground: Ground, status: str) -> int:
    with ground.connect() as connection:
        row = connection.execute("SELECT count(*) FROM sharing_delivery WHERE status = %s", [status]).fetchone()
        return int(str(row[0])) if row else 0


def _mailer(ground: Ground, *arguments: str) -> dict[str, float]:
    with on_cores(SERVER_CORE):
        done = subprocess.run(_command(*arguments), cwd=ROOT, env=ground.environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"the mailer failed: {done.stderr}")
    return dict(json.loads(done.stdout))


def _mailers(ground: Ground, sink: MailSink, each: Sequence[list[str]]) -> tuple[float, float]:
    """Let processes send at once; return the seconds from the first beginning to the last end, and the most memory."""
    environment = {**ground.environment, "EMAIL_URL": f"smtp://127.0.0.1:{sink.port}"}
    postgres = ground.servers.children["postgres"].process.pid
    found = []
    # A sender, its database and the mail server wait for each other, so both cores are everybody's.
    with moved_to([postgres], SERVER_CORE, LOAD_CORE), on_cores(SERVER_CORE, LOAD_CORE):
        running = [
            subprocess.Popen(_command(*one), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            for one in each
        ]
        for process in running:
            output, _ = process.communicate(timeout=600)
            if process.returncode != 0:
                raise RuntimeError(f"the mailer ended with status {process.returncode}")
            found.append(json.loads(output))
    seconds = max(one["ended"] for one in found) - min(one["began"] for one in found)
    return seconds, max(one["memory"] for one in found)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.mailer", *arguments]


LOOP = "bare smtplib loop"
BARE_PLAN = {"ours": "one bare INSERT"}
SENDING = {"ours": LOOP, "ours, two processes": LOOP}
ROWS = (
    Row("plan", "plan for 100,000 followers", plans("hundred", 100_000), beside=BARE_PLAN),
    # Each turn of ours takes messages that wait: all rounds together need fewer than there are.
    Row(
        "send", "send 5,000 of 100,000 messages", sends("hundred", 100_000, 5_000), [Share("ours", LOOP, 0.3)], SENDING
    ),
    Row(
        "plan-million",
        "plan for 1,000,000 followers",
        plans("thousand", 1_000_000),
        [Within("ours", 60_000), Memory("ours", 150)],
        BARE_PLAN,
        rounds=3,
    ),
    Row(
        "send-million",
        "send 5,000 of 1,000,000 messages",
        sends("thousand", 1_000_000, 5_000),
        [Share("ours", LOOP, 0.3)],
        SENDING,
        rounds=3,
    ),
)
