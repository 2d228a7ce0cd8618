"""How networks count text, and how a text is shortened without breaking a visible character."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from enum import StrEnum

from wcwidth import iter_graphemes

ELLIPSIS = "…"

# X, "Counting characters" (configuration 3): code points in these ranges weigh one, all others two.
LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
KEYCAP_BASES = frozenset("0123456789#*©®")
SEQUENCE_MARKS = frozenset("\u200d\ufe0f\u20e3")  # joiner, emoji presentation, keycap


class Counting(StrEnum):
    """`characters`: code points. `graphemes`: what a reader sees as one. `weighted`: X's rule. `bytes`: UTF-8."""

    CHARACTERS = "characters"
    GRAPHEMES = "graphemes"
    WEIGHTED = "weighted"
    BYTES = "bytes"


def measure(text: str, counting: Counting) -> int:
    """The length of `text` as a network with this rule counts it."""
    if counting is Counting.CHARACTERS:
        return len(text)
    if counting is Counting.BYTES:
        return len(text.encode("utf-8", "surrogatepass"))
    return sum(_cost(grapheme, counting) for grapheme in _graphemes(text, counting))


def fit(text: str, maximum: int, counting: Counting) -> str:
    """`text`, or as much of its beginning as fits into `maximum` with an ellipsis; empty where not even that fits."""
    if measure(text, counting) <= maximum:
        return text
    room = maximum - measure(ELLIPSIS, counting)
    kept: list[str] = []
    for grapheme in _graphemes(text, counting):
        room -= _cost(grapheme, counting)
        if room < 0:
            break
        kept.append(grapheme)
    shortened = "".join(kept).rstrip()
    return shortened + ELLIPSIS if shortened else ""


def _graphemes(text: str, counting: Counting) -> Iterator[str]:
    return iter_graphemes(unicodedata.normalize("NFC", text) if counting is Counting.WEIGHTED else text)


def _cost(grapheme: str, counting: Counting) -> int:
    if counting is Counting.GRAPHEMES:
        return 1
    if counting is Counting.WEIGHTED:
        return 2 if _is_emoji_sequence(grapheme) else sum(_weight(ord(character)) for character in grapheme)
    return measure(grapheme, counting)


def _weight(code_point: int) -> int:
    return 1 if any(first <= code_point <= last for first, last in LIGHT) else 2


def _is_emoji_sequence(grapheme: str) -> bool:
    """X counts an emoji of any number of code points as two; letters that join (Devanagari) are counted one by one."""
    if len(grapheme) < 2 or not (ord(grapheme[0]) >= 0x203C or grapheme[0] in KEYCAP_BASES):
        return False
    return any(
        character in SEQUENCE_MARKS
        or 0x1F1E6 <= ord(character) <= 0x1F1FF  # flags
        or 0x1F3FB <= ord(character) <= 0x1F3FF  # skin tones
        or 0xE0020 <= ord(character) <= 0xE007F  # tags (flags of regions)
        for character in grapheme[1:]
    )
