"""Comments that are posted and kept: every answer is after a COMMIT that survives a power cut."""

from __future__ import annotations

import itertools
import random
import re
import subprocess
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from tests.benchmarks.cores import LOAD_CORE, SERVER_CORE, moved_to, on_cores
from tests.benchmarks.corpus import text
from tests.benchmarks.goals import Goal, Share
from tests.benchmarks.ground import Ground
from tests.benchmarks.load import wrk
from tests.benchmarks.measure import Sample, Target
from tests.benchmarks.rows.row import Row

# What remark42 gave as a share of bare INSERTs, both in one run (docs/performance.md), with 1 and with 8 clients.
REMARK = {1: 232 / 3_424, 8: 308 / 11_262}
# Bare INSERTs had both cores there, so they have them here.
BOTH = "bare INSERTs, both cores"
SAME = "bare INSERTs, same core"
INSERT = f"INSERT INTO bare_comment (article_id, author, body) VALUES (1, 'Reader', '{'x' * 300}');"
TABLE = """
    CREATE TABLE IF NOT EXISTS bare_comment (id bigserial PRIMARY KEY, article_id bigint NOT NULL,
        author text NOT NULL, body text NOT NULL, created_at timestamptz NOT NULL DEFAULT now())"""

_seeds = itertools.count(1)


def posts(clients: int) -> Callable[[Ground], list[Target]]:
    """Return what makes the targets: all layouts of ours, and a bare INSERT of as many bytes."""

    def targets(ground: Ground) -> list[Target]:
        texts = ground.folder / "texts.txt"
        chance = random.Random(7)
        texts.write_text("".join(text(chance).replace('"', "'") + "\n" for _ in range(2_000)), encoding="utf-8")
        article = str(ground.articles["elsewhere"])

        def post(base: str) -> Callable[[int], Sample]:
            arguments = lambda: [article, f"{random.random()}-{next(_seeds)}", str(texts)]  # noqa: E731
            return wrk(base, connections=clients, script="comments", arguments=arguments)

        with ground.connect() as connection:
            connection.execute(TABLE)
        return [
            Target(BOTH, lambda seconds: bare_inserts(ground, clients, seconds, both=True)),
            Target(SAME, lambda seconds: bare_inserts(ground, clients, seconds, both=False)),
            Target("ours", post(ground.ours.base)),
            Target("ours, Django alone", post(ground.wsgi().base)),
            Target("ours, one process", post(ground.single().base)),
        ]

    return targets


def bare_inserts(ground: Ground, clients: int, seconds: int, *, both: bool) -> Sample:
    """Insert with pgbench, prepared, one row a transaction; it runs on the other core."""
    script = ground.folder / "insert.sql"
    script.write_text(INSERT)
    url = urlsplit(ground.servers.database_url)
    command = [
        *(str(ground.servers.place.postgres / "pgbench"), "-n", "-M", "prepared", "-f", str(script)),
        *("-c", str(clients), "-j", "1", "-T", str(seconds), "-h", parse_qs(url.query)["host"][0]),
        *("-U", url.username or "", url.path.removeprefix("/")),
    ]
    cores = (SERVER_CORE, LOAD_CORE) if both else (SERVER_CORE,)
    postgres = ground.servers.children["postgres"].process.pid
    with moved_to([postgres], *cores), on_cores(*((SERVER_CORE, LOAD_CORE) if both else (LOAD_CORE,))):
        done = subprocess.run(
            command, env={**ground.environment, "PGPASSWORD": url.password or ""}, capture_output=True, text=True
        )
    if done.returncode != 0:
        raise RuntimeError(f"pgbench failed: {done.stderr}")
    rate = float(re.search(r"tps = ([\d.]+)", done.stdout)[1])  # type: ignore[index]
    mean = float(re.search(r"latency average = ([\d.]+)", done.stdout)[1])  # type: ignore[index]
    return Sample(rate, mean, float("nan"))


def _goals(clients: int, least: float) -> list[Goal]:
    return [
        Share("ours, Django alone", BOTH, least * REMARK[clients], f"{least:g} × remark42"),
        Share("ours", BOTH, 0.9 * REMARK[clients], "0.9 × remark42"),
    ]


NEIGHBOURS = {SAME: BOTH, "ours": BOTH, "ours, Django alone": BOTH, "ours, one process": BOTH}
ROWS = (
    Row("posts-1", "durable posts, 1 client", posts(1), _goals(1, 1.5), NEIGHBOURS),
    Row("posts-8", "durable posts, 8 clients", posts(8), _goals(8, 1.2), NEIGHBOURS),
)
