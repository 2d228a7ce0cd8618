"""Every day has its hour exactly once, whatever clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project.errors import Problem
from sharing.schedule import Schedule, check_zone, last_until, next_after

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
schedules = st.builds(Schedule, st.sampled_from(ZONES), st.integers(0, 23), st.one_of(st.none(), st.integers(0, 6)))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(moments, schedules)
def test_the_next_is_after_and_the_last_is_not(moment: datetime, schedule: Schedule) -> None:
    following, before = next_after(moment, schedule), last_until(moment, schedule)
    assert before <= moment < following
    # Nothing lies between them, and each is found from the other.
    assert next_after(before, schedule) == following
    assert last_until(following, schedule) == following
    assert last_until(following - timedelta(microseconds=1), schedule) == before


@given(moments, schedules)
def test_they_come_a_day_or_a_week_apart_but_for_what_a_clock_changes(moment: datetime, schedule: Schedule) -> None:
    apart = next_after(moment, schedule) - last_until(moment, schedule)
    usual = timedelta(days=7 if schedule.weekday is not None else 1)
    assert abs(apart - usual) <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "hour", "after", "following"),
    [
        # The day before, the day on which 2 o'clock is skipped (it comes at 3), the day after.
        ("Europe/Berlin", 2, "2026-03-27T12:00", "2026-03-28T01:00"),
        ("Europe/Berlin", 2, "2026-03-28T12:00", "2026-03-29T01:00"),
        ("Europe/Berlin", 2, "2026-03-29T12:00", "2026-03-30T00:00"),
        # 2 o'clock comes twice; the first counts.
        ("Europe/Berlin", 2, "2026-10-24T12:00", "2026-10-25T00:00"),
        ("Europe/Berlin", 2, "2026-10-25T00:00", "2026-10-26T01:00"),
        ("Europe/Berlin", 8, "2026-03-28T12:00", "2026-03-29T06:00"),
        ("Europe/Berlin", 8, "2026-10-24T12:00", "2026-10-25T07:00"),
        # Lord Howe's clock changes by half an hour.
        ("Australia/Lord_Howe", 2, "2026-10-03T00:00", "2026-10-03T15:30"),
        ("Australia/Lord_Howe", 8, "2026-10-03T00:00", "2026-10-03T21:00"),
    ],
)
def test_days_on_which_clocks_change(zone: str, hour: int, after: str, following: str) -> None:
    found = next_after(utc(after), Schedule(zone, hour))
    assert found == utc(following), found.astimezone(ZoneInfo(zone))


def test_a_weekday_is_the_reader_s() -> None:
    """Monday 8 o'clock in Auckland is Sunday in UTC."""
    found = next_after(utc("2026-11-20T00:00"), Schedule("Pacific/Auckland", 8, 0))
    assert found == utc("2026-11-22T19:00")


@pytest.mark.parametrize(
    "name", ["", "Berlin", "Europe", "../etc/passwd", "/etc/passwd", "a\0b", "x" * 200, "Europe/Bérlin"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(Problem) as refused:
        check_zone(name)
    assert refused.value.errors[0]["field"] == "timezone"


def test_a_zone_that_is_gone_means_utc() -> None:
    assert next_after(utc("2026-01-01T00:00"), Schedule("Middle/Earth", 8)) == utc("2026-01-01T08:00")
