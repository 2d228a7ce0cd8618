"""What all lists of WordPress' REST API have in common: arguments, totals, and links to the pages beside."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import urlencode

from comments.selectors.wordpress import Span, Stretch
from comments.views.wordpress.arguments import FAR, Arguments
from comments.views.wordpress.door import Call, api_link

MOST_PER_PAGE: Final = 100
MOST_WORDS: Final = 200
PAGE: Final = re.compile(r"page(?:\[.*)?\Z", re.DOTALL)


def stretch_of(arguments: Arguments, orders: Collection[str], default: str) -> Stretch:
    """Return which part of a list is asked for, in which order; `offset` overrides `page`."""
    length = arguments.number("per_page", 10, 1, MOST_PER_PAGE)
    page = arguments.number("page", 1, 1)
    start = arguments.number("offset", (page - 1) * length, 0, FAR * MOST_PER_PAGE)
    order = arguments.choice("orderby", orders, default)
    if order == "include" and not arguments.numbers("include"):
        arguments.reasons["orderby"] = "You need to define an include parameter to order by include."
    ascending = arguments.choice("order", ("asc", "desc"), "desc") == "asc"
    return Stretch(order, ascending, start, length)


def narrowing_of(arguments: Arguments) -> dict[str, Any]:
    """Return what every list can be narrowed by, as `selectors.wordpress.Listing` takes it."""
    search = arguments.text("search").strip()
    if len(search) > MOST_WORDS:
        arguments.reasons["search"] = f"search must be at most {MOST_WORDS} characters long."
    return {
        "search": search[:MOST_WORDS],
        "after": arguments.moment("after"),
        "before": arguments.moment("before"),
        "ids": arguments.numbers("include"),
        "not_ids": arguments.numbers("exclude"),
    }


def paging_headers(call: Call, span: Span[Any], route: str, length: int) -> dict[str, str]:
    """Return totals, and the addresses of the pages before and behind with all other arguments kept."""
    page = call.arguments.number("page", 1, 1)
    pages = -(-span.total // length)
    links = [api_link(call.site)]
    if page > 1:
        links.append(f'<{_address(call, route, min(page - 1, max(pages, 1)))}>; rel="prev"')
    if page < pages:
        links.append(f'<{_address(call, route, page + 1)}>; rel="next"')
    return {"X-WP-Total": str(span.total), "X-WP-TotalPages": str(pages), "Link": ", ".join(links)}


def _address(call: Call, route: str, page: int) -> str:
    kept = [
        (name, value)
        for name, values in call.request.GET.lists()
        for value in values
        if not PAGE.match(name) and name != "rest_route"
    ]
    return f"{call.root}{route}?{urlencode([*kept, ('page', page)])}"
