"""What stands in a picture, and the address that this gives it."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from typing import Final

import orjson

# Raised with every change of what the same words look like, so that no old picture is taken for a new one.
DESIGN: Final = 1
WIDTH: Final = 1200
HEIGHT: Final = 630
# The sizes that there are; all have the same shape.
WIDTHS: Final = (1200, 600, 300)
# Characters that are looked at: more than any picture holds.
MOST: Final = 600


@dataclass(frozen=True)
class Words:
    """The texts of a picture: `quote` is a comment's, then `author` said it; else `author` wrote the headline."""

    site: str
    headline: str
    author: str
    quote: str = ""

    @property
    def digest(self) -> str:
        """The part of the address that changes with the words: 24 hex digits."""
        return _digest(astuple(self))


def kept_name(words: Words, comments: int, width: int) -> str:
    """Return the name under which a picture is kept: another for each that looks otherwise."""
    return f"{_digest((*astuple(words), comments, width))}.png"


def height_of(width: int) -> int:
    """Return the height of a picture of this width."""
    return round(width * HEIGHT / WIDTH)


def _digest(values: tuple[str | int, ...]) -> str:
    return hashlib.blake2b(orjson.dumps([DESIGN, *values]), digest_size=12).hexdigest()
