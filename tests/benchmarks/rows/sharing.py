"""Shares that are counted, answers with their numbers, and what a slow webhook costs the others."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tests.benchmarks.cores import SERVER_CORE, on_cores
from tests.benchmarks.corpus import ORIGIN
from tests.benchmarks.goals import Share
from tests.benchmarks.ground import PAGES, Ground, fetch
from tests.benchmarks.load import wrk
from tests.benchmarks.measure import Sample, Target
from tests.benchmarks.rows.row import Row
from tests.benchmarks.rows.writing import BOTH, SAME, TABLE, bare_inserts
from tests.channel_server import HOOK, OTHER_HOOK
from tests.processes import ROOT, wait_until

CLIENTS = 8
NOTICES, SITES = 10_000, 100
SLOW_SITES, SLOW_NOTICES = 20, 100
GENEROUS = 900.0

NOTE = """
    INSERT INTO sharing_notification (site_id, kind, cause_key, article_id, fanned_out_at)
    SELECT a.site_id, 'article', 'bench:' || a.id || ':' || n, a.id, now()
    FROM sharing_channel c JOIN articles_article a ON a.site_id = c.site_id, generate_series(1, %(each)s) n
    WHERE c.name = %(name)s"""
PLAN = """
    INSERT INTO sharing_delivery (site_id, kind, cause_key, channel, target_key, site_channel_id, notification_id,
        follow_ids, why, address, queue, status, token, last_error)
    SELECT n.site_id, 'post', n.cause_key, c.kind, c.id::text, c.id, n.id, '{}', 'follow', '', 'channels', 'queued',
        gen_random_uuid(), ''
    FROM sharing_notification n JOIN sharing_channel c ON c.site_id = n.site_id"""
# As if nobody had been spoken to before.
FRESH = """
    UPDATE sharing_channel
    SET busy_until = NULL, next_at = now(), is_slow = false, failures = 0, failing_since = NULL"""
OF_OTHERS = "FROM sharing_delivery d JOIN sharing_channel c ON c.id = d.site_channel_id WHERE c.name = %(name)s"
LEFT = f"SELECT count(*) {OF_OTHERS} AND d.status <> 'sent'"
DELAYS = f"""
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY d.settled_at - d.created_at),
        percentile_cont(0.99) WITHIN GROUP (ORDER BY d.settled_at - d.created_at),
        max(d.settled_at - d.created_at), max(d.attempts) {OF_OTHERS}"""

_seeds = itertools.count(1)


def shares(keys: Sequence[str]) -> Callable[[Ground], list[Target]]:
    """Return what makes the targets: redirects that count each another visitor, and a bare INSERT a COMMIT."""

    def targets(ground: Ground) -> list[Target]:
        ids = ground.folder / f"shared-{len(keys)}.txt"
        ids.write_text("".join(f"{ground.articles[key]}\n" for key in keys))
        with ground.connect() as connection:
            connection.execute(TABLE)

        def press(base: str) -> Callable[[int], Sample]:
            arguments = lambda: [f"{random.randrange(10**6)}{next(_seeds)}", str(ids)]  # noqa: E731
            return _counted(ground, wrk(base, connections=CLIENTS, script="visitors", arguments=arguments))

        return [
            Target(BOTH, lambda seconds: bare_inserts(ground, CLIENTS, seconds, both=True)),
            Target(SAME, lambda seconds: bare_inserts(ground, CLIENTS, seconds, both=False)),
            Target("ours", press(ground.ours.base)),
            Target("ours, Django alone", press(ground.wsgi().base)),
        ]

    return targets


def _counted(ground: Ground, measure: Callable[[int], Sample]) -> Callable[[int], Sample]:
    """Take an answer for an error where no share was written for it."""

    def counted(seconds: int) -> Sample:
        before = _number(ground, "SELECT count(*) FROM sharing_share")
        found = measure(seconds)
        written = _number(ground, "SELECT count(*) FROM sharing_share") - before
        return replace(found, errors=found.errors + max(0, int(found.rate * seconds * 0.9) - written))

    return counted


def numbers(ground: Ground) -> list[Target]:
    """Return the targets: a thread's page, its buttons, and Shariff's numbers, all asked before."""
    fetch(f"{ground.ours.base}/s/facebook/{ground.articles['hundred']}", {"User-Agent": "Mozilla/5.0 (X11) Firefox"})
    page = f"{ORIGIN}/hundred"
    where = {
        "thread page": ground.page("hundred"),
        "share-links": f"/api/v1/articles/{ground.articles['hundred']}/share-links",
        "Shariff": f"/shariff?url={page}",
    }
    for path in where.values():
        if (answer := fetch(ground.ours.base + path)).status != 200 or answer.body in {b"{}", b"null"}:
            raise RuntimeError(f"{path} is {answer.status} with {answer.body[:100]!r}")
    return [Target(name, wrk(ground.ours.base + path)) for name, path in where.items()]


def posts(ground: Ground) -> list[Target]:
    """Return the targets: notices of many sites, alone and with sites whose webhooks are slow."""
    _poster(ground, "prepare", str(SITES), str(SLOW_SITES))
    note = f"beside {SLOW_SITES} sites with {SLOW_NOTICES} for a slow one each"
    return [
        Target("alone", lambda _: _post(ground, slow=0)),
        Target("beside slow webhooks", lambda _: replace(_post(ground, slow=SLOW_NOTICES), note=note)),
    ]


def _post(ground: Ground, *, slow: int) -> Sample:
    """Let one worker say everything that is due; times are from planned to settled, of the sites that are not slow."""
    with ground.connect() as connection:
        connection.execute("TRUNCATE sharing_notification CASCADE")
        connection.execute(FRESH)
        connection.execute(NOTE, {"name": HOOK, "each": NOTICES // SITES})
        connection.execute(NOTE, {"name": OTHER_HOOK, "each": slow})
        connection.execute(PLAN)
        connection.execute("ANALYZE sharing_notification, sharing_delivery")
        connection.execute("UPDATE sharing_delivery SET created_at = clock_timestamp()")
    with _sending(ground):
        wait_until(lambda: not _number(ground, LEFT, HOOK), "the notices of the others", GENEROUS)
    with ground.connect() as connection:
        row = connection.execute(DELAYS.encode(), {"name": HOOK}).fetchone()
    assert row is not None
    half, most, whole = (float(str(part.total_seconds())) for part in row[:3])  # type: ignore[attr-defined]
    return Sample(NOTICES / whole, half * 1000, most * 1000, errors=int(str(row[3])) - 1)


@contextmanager
def _sending(ground: Ground) -> Iterator[None]:
    with on_cores(SERVER_CORE):
        process = subprocess.Popen(_command("send"), cwd=ROOT, env={**ground.environment, **ground.webhook_sink().seam})
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _poster(ground: Ground, *arguments: str) -> None:
    environment = {**ground.environment, **ground.webhook_sink().seam}
    done = subprocess.run(_command(*arguments), cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"the poster failed: {done.stderr}")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.poster", *arguments]


def _number(ground: Ground, sql: str, name: str = "") -> int:
    with ground.connect() as connection:
        row = connection.execute(sql.encode(), {"name": name}).fetchone()
    return int(str(row[0])) if row else 0


BESIDE = {SAME: BOTH, "ours": BOTH, "ours, Django alone": BOTH}
PAGE = "thread page"
ROWS = (
    Row("shares", f"shares of one article, {CLIENTS} clients", shares(["hundred"]), beside=BESIDE),
    Row(
        "shares-spread",
        f"shares of {PAGES:,} articles, {CLIENTS} clients",
        shares([f"page-{number}" for number in range(PAGES)]),
        beside=BESIDE,
    ),
    Row(
        "share-numbers",
        "numbers of shares, kept",
        numbers,
        [Share("share-links", PAGE, 0.9), Share("Shariff", PAGE, 0.9)],
        {"share-links": PAGE, "Shariff": PAGE},
    ),
    Row(
        "post-slow",
        f"say {NOTICES:,} notices of {SITES} sites",
        posts,
        [Share("beside slow webhooks", "alone", 0.8)],
        {"beside slow webhooks": "alone"},
        rounds=1,
    ),
)
