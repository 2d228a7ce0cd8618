"""By what the ranked sorts go: three numbers of a comment, worked out when it is written and when somebody votes.

- best: the lower bound of the Wilson score interval (E. B. Wilson, 1927) at 95 % for the share of votes that are up. So
  nine of ten beat one of one: few votes prove little.
- hot: the power of ten of the score, plus one for every 12.5 hours that the comment is younger; a comment of 12.5 hours
  ago needs ten times the score of one of now. It grows with the date of the comment and never has to be worked out
  again as time passes.
- controversial: all votes, to the power of how even the two sides are; 0 while one side is empty.

Each is here twice, as a function and as an SQL expression of the same steps. Counts may be of any size from 0 up.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

Z: Final = 1.959963984540054  # the quantile of the normal distribution that leaves 2.5 % on each side
SECONDS_PER_POWER: Final = 45_000  # 12.5 hours


def best(up: int, down: int) -> float:
    """Return a number from 0 to below 1."""
    for_it, against = float(up), float(down)
    count = for_it + against
    if count == 0:
        return 0.0
    bound = (for_it + Z * Z / 2 - Z * math.sqrt(for_it * (against / count) + Z * Z / 4)) / (count + Z * Z)
    return max(bound, 0.0)


def hot(up: int, down: int, created_at: datetime) -> float:
    """Return a number that can only be compared with those of other comments."""
    score = float(up) - float(down)
    sign = (score > 0) - (score < 0)
    return sign * math.log10(max(abs(score), 1.0)) + created_at.timestamp() / SECONDS_PER_POWER


def controversial(up: int, down: int) -> float:
    """Return 0, or a number from 1 to that of all votes."""
    fewer, more = float(min(up, down)), float(max(up, down))
    return 0.0 if fewer == 0 else (fewer + more) ** (fewer / more)


def best_sql(up: str, down: str) -> str:
    """Return `best` as SQL of two SQL expressions."""
    for_it, against = _float(up), _float(down)
    root = f"sqrt({for_it} * ({against} / ({for_it} + {against})) + {Z * Z / 4!r}::float8)"
    bound = f"({for_it} + {Z * Z / 2!r}::float8 - {Z!r}::float8 * {root}) / ({for_it} + {against} + {Z * Z!r}::float8)"
    return f"CASE WHEN {for_it} + {against} = 0 THEN 0::float8 ELSE greatest({bound}, 0::float8) END"


def hot_sql(up: str, down: str, created_at: str) -> str:
    """Return `hot` as SQL of two SQL expressions and the time; so for a comment without votes too."""
    score = f"({_float(up)} - {_float(down)})"
    return f"sign({score}) * log(greatest(abs({score}), 1::float8)) + {unvoted_hot_sql(created_at)}"


def unvoted_hot_sql(created_at: str) -> str:
    """Return `hot` of a comment that nobody has voted on as SQL of its time."""
    return f"(extract(epoch FROM {created_at}) / {SECONDS_PER_POWER})::float8"


def controversial_sql(up: str, down: str) -> str:
    """Return `controversial` as SQL of two SQL expressions."""
    fewer, more = f"least({_float(up)}, {_float(down)})", f"greatest({_float(up)}, {_float(down)})"
    return f"CASE WHEN {fewer} = 0 THEN 0::float8 ELSE power({fewer} + {more}, {fewer} / {more}) END"


def _float(expression: str) -> str:
    return f"({expression})::float8"
