"""The one reader of JSON bodies: what any two parsers could understand differently is refused.

UTF-8 only; no duplicate or too many keys, no NaN or Infinity, no numbers beyond 64 bits, no NUL, no lone surrogate,
bounded depth. Every failure is `malformed_json` (400), every other media type `unsupported_media_type` (415).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from django.http import HttpRequest

from project.errors import Problem

MAX_DEPTH: Final = 32
MAX_KEYS: Final = 1_000
MAX_INTEGER: Final = 2**63 - 1
# Possessive, and an unclosed string runs to the end: every character is looked at once whatever is sent.
STRINGS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
BRACKETS: Final = re.compile(r"[\[\]{}]")
UNPRINTABLE: Final = re.compile("[\0\ud800-\udfff]")


def read_json(request: HttpRequest) -> dict[str, Any]:
    """Return the object in the body of a plain Django view's request; Problem 415 or 400 as above."""
    check_media_type(request.content_type or "", request.content_params or {})
    return parse_json(request.body)


def check_media_type(media_type: str, parameters: Mapping[str, str]) -> None:
    """Refuse (415) anything but `application/json`, with no charset or with utf-8."""
    charset = parameters.get("charset", "utf-8").strip("\"'").lower()
    if media_type.lower() != "application/json" or charset not in {"utf-8", "utf8"}:
        raise Problem("unsupported_media_type", "Send application/json in UTF-8.")


def parse_json(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`, whose size the caller has bounded; Problem `malformed_json` otherwise."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        _refuse("The body is not UTF-8.")
    _check_depth(text)
    pairs = _Pairs()
    try:
        value = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except ValueError as error:
        _refuse(f"The body is not JSON: {getattr(error, 'msg', 'a value cannot be read')}.")
    if not isinstance(value, dict):
        _refuse("The body must be one JSON object.")
    # Raw control characters and surrogates are refused above; only an escape can still bring one in.
    if "\\u" in text:
        _check_strings(value)
    return value


class _Pairs:
    """Builds each object, counting keys over the whole body."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self.count += len(pairs)
        if self.count > MAX_KEYS:
            _refuse(f"The body has more than {MAX_KEYS} keys.")
        members = dict(pairs)
        if len(members) != len(pairs):
            _refuse("The body names a key twice.")
        return members


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in BRACKETS.finditer(STRINGS.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            _refuse(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check_strings(value: Any) -> None:
    """Depth is bounded by now, so recursion is."""
    if isinstance(value, str):
        if UNPRINTABLE.search(value):
            _refuse("The body has a NUL character or half of a surrogate pair.")
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_strings(key)
            _check_strings(member)
    elif isinstance(value, list):
        for member in value:
            _check_strings(member)


def _integer(digits: str) -> int:
    # Length first: reading a long run of digits costs quadratic time.
    if len(digits) > len(str(MAX_INTEGER)) + 1 or abs(int(digits)) > MAX_INTEGER:
        _refuse("The body has an integer beyond 64 bits.")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        _refuse("The body has a number that is too large.")
    return value


def _constant(name: str) -> NoReturn:
    _refuse(f"{name} is not JSON.")


def _refuse(detail: str) -> NoReturn:
    raise Problem("malformed_json", detail)
