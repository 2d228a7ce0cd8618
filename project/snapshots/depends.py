"""What is said of an answer so that a web process may keep it: which requests are equal, and what it hangs on.

A `Read` is declared beside its app's others (KEPT_READS in the settings); what else a client sends is not looked at.
The answer is then the same for everybody, and `Depends`, which its view hands back, says for how long.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from django.http import HttpRequest

SCOPE_KEY: Final = "afterword.ticket"


@dataclass(frozen=True)
class Depends:
    """An answer is good while these threads (article id: version) and this site (id, version) are as they were.

    `max_age` bounds it in seconds, for what no version tells. `exact` says that the answer repeats the addresses of the
    request as they were spelt, so that it is for nobody who spelt them otherwise.
    """

    articles: Mapping[int, int] = field(default_factory=dict)
    site: tuple[int, int] | None = None
    max_age: float | None = None
    exact: bool = False


@dataclass(frozen=True)
class Read:
    """A kind of answer: its address, as `django.urls.path` takes it, and the parameters that tell two of them apart.

    Parameters stand in the order of their one spelling. `addresses` are compared as canonical URLs; `lists` may come
    more than once and keep their order; `posted` names the members of the JSON object that may ask the same by POST, as
    (member, parameter). `has_version` is for a thread's page: readers may name a version with `at_least`.
    """

    route: str
    parameters: tuple[str, ...] = ()
    addresses: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    posted: tuple[tuple[str, str], ...] = ()
    has_version: bool = False


@dataclass
class Ticket:
    """Travels with the request of a web process to its Django, and comes back with what the view said.

    From a Django in a process of its own (project.slips) it brings the threads that the request moved as well, as
    (article id, version). `is_own` is a request that no reader has made, but the web process itself.
    """

    depends: Depends | None = None
    moved: list[tuple[int, int]] = field(default_factory=list)
    is_own: bool = False


# The ticket of the request that this thread works on, where Django has a process of its own.
at_work: ContextVar[Ticket | None] = ContextVar("at_work", default=None)


def hand_back(request: HttpRequest, depends: Depends) -> None:
    """Give what an answer hangs on to the web process that asked; without one (a test's client) do nothing."""
    if ticket := ticket_of(request):
        ticket.depends = depends


def ticket_of(request: HttpRequest) -> Ticket | None:
    """Return the ticket that travels with a request, None for one that came past every web process of ours."""
    carrier = getattr(request, "scope", None) or getattr(request, "environ", {})
    ticket = carrier.get(SCOPE_KEY)
    return ticket if isinstance(ticket, Ticket) else None
