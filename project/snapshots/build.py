"""Making what is missing: the request goes through this process's own Django, with its declared parameters only.

So nothing else that a client sent can get into an answer that others will be given.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from project.admission import Application
from project.asking import Relay, ask
from project.snapshots.depends import Depends, Ticket
from project.snapshots.requests import Key, Wanted
from project.snapshots.snapshot import Snapshot, gzipped, now
from project.snapshots.versions import Known, Versions

OK: Final = 200


@dataclass(frozen=True, slots=True)
class Built:
    """A new answer; one with `exact` is only for requests that have this key, addresses as they are spelt included."""

    snapshot: Snapshot
    exact: Key | None


async def build(application: Application, versions: Versions, wanted: Wanted) -> Built | Relay:
    """Ask Django and return what came of it, compressed."""
    began, ticket = now(), Ticket()
    answer = await ask(application, wanted.path, wanted.query, ticket)
    if answer.status != OK or ticket.depends is None:
        return answer
    depends = ticket.depends
    snapshot = Snapshot(
        answer.body,
        answer.headers,
        built_at=began,
        stamps=_stamps(versions, depends, began),
        max_age=depends.max_age,
    )
    if snapshot.is_worth_coding:
        loop = asyncio.get_running_loop()
        snapshot.add_gzip(await loop.run_in_executor(None, gzipped, answer.body))
    return Built(snapshot, wanted.exact if depends.exact else None)


def _stamps(versions: Versions, depends: Depends, read_at: float) -> list[tuple[Known, int]]:
    stamps = [(versions.known("article", number), version) for number, version in depends.articles.items()]
    if depends.site is not None:
        stamps.append((versions.known("site", depends.site[0]), depends.site[1]))
    for known, version in stamps:
        versions.note(known, version, read_at)
    return stamps
