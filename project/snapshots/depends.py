"""What a view says about its answer, so that a web process may keep it: which requests are equal, and what it hangs on.

A view declares the parameters of its query with `@keepable`; what else a client sends is not looked at. The answer is
then the same for everybody, and `Depends` says for how long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """Travels with the request of a web process to its own Django, and comes back with what the view said."""

    depends: Depends | None = None


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
    """Give what an answer hangs on to the web process that asked; without one (WSGI, a test's client) do nothing."""
    ticket = getattr(request, "scope", {}).get(SCOPE_KEY)
    if isinstance(ticket, Ticket):
        ticket.depends = depends
