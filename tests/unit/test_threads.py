"""The pure tree: any depth, any order of rows, no database."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from comments.threads import Branch, grow, walk

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Row(NamedTuple):
    id: int
    parent_id: int | None = None
    created_at: datetime = NOON
    shown_replies: int = 0


def drawn(tops: list[Branch[Row]]) -> list[str]:
    depth: dict[int, int] = {}
    lines = []
    for branch in walk(tops):
        row = branch.comment
        depth[row.id] = depth.get(row.parent_id, -1) + 1 if row.parent_id is not None else 0
        lines.append("  " * depth[row.id] + str(row.id))
    return lines


def test_replies_are_nested_below_their_parents() -> None:
    rows = [Row(1), Row(2, 1), Row(3, 2), Row(4), Row(5, 1)]
    assert drawn(grow(rows)) == ["1", "  2", "    3", "  5", "4"]


def test_tops_keep_the_order_given_and_replies_come_oldest_first() -> None:
    late, early = NOON + timedelta(hours=1), NOON
    rows = [Row(9), Row(3), Row(7), Row(5, 3, late), Row(6, 3, early)]
    assert drawn(grow(rows)) == ["9", "3", "  6", "  5", "7"]


def test_replies_of_one_instant_come_by_id() -> None:
    assert drawn(grow([Row(1), Row(4, 1), Row(2, 1), Row(3, 1)])) == ["1", "  2", "  3", "  4"]


def test_row_whose_parent_is_elsewhere_is_a_top() -> None:
    assert drawn(grow([Row(7, 2), Row(8, 7)])) == ["7", "  8"]


def test_branch_with_fewer_replies_than_the_public_may_see_is_cut() -> None:
    [top] = grow([Row(1, shown_replies=2), Row(2, 1), Row(3, 2)])
    assert top.is_cut
    assert not top.replies[0].is_cut


def test_nothing_grows_from_nothing() -> None:
    assert grow([]) == []
    assert list(walk(list[Branch[Row]]())) == []


def test_chain_of_fifty_thousand_needs_no_recursion() -> None:
    count = 50_000
    tops = grow([Row(number, number - 1 or None) for number in range(1, count + 1)])
    assert [branch.comment.id for branch in walk(tops)] == list(range(1, count + 1))


def test_star_of_fifty_thousand() -> None:
    count = 50_000
    [top] = grow([Row(1), *(Row(number, 1) for number in range(count, 1, -1))])
    assert [branch.comment.id for branch in top.replies] == list(range(2, count + 1))


@given(st.lists(st.integers(0, 1_000_000), max_size=60), st.randoms(use_true_random=False))
def test_any_order_of_rows_gives_the_same_tree(seeds: list[int], shuffler: random.Random) -> None:
    rows = [Row(1)] + [Row(number, seed % (number - 1) + 1) for number, seed in enumerate(seeds, start=2)]
    shuffled = rows.copy()
    shuffler.shuffle(shuffled)
    assert drawn(grow(shuffled)) == drawn(grow(rows))
    assert {branch.comment.id for branch in walk(grow(shuffled))} == {row.id for row in rows}
