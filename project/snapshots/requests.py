"""Which answer a request asks for: two requests that mean the same have one key, whatever else they carry.

A request that is not plainly one for a kept answer is left to Django, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlencode

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse, QueryDict
from django.urls import Resolver404, URLResolver
from django.urls import path as address
from django.urls.resolvers import RegexPattern
from django.utils.module_loading import import_string

from project.addresses import canonical_url
from project.errors import Problem
from project.parsers import parse_json
from project.snapshots.depends import Read
from project.snapshots.snapshot import BROTLI, GZIP

# Where kept answers may be; what begins otherwise is let through without another look.
PREFIXES: Final = ("/api/v1/", "/shariff")
AT_LEAST: Final = "at_least"
# Our longest addresses have 60 characters.
MAX_PATH: Final = 200
MAX_QUERY: Final = 300_000
MAX_VERSION_DIGITS: Final = 18
ZEROS: Final = frozenset({b"0", b"0.", b"0.0", b"0.00", b"0.000"})

Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: `key` is equal for equal answers, `query` the declared parameters as they were spelt.

    `exact` is the key of those who spelt the addresses so too, for an answer that repeats them.
    """

    path: str
    query: bytes
    key: Key
    exact: Key
    at_least: int = 0


def read_request(path: str, raw_query: bytes) -> Wanted | None:
    """Return what a GET asks for, None where Django has to look at it."""
    declared = _declared(path)
    if declared is None or len(raw_query) > MAX_QUERY:
        return None
    try:
        if b"\0" in unquote_to_bytes(raw_query):
            return None
        unquote_to_bytes(raw_query).decode()
        query = QueryDict(raw_query.decode("ascii"))
    except (UnicodeError, SuspiciousOperation):
        return None
    at_least = _version(query) if declared.has_version else 0
    if at_least is None:
        return None
    values = {name: query.getlist(name) for name in declared.parameters}
    single = {name: found[-1:] for name, found in values.items() if name not in declared.lists}
    return _wanted(path, declared, values | single, at_least)


def takes_posts(path: str) -> bool:
    """Say whether a read at this address may come as a POST."""
    declared = _declared(path)
    return declared is not None and bool(declared.posted)


def read_body(path: str, body: bytes) -> Wanted | None:
    """Return what a JSON body asks for, the same as a query of these values; None where Django has to look at it."""
    declared = _declared(path)
    assert declared is not None
    try:
        members = parse_json(body)
    except Problem:
        return None
    values: dict[str, list[Any]] = {}
    for member, name in declared.posted:
        value = members.get(member)
        if isinstance(value, list) != (name in declared.lists):
            return None
        values[name] = value if isinstance(value, list) else [value]
    if not all(isinstance(value, str) for found in values.values() for value in found):
        return None
    return _wanted(path, declared, values)


def _wanted(path: str, declared: Read, values: Mapping[str, Sequence[str]], at_least: int = 0) -> Wanted:
    spelt: list[tuple[str, str]] = []
    compared: list[tuple[str, str]] = []
    for name in declared.parameters:
        for value in values.get(name, ()):
            spelt.append((name, value))
            compared.append((name, _canonical(value) if name in declared.addresses else value))
    return Wanted(path, urlencode(spelt).encode(), (path, tuple(compared)), (path, tuple(spelt)), at_least)


def codings(accept_encoding: bytes) -> int:
    """Return the bits of the codings that a client takes (RFC 9110, 12.5.3); what is not understood is not taken."""
    taken = refused = 0
    for part in accept_encoding.lower().split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        bits = {b"gzip": GZIP, b"x-gzip": GZIP, b"br": BROTLI, b"*": GZIP | BROTLI}.get(name, 0)
        if any(_is_zero(parameter) for parameter in parameters):
            refused |= bits if name != b"*" else 0
        else:
            taken |= bits
    return taken & ~refused


def _declared(path: str) -> Read | None:
    if not path.startswith(PREFIXES) or len(path) > MAX_PATH:
        return None
    return _resolved(path)


@lru_cache(maxsize=4_096)
def _resolved(path: str) -> Read | None:
    try:
        found = _addresses().resolve(path)
    except Resolver404:
        return None
    return _reads()[found.route]


@cache
def _reads() -> dict[str, Read]:
    """Return every read that is declared (KEPT_READS), by its route."""
    return {read.route: read for name in settings.KEPT_READS for read in import_string(name)}


@cache
def _addresses() -> URLResolver:
    # Only the route is asked for: who answers is known where Django is, which may be another process.
    return URLResolver(RegexPattern(r"^/"), [address(route, HttpResponse) for route in _reads()])


def _version(query: QueryDict) -> int | None:
    """Return `at_least`, 0 where it is absent, None where it is no version."""
    value = query.get(AT_LEAST)
    if value is None:
        return 0
    return int(value) if value.isascii() and value.isdigit() and len(value) <= MAX_VERSION_DIGITS else None


def _canonical(address: str) -> str:
    try:
        return canonical_url(address)
    except Problem:
        return address


def _is_zero(parameter: bytes) -> bool:
    name, _, value = parameter.partition(b"=")
    return name.strip() == b"q" and value.strip() in ZEROS
