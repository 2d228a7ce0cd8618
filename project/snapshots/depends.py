"""What a view says about its answer, so that a web process may keep it: which requests are equal, and what it hangs on.

A view declares the parameters of its query with `@keepable`; what else a client sends is not looked at. The answer is
then the same for everybody, and `Depends` says for how long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from django.http import HttpRequest

SCOPE_KEY: Final = "afterword.ticket"

View = TypeVar("View", bound=Callable[..., Any])


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
class Declared:
    """The parameters that tell answers of one view apart, in the order of their one spelling.

    `addresses` are compared as canonical URLs; `lists` may come more than once and keep their order; `posted` names
    the members of the JSON object that may ask the same by POST, as (member, parameter).
    """

    parameters: tuple[str, ...]
    addresses: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    has_version: bool = False
    posted: tuple[tuple[str, str], ...] = ()


@dataclass
class Ticket:
    """Travels with the request of a web process to its Django, and comes back with what the view said.

    From a Django in a process of its own (project.slips) it brings the threads that the request moved as well, as
    (article id, version).
    """

    depends: Depends | None = None
    moved: list[tuple[int, int]] = field(default_factory=list)


# The ticket of the request that this thread works on, where Django has a process of its own.
at_work: ContextVar[Ticket | None] = ContextVar("at_work", default=None)


def keepable(
    *parameters: str,
    addresses: tuple[str, ...] = (),
    lists: tuple[str, ...] = (),
    has_version: bool = False,
    posted: tuple[tuple[str, str], ...] = (),
) -> Callable[[View], View]:
    """Declare that answers to GET differ by the path and these parameters alone.

    `has_version` is for a thread's page: readers may name a version with `at_least`. Put it above every other
    decorator.
    """
    declared = Declared(parameters, frozenset(addresses), frozenset(lists), has_version, posted)

    def decorate(view: View) -> View:
        view.declared = declared  # type: ignore[attr-defined]
        return view

    return decorate


def hand_back(request: HttpRequest, depends: Depends) -> None:
    """Give what an answer hangs on to the web process that asked; without one (a test's client) do nothing."""
    carrier = getattr(request, "scope", None) or getattr(request, "environ", {})
    ticket = carrier.get(SCOPE_KEY)
    if isinstance(ticket, Ticket):
        ticket.depends = depends
