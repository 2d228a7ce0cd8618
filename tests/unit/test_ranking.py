"""The scores of comments: known values, what must hold of any, and that Python and the database agree."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from comments import ranking

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HALF_A_DAY = timedelta(hours=12, minutes=30)
ANY = st.integers(0, 20) | st.integers(0, 2**31 - 1) | st.integers(0, 2**63 - 1)
TIMES = st.timedeltas(timedelta(days=-739_000), timedelta(days=2_900_000)).map(lambda since: NOON + since)


def in_database(sql: str, **values: int | datetime) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql} FROM (SELECT {', '.join(f'%({v})s AS {v}' for v in values)}) AS given", values)
        (value,) = cursor.fetchone()
    assert isinstance(value, float)
    return value


# Worked out with the textbook's form of the interval.
@pytest.mark.parametrize(
    ("up", "down", "score"),
    [(0, 0, 0.0), (1, 0, 0.206549), (0, 1, 0.0), (9, 1, 0.595850), (1, 1, 0.094531), (100, 0, 0.963007)],
)
def test_best_of_known_votes(up: int, down: int, score: float) -> None:
    assert ranking.best(up, down) == pytest.approx(score, abs=1e-6)


@given(ANY, ANY)
def test_best_is_the_lower_bound_of_the_interval(up: int, down: int) -> None:
    count = up + down
    if not count:
        return
    share, z = float(Fraction(up, count)), ranking.Z
    root = z * math.sqrt((share * (1 - share) + z * z / (4 * count)) / count)
    expected = (share + z * z / (2 * count) - root) / (1 + z * z / count)
    assert ranking.best(up, down) == pytest.approx(expected, abs=1e-9)
    assert 0 <= ranking.best(up, down) <= 1


def test_few_votes_prove_little() -> None:
    assert ranking.best(9, 1) > ranking.best(1, 0)
    assert ranking.best(90, 10) > ranking.best(9, 1)
    for up, down in ((5, 5), (50, 3), (0, 7)):
        assert ranking.best(up + 1, down) > ranking.best(up, down) >= ranking.best(up, down + 1)


def test_twelve_and_a_half_hours_are_worth_ten_times_the_score() -> None:
    assert ranking.hot(100, 0, NOON) == pytest.approx(ranking.hot(10, 0, NOON + HALF_A_DAY))
    assert ranking.hot(0, 10, NOON) == pytest.approx(ranking.hot(0, 1, NOON - HALF_A_DAY))
    ranks = [ranking.hot(up, down, NOON) for up, down in ((0, 100), (3, 13), (0, 1), (2, 1), (20, 0))]
    assert [a <= b for a, b in pairwise(ranks)] == [True] * 4
    assert ranking.hot(7, 7, NOON) == ranking.hot(0, 0, NOON) == NOON.timestamp() / 45_000


def test_controversial_asks_for_both_sides() -> None:
    assert ranking.controversial(0, 0) == ranking.controversial(1000, 0) == ranking.controversial(0, 1000) == 0
    assert ranking.controversial(5, 5) == 10
    assert ranking.controversial(50, 50) > ranking.controversial(5, 5) > ranking.controversial(9, 1)
    assert ranking.controversial(9, 4) == ranking.controversial(4, 9)


class TestTheDatabaseAgrees(TestCase):
    @settings(max_examples=300, deadline=None)
    @given(ANY, ANY)
    def test_best(self, up: int, down: int) -> None:
        stored = in_database(ranking.best_sql("up::bigint", "down::bigint"), up=up, down=down)
        assert stored == pytest.approx(ranking.best(up, down), rel=1e-12, abs=1e-15)

    @settings(max_examples=300, deadline=None)
    @given(ANY, ANY)
    def test_controversial(self, up: int, down: int) -> None:
        stored = in_database(ranking.controversial_sql("up::bigint", "down::bigint"), up=up, down=down)
        assert stored == pytest.approx(ranking.controversial(up, down), rel=1e-12)

    @settings(max_examples=300, deadline=None)
    @given(ANY, ANY, TIMES)
    def test_hot(self, up: int, down: int, created_at: datetime) -> None:
        sql = ranking.hot_sql("up::bigint", "down::bigint", "created_at::timestamptz")
        stored = in_database(sql, up=up, down=down, created_at=created_at)
        assert stored == pytest.approx(ranking.hot(up, down, created_at), rel=1e-12, abs=1e-9)

    @settings(max_examples=100, deadline=None)
    @given(TIMES)
    def test_hot_of_a_comment_without_votes(self, created_at: datetime) -> None:
        stored = in_database(ranking.unvoted_hot_sql("created_at::timestamptz"), created_at=created_at)
        assert stored == pytest.approx(ranking.hot(0, 0, created_at), rel=1e-12, abs=1e-9)
