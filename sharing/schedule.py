"""When the digests of a reader are due: at an hour of her day, or of one day of her week, in her own time zone.

Hours are local, instants are UTC. An hour that a clock skips comes when it has been skipped, and one that comes twice
counts when it comes first, so that every day has exactly one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from project.errors import refused_field

MAX_ZONE: Final = 64
DAY: Final = timedelta(days=1)
# A week, and a day on either side for where the zone's date is another than ours.
REACH: Final = 9


@dataclass(frozen=True)
class Schedule:
    """An hour (0 to 23) of every day, or of one weekday (0 is Monday), in an IANA time zone."""

    zone: str
    hour: int
    weekday: int | None = None


def next_after(moment: datetime, schedule: Schedule) -> datetime:
    """Return the first instant of the schedule after a moment."""
    return next(instant for instant in _instants(moment, schedule, DAY) if instant > moment)


def last_until(moment: datetime, schedule: Schedule) -> datetime:
    """Return the last instant of the schedule that is not after a moment."""
    return next(instant for instant in _instants(moment, schedule, -DAY) if instant <= moment)


def check_zone(name: str) -> str:
    """Return the name of a time zone. Problem: validation_failed for one that nobody knows."""
    try:
        if len(name) <= MAX_ZONE:
            return ZoneInfo(name).key
    except (ValueError, OSError, KeyError):
        pass  # what is no name at all, a folder of names, or unknown
    raise refused_field("timezone", "unknown_choice", gettext("This is no time zone, as Europe/Berlin is one."))


def _instants(moment: datetime, schedule: Schedule, step: timedelta) -> Iterator[datetime]:
    zone = _zone(schedule.zone)
    day = moment.astimezone(zone).date() - step
    for _ in range(REACH):
        if schedule.weekday in (None, day.weekday()):
            yield _instant(day, schedule.hour, zone)
        day += step


def _instant(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    """A zone that was taken once may be gone from the system's list; digests go on, in UTC."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return ZoneInfo("UTC")
