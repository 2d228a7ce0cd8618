"""Arguments of WordPress' REST API: where they come from, in which spellings, and what is wrong with them.

Lists come as `include=1,2`, `include[]=1&include[]=2` or a JSON list, fields of an object as `content[raw]=…`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.http import HttpRequest, QueryDict
from django.utils.dateparse import parse_datetime

from comments.views.wordpress.errors import Refusal, invalid_params
from project.errors import Problem
from project.forms import MEDIA_TYPE, read_form
from project.parsers import read_json

# `include[]`, `include[0]`, `content[raw]`: PHP's spelling of lists and objects.
NESTED: Final = re.compile(r"([A-Za-z_]\w{0,63})\[(\w{0,64})\]", re.ASCII)
NUMBER: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
FALSE: Final = frozenset({"", "0", "false", "False"})
# Ids in one list; PostgreSQL would take more, and nobody needs more.
MOST: Final = 1_000
# Where a list may begin, and the highest page: beyond it there is nothing.
FAR: Final = 10**12


class Arguments:
    """The arguments of one request; what is wrong with them is gathered, and refused together by `check`."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.reasons: dict[str, str] = {}

    def check(self) -> None:
        """Refusal: rest_invalid_param, naming every argument that was refused."""
        if self.reasons:
            raise invalid_params(self.reasons)

    def has(self, name: str) -> bool:
        return self.data.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """Return a text, "" where there is none."""
        value = self.data.get(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int):
            self.reasons[name] = f"{name} is not of type string."
            return ""
        return str(value)

    def number(self, name: str, default: int, least: int = 0, most: int = FAR) -> int:
        """Return a whole number within bounds."""
        value = self.data.get(name)
        if value is None:
            return default
        found = _whole(value)
        if found is None:
            self.reasons[name] = f"{name} is not of type integer."
        elif not least <= found <= most:
            self.reasons[name] = f"{name} must be between {least} (inclusive) and {most} (inclusive)"
        else:
            return found
        return default

    def numbers(self, name: str) -> list[int]:
        """Return a list of whole numbers."""
        values = [_whole(value) for value in self._list(name)]
        if len(values) > MOST:
            self.reasons[name] = f"{name} must contain at most {MOST} items."
        elif None in values:
            self.reasons[name] = f"{name}[{values.index(None)}] is not of type integer."
        else:
            return [value for value in values if value is not None]
        return []

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """Return one of the choices."""
        value = self.text(name) if self.data.get(name) is not None else default
        if value not in choices:
            self.reasons.setdefault(name, f"{name} is not one of {', '.join(choices)}.")
            return default
        return value

    def words(self, name: str) -> list[str]:
        """Return a list of texts."""
        values = self._list(name)
        if len(values) > MOST or not all(isinstance(value, str | int) for value in values):
            self.reasons[name] = f"{name} is not a list of at most {MOST} strings."
            return []
        return [str(value) for value in values]

    def flag(self, name: str) -> bool:
        """Return whether something is asked for; `0` and `false` ask for nothing."""
        return str(self.data.get(name, "")) not in FALSE

    def moment(self, name: str) -> datetime | None:
        """Return a time; one without a zone is UTC, which is every site's own."""
        if not self.has(name):
            return None
        try:
            found = parse_datetime(self.text(name))
        except ValueError:
            found = None
        # The first and the last day of the calendar have no name in other zones.
        if found is None or not 1 < found.year < 9999:
            self.reasons.setdefault(name, "Invalid date.")
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def _list(self, name: str) -> list[Any]:
        value = self.data.get(name)
        if value is None or value == "":
            return []
        if isinstance(value, list):
            return value
        return re.split(r"[\s,]+", value.strip(" ,")) if isinstance(value, str) else [value]


def arguments_of(request: HttpRequest) -> dict[str, Any]:
    """Return what a request asks for: its query, and over it the members of a JSON object or a form in its body.

    Refusal: rest_invalid_json, rest_unsupported_media_type.
    """
    found = unfold(request.GET)
    if request.method in {"GET", "HEAD"} or not request.body:
        return found
    try:
        return found | (unfold(read_form(request)) if request.content_type == MEDIA_TYPE else read_json(request))
    except Problem as problem:
        if problem.code == "malformed_json":
            raise Refusal("rest_invalid_json", "Invalid JSON body passed.", 400) from problem
        raise


def unfold(query: QueryDict) -> dict[str, Any]:
    """Return a query or a form with PHP's lists and objects put together; of a name given twice the last counts."""
    found: dict[str, Any] = {}
    for name, values in query.lists():
        nested = NESTED.fullmatch(name)
        if nested is None:
            found[name] = values[-1]
        elif nested[2] == "" or nested[2].isdigit():
            found.setdefault(nested[1], [])
            if isinstance(found[nested[1]], list):
                found[nested[1]] += values
        else:
            found.setdefault(nested[1], {})
            if isinstance(found[nested[1]], dict):
                found[nested[1]][nested[2]] = values[-1]
    return found


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip() if isinstance(value, str | int) else ""
    return int(text) if NUMBER.fullmatch(text) else None
