"""Headers that cost a parser more than they are worth, found before it begins.

Python reads the parameters of a header (`Content-Type: a/b; name=value; …`) in the square of their length or worse:
40 KB of them took 24 seconds. No mail program writes as many.
"""

from __future__ import annotations

import re
from typing import Final

MAX_HEADER: Final = 2_000
WITH_PARAMETERS: Final = re.compile(rb"^content-[a-z-]{1,30}:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)


def is_heavy(raw: bytes) -> bool:
    """Say whether a message has parameters of more than 2,000 bytes anywhere, its parts included."""
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return any(len(found[0]) > MAX_HEADER for found in WITH_PARAMETERS.finditer(lines))
