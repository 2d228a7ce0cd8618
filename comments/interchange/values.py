"""Values of JSON that somebody else wrote: each comes out usable or empty, never as an error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from comments.interchange.fields import loose_time, unix_time
from project.text import FORBIDDEN

MOST_DIGITS: Final = 30
MOST_LETTERS: Final = 200
YES: Final = frozenset({"true", "1", "yes"})


def text_of(value: Any) -> str:
    """Return a value as a text that can be stored, "" for what is none; a number and a boolean as they are written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**MOST_DIGITS else ""
    return FORBIDDEN.sub("", value) if isinstance(value, str) else ""


def line_of(value: Any) -> str:
    """Return a value as `text_of`, without the blanks around it."""
    return text_of(value).strip()


def id_of(value: Any) -> str:
    """Return an id, a short text or a number; "" for anything else. MongoDB's way of writing ids is known."""
    if isinstance(value, dict):
        value = value.get("$oid", value.get("$numberLong"))
    line = "" if isinstance(value, bool) else line_of(value)
    return line if len(line) <= MOST_LETTERS else ""


def time_of(value: Any) -> datetime | None:
    """Return a time written as text, as seconds or milliseconds of 1970, or as a database's object; None for none."""
    if isinstance(value, dict):
        value = next((value[name] for name in ("iso", "$date", "$numberLong") if name in value), None)
        return None if isinstance(value, dict) and "$numberLong" not in value else time_of(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return unix_time(value)
    line = line_of(value)
    return unix_time(int(line)) if line.isascii() and line.isdigit() and len(line) < 20 else loose_time(line)


class Fields:
    """The members of one object; a name that is not there, or holds another kind of value, is empty."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def text(self, name: str) -> str:
        """Return a text of many lines as it stands."""
        return text_of(self._values.get(name))

    def line(self, *names: str) -> str:
        """Return the first of several values that is not empty, trimmed."""
        return next(filter(None, (line_of(self._values.get(name)) for name in names)), "")

    def id(self, *names: str) -> str:
        """Return the first of several values that is an id."""
        return next(filter(None, (id_of(self._values.get(name)) for name in names)), "")

    def flag(self, name: str) -> bool:
        """Say whether a value is true, however it is written."""
        return self.line(name).lower() in YES

    def number(self, name: str) -> int:
        """Return a whole number, 0 for none."""
        value = self._values.get(name)
        if isinstance(value, float):
            return int(value) if math.isfinite(value) else 0
        line = self.line(name)
        digits = line.removeprefix("-")
        return int(line) if digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS else 0

    def time(self, *names: str) -> datetime | None:
        """Return the first of several values that is a time."""
        return next(filter(None, (time_of(self._values.get(name)) for name in names)), None)

    def part(self, name: str) -> Fields:
        """Return an object within the object."""
        value = self._values.get(name)
        return Fields(value if isinstance(value, dict) else {})

    def parts(self, name: str) -> list[Any]:
        """Return a list within the object."""
        value = self._values.get(name)
        return value if isinstance(value, list) else []
