"""The roots of a thread, page by page: by time, or in a ranked order that stays what it was at its first page.

By time a page goes on behind the last root of the one before, for times never change. A ranked page goes on in the
order that its first page was read from; behind the end of that order come all roots that are not in it, the newest
first. What has been hidden since is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import Any, Final

from articles.models import Site
from comments.selectors.branches import Listing, Position, pack, position_of, unpack, with_branches
from comments.selectors.orders import RANKED, Order, RootList, roots_of
from comments.selectors.rows import CommentRow
from project import cursors
from project.tokens import MAX_ID

PINNED: Final = 5

# Pinned roots take places of the first page; its cursor names them, so that the later pages leave out just these. The
# two are different statements, for each is prepared: one plan for whatever parameters come.
_PINNED: Final = """
    pinned AS MATERIALIZED (
        SELECT c.id, row_number() OVER (ORDER BY c.pinned_at DESC, c.id DESC) AS place
        FROM comments_comment AS c
        WHERE {roots} AND c.status = 'approved' AND c.pinned_at IS NOT NULL
        ORDER BY place LIMIT least({number}, %(limit)s)
    )"""

_NOT_AHEAD_FIRST: Final = "c.id <> ALL(ARRAY(SELECT id FROM pinned))"
_NOT_AHEAD_LATER: Final = "c.id <> ALL(%(pinned)s::bigint[])"

_POSITION: Final = "(%(created_at)s::timestamptz, %(id)s::bigint)"

_BY_TIME: Final = f"""
    ordinary (id, place) AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY created_at {{order}}, id {{order}})
        FROM (
            SELECT c.id, c.created_at FROM comments_comment AS c
            WHERE {{roots}} AND {{not_ahead}} AND (c.created_at, c.id) {{after}} {_POSITION}
            ORDER BY c.created_at {{order}}, c.id {{order}} LIMIT %(limit)s + 1
        ) AS root
    )"""  # noqa: S608  (constants of this package only)

# Each id is looked up by itself (LATERAL ... OFFSET 0), and no more of them than the page takes. By its id alone: an
# index of roots that has it too would be gone through from one end of the thread to the other.
_BY_RANK: Final = f"""
    listed (id, place) AS MATERIALIZED (
        SELECT root.id, step.place
        FROM (
            SELECT id, place FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS given (id, place)
            WHERE place > %(place)s ORDER BY place
        ) AS step CROSS JOIN LATERAL (
            SELECT c.id FROM (
                SELECT id, article_id, parent_id, status, shown_replies, provider
                FROM comments_comment WHERE id = step.id OFFSET 0
            ) AS c WHERE {{roots}} AND {{not_ahead}}
        ) AS root
        ORDER BY step.place LIMIT %(limit)s + 1
    ),
    others AS MATERIALIZED (
        SELECT id, created_at FROM (
            SELECT c.id, c.created_at FROM comments_comment AS c
            WHERE {{roots}} AND {{not_ahead}} AND c.id <> ALL(%(ids)s::bigint[])
              AND (c.created_at, c.id) < {_POSITION}
            ORDER BY c.created_at DESC, c.id DESC LIMIT %(limit)s + 1 - (SELECT count(*) FROM listed)
        ) AS root
        LIMIT %(limit)s + 1
    ),
    ordinary (id, place) AS (
        SELECT id, row_number() OVER (ORDER BY place) FROM listed
      UNION ALL
        SELECT id, (SELECT count(*) FROM listed) + row_number() OVER (ORDER BY created_at DESC, id DESC) FROM others
    )"""  # noqa: S608  (constants of this package only)

_TOP_FIRST: Final = """
    top (id, place) AS (
        SELECT id, place FROM pinned
      UNION ALL
        SELECT id, (SELECT count(*) FROM pinned) + place FROM ordinary
    )"""
_TOP_LATER: Final = "top (id, place) AS (SELECT id, place FROM ordinary)"

_ORDINARY: Final = {
    Site.Sort.NEWEST: {"order": "DESC", "after": "<"},
    Site.Sort.OLDEST: {"order": "ASC", "after": ">"},
}

# Where a list by time begins: before all that can be in it.
_BEGINNING: Final = {"created_at": "-infinity", "id": 0}
_END: Final = {"created_at": "infinity", "id": MAX_ID}


@cache
def _top(sort: Site.Sort, *, is_first: bool, one_provider: bool) -> str:
    roots = roots_of(one_provider=one_provider)
    ordinary = (_BY_RANK if sort in RANKED else _BY_TIME).format(
        roots=roots, not_ahead=_NOT_AHEAD_FIRST if is_first else _NOT_AHEAD_LATER, **_ORDINARY.get(sort, {})
    )
    pinned = _PINNED.format(roots=roots, number=PINNED)
    return f"{pinned}, {ordinary}, {_TOP_FIRST}" if is_first else f"{ordinary}, {_TOP_LATER}"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a page of roots begins.

    `pinned` are the roots that the first page showed ahead of the order, None on that page itself. `order` is the
    version of the kept order, `place` how many of its ids lie behind; `position` is the last root shown by time.
    """

    pinned: list[int] | None = None
    position: Position | None = None
    order: int | None = None
    place: int = 0

    @property
    def is_first(self) -> bool:
        return self.pinned is None


def read_cursor(roots: RootList, cursor: str | None) -> Start:
    """Return where the page begins that `cursor` leads to; Problem: cursor_invalid."""
    if cursor is None:
        return Start()
    order, place, microseconds, comment_id, *pinned = cursors.decode(roots.scope, cursor)
    return Start(pinned, unpack(microseconds, comment_id), order, place)


def read_roots(roots: RootList, start: Start, order: Order | None, limit: int) -> Listing:
    """Return `limit` roots from `start` on, with their branches, in one SELECT; `order` where they are ranked."""
    ids = order.ids if order else []
    parameters: dict[str, Any] = {
        **roots.parameters,
        # Read in the same snapshot, the present order has no gaps but the pinned roots.
        "ids": ids[: limit + 1 + PINNED] if start.is_first else ids,
        "pinned": start.pinned,
        "place": start.place,
        **(_BEGINNING if roots.sort == Site.Sort.OLDEST else _END),
    }
    if start.position:
        parameters |= start.position._asdict()
    top = _top(roots.sort, is_first=start.is_first, one_provider=bool(roots.provider))
    return with_branches(top, parameters, limit)


def next_cursor(roots: RootList, start: Start, order: Order | None, listing: Listing) -> str:
    """Return the cursor behind a page; it goes on behind the last root of the order, pinned ones aside."""
    rows = [branch.comment for branch in listing.tops]
    pinned = _ahead(rows) if start.pinned is None else start.pinned
    ordinary = rows[len(pinned) :] if start.is_first else rows
    position, place = start.position, start.place
    if ordinary:
        position, place = _behind(ordinary[-1], order)
    values = [order.version if order else None, place, *pack(position), *pinned]
    return cursors.encode(roots.scope, *values)


def _behind(row: CommentRow, order: Order | None) -> tuple[Position | None, int]:
    """Return position and place behind a root: an order is gone through first, what it does not name by time."""
    if order is None:
        return position_of(row), 0
    if row.id in order.ids:
        return None, order.ids.index(row.id) + 1
    return position_of(row), len(order.ids)


def _ahead(rows: Iterable[CommentRow]) -> list[int]:
    """Return the ids of the roots that stand before the order: the pinned ones with which a first page begins."""
    first = list(rows)[:PINNED]
    return [row.id for row in takewhile(lambda row: row.pinned_at is not None, first)]
