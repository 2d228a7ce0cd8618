"""Answers that are kept: pages of several sizes, counts, 304, and a mix too large to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.benchmarks.goals import Share
from tests.benchmarks.ground import PAGES, Ground, fetch
from tests.benchmarks.load import wrk
from tests.benchmarks.measure import Target
from tests.benchmarks.rows.row import FRONTED, NEIGHBOURS, Row, reading

# What remark42 gave as a share of nginx, both in one run on a machine like this one (docs/performance.md).
REMARK_THOUSAND = 2_218 / 24_039
REMARK_COUNTS = 5_272 / 70_190
# MiB for kept answers where 1,000 threads are read: about a quarter of what they take.
SMALL_STORE = 4


def shown(exhibit: str, *, fronted: bool = False) -> Callable[[Ground], Sequence[Target]]:
    """Return what makes the servers of one answer: nginx, bare, ours, and with `fronted` nginx in front of ours."""

    def targets(ground: Ground) -> list[Target]:
        found = ground.exhibits[exhibit]
        where = {
            "nginx, file": f"{ground.nginx.files_base}/{exhibit}",
            "bare app": f"{ground.bare().base}/{exhibit}",
            "ours": ground.ours.base + found.path,
            **({"ours behind nginx": ground.nginx.proxy_base + found.path} if fronted else {}),
        }
        return [reading(name, url, found.answer, headers=found.headers) for name, url in where.items()]

    return targets


def unchanged(ground: Ground) -> list[Target]:
    found = ground.exhibits["unchanged"]
    return [
        reading("bare app", f"{ground.bare().base}/unchanged", found.answer, headers=found.headers),
        reading("ours", ground.ours.base + found.path, found.answer, headers=found.headers),
    ]


def posted_counts(ground: Ground) -> list[Target]:
    file = ground.folder / "counts.body"
    found = ground.exhibits["counts-posted"]
    where = {
        "nginx, file": f"{ground.nginx.files_base}/counts-posted",
        "bare app": f"{ground.bare().base}/counts-posted",
        "ours": ground.ours.base + found.path,
    }
    return [
        reading(name, url, found.answer, headers=found.headers, body=file.read_bytes(), script="posted", file=str(file))
        for name, url in where.items()
    ]


def mixed(ground: Ground) -> list[Target]:
    ids = ground.folder / "ids.txt"
    ids.write_text("".join(f"{ground.articles[f'page-{number}']}\n" for number in range(PAGES)))
    small = ground.asgi("ours, small store", SNAPSHOT_MEMORY=str(SMALL_STORE))
    path = "/api/v1/thread?article="
    for web in (ground.ours, small):
        for number in range(PAGES):
            fetch(f"{web.base}{path}{ground.articles[f'page-{number}']}")
    return [
        Target("ours, all kept", wrk(ground.ours.base, script="zipf", arguments=[path, str(ids)])),
        Target("ours, a quarter kept", wrk(small.base, script="zipf", arguments=[path, str(ids)])),
    ]


ROWS = (
    Row(
        "hundred",
        "page of 100 comments",
        shown("hundred", fronted=True),
        [Share("ours", "bare app", 0.9), Share("ours behind nginx", "nginx, file", 0.9)],
        NEIGHBOURS | FRONTED,
    ),
    Row(
        "hundred-gzip",
        "page of 100 comments, gzip",
        shown("hundred-gzip", fronted=True),
        [Share("ours", "bare app", 0.9), Share("ours behind nginx", "nginx, file", 0.9)],
        NEIGHBOURS | FRONTED,
    ),
    Row(
        "thousand-gzip",
        "page of 1,000 comments, gzip",
        shown("thousand-gzip"),
        [Share("ours", "nginx, file", 3 * REMARK_THOUSAND, "3 × remark42")],
        NEIGHBOURS | {"ours": "nginx, file"},
    ),
    Row(
        "long",
        "first page of 20,000 comments",
        shown("long"),
        [Share("ours", "bare app", 0.9)],
        NEIGHBOURS,
    ),
    Row(
        "counts",
        "counts of 50 pages, GET",
        shown("counts"),
        [Share("ours", "nginx, file", 2.5 * REMARK_COUNTS, "2.5 × remark42")],
        NEIGHBOURS | {"ours": "nginx, file"},
    ),
    Row(
        "counts-posted",
        "counts of 50 pages, POST",
        posted_counts,
        [Share("ours", "nginx, file", 2.5 * REMARK_COUNTS, "2.5 × remark42")],
        NEIGHBOURS | {"ours": "nginx, file"},
    ),
    Row("unchanged", "304", unchanged, [Share("ours", "bare app", 0.9)], {"ours": "bare app"}),
    Row(
        "mixed",
        "1,000 threads by Zipf's law",
        mixed,
        beside={"ours, a quarter kept": "ours, all kept"},
    ),
)
