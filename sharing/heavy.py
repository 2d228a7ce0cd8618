"""Headers that cost a parser more than they are worth, found before it begins.

Python reads the parameters of a header (`Content-Type: a/b; name=value; …`) in the square of their length or worse:
40 KB of them took 24 seconds. No mail program writes as many.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_HEADER: Final = 2_000
MAX_DEPTH: Final = 8
WITH_PARAMETERS: Final = re.compile(rb"^content-[a-z-]{1,30}:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
ENCODED: Final = re.compile(r"[A-Za-z0-9+/\s]{2000,}+={0,2}+\s*+")


def is_heavy(raw: bytes) -> bool:
    """Say whether a message, or some headers of one, has parameters of more than 2,000 bytes anywhere."""
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return any(len(found[0]) > MAX_HEADER for found in WITH_PARAMETERS.finditer(lines))


def holds_heavy(data: Any) -> bool:
    """Say whether a decoded request of a provider holds such headers, whole, in base 64, in JSON, or name by name."""
    return any(is_heavy(piece) for piece in _pieces(data, 0))


def _pieces(data: Any, depth: int) -> Iterator[bytes]:
    if depth > MAX_DEPTH:
        return
    if isinstance(data, str):
        yield data.encode("utf-8", "surrogatepass")
        yield from _inside(data, depth)
    elif isinstance(data, Mapping):
        yield from _pieces([data.get("Name"), data.get("Value")], depth + 1)
        for item in data.items():
            yield from _pieces(list(item), depth + 1)
    elif isinstance(data, list):
        if len(data) == 2 and isinstance(data[0], str):
            for value in data[1] if isinstance(data[1], list) else data[1:]:
                yield f"{data[0]}: {value}".encode("utf-8", "surrogatepass")
        for part in data:
            yield from _pieces(part, depth + 1)


def _inside(text: str, depth: int) -> Iterator[bytes]:
    if text[:1] in {"[", "{"}:
        try:
            yield from _pieces(json.loads(text), depth + 1)
        except (ValueError, RecursionError):
            return
    elif ENCODED.fullmatch(text):
        try:
            yield base64.b64decode(text)
        except (binascii.Error, ValueError):
            return
