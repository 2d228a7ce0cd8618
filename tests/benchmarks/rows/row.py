"""One row: who takes part, and what ours has to reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.goals import Goal
from tests.benchmarks.ground import Fetched, Ground, fetch
from tests.benchmarks.load import wrk
from tests.benchmarks.measure import Target

NEIGHBOURS = {"bare app": "nginx, file", "ours": "bare app"}
FRONTED = {"ours behind nginx": "nginx, file"}


@dataclass(frozen=True)
class Row:
    """`name` is for the command line, `title` for the table.

    `targets` makes those who take part from the ground that is laid; `beside` names for a target the neighbour whose
    share is shown; `rounds` at most are measured of a row whose turns are long.
    """

    name: str
    title: str
    targets: Callable[[Ground], Sequence[Target]]
    goals: Sequence[Goal] = ()
    beside: dict[str, str] = field(default_factory=dict)
    rounds: int | None = None


def reading(
    name: str,
    url: str,
    like: Fetched,
    *,
    headers: dict[str, str] | None = None,
    script: str = "",
    body: bytes | None = None,
    file: str = "",
) -> Target:
    """Return a target that must answer as `like` does: it is asked once now, and refused if it gives other bytes."""
    found = fetch(url, headers, body=body)
    if (found.status, found.body) != (like.status, like.body):
        raise RuntimeError(f"{name} answers {found.status} with {len(found.body)} bytes, not as the others do")
    return Target(name, wrk(url, headers=headers, script=script, arguments=[file] if file else ()))
