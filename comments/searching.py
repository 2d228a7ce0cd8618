"""What a reader asks of the search: words, "phrases" and -exclusions, and where a text has them.

How words are cut and which letters are alike is decided in the database (the third migration of comments), for texts
and questions alike; `marked_excerpt` follows the same rules closely enough to show why a comment was found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.html import escape

from project.errors import refused_field
from project.text import BIDI, FORBIDDEN

MAX_QUERY: Final = 200
MAX_TERMS: Final = 20

EXCERPT: Final = 240
BEFORE: Final = 60
SEARCHED: Final = 16_000  # the database looks no further into a text

Words = Sequence[str]

_QUOTES: Final = str.maketrans("“”„‟«»「」『』", '""""""""""')
_TERM: Final = re.compile(r'(-?)"([^"]*)"?|(-?)([^\s"]+)')

# Scripts without blanks between words: each of their characters is a word.
_ALONE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_MARKS: Final = (
    "\u00ad\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
)
# Vowel signs of Indic scripts, which belong to a word although they are no letters.
_SIGNS: Final = "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0980-\u0dff"
_WORD: Final = re.compile(rf"[{_ALONE}]|(?:(?![_{_ALONE}])[\w{_MARKS}{_SIGNS}])+")
_TAKEN_OFF: Final = re.compile(f"[{_MARKS}]+")
_PLAIN: Final = str.maketrans(
    {"ς": "σ", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"}
)


@dataclass(frozen=True)
class Question:
    """What was asked: `wanted` must all occur, none of `unwanted` may; each is a word or a phrase, as it was typed.

    `text` is the whole in one spelling.
    """

    text: str
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]


def read_question(query: str) -> Question:
    """Return what a query of at most 200 characters and 20 terms asks for.

    Wide forms count as the ordinary ones, control characters as blanks. Problem: validation_failed on `q`.
    """
    if len(query) > MAX_QUERY:
        raise refused_field("q", "too_long", f"A search has at most {MAX_QUERY} characters.")
    text = " ".join(unicodedata.normalize("NFKC", FORBIDDEN.sub(" ", query)).translate(_QUOTES).split())
    wanted: list[str] = []
    unwanted: list[str] = []
    for found in _TERM.finditer(text):
        term = found[2] if found[2] is not None else found[4]
        (unwanted if found[1] or found[3] else wanted).append(term)
    if len(wanted) + len(unwanted) > MAX_TERMS:
        raise refused_field("q", "too_many", f"A search has at most {MAX_TERMS} words and phrases.")
    return Question(text, tuple(wanted), tuple(unwanted))


def conjunction(words: Iterable[str]) -> str:
    """Return the tsquery of texts that have all these words, in whatever order."""
    return " & ".join(_quoted(word) for word in dict.fromkeys(words))


def whole(wanted: Iterable[Words], unwanted: Iterable[Words]) -> str:
    """Return the tsquery of texts with all wanted words and phrases and without the unwanted ones."""
    return " & ".join([*map(_phrase, wanted), *(f"!{_phrase(words)}" for words in unwanted)])


def marked_excerpt(text: str, wanted: Iterable[Words]) -> str:
    """Return some 240 characters of a plain text around the first words found, as HTML with `<mark>` and nothing else.

    Whatever the text has of markup is escaped.
    """
    text = BIDI.sub("", text[:SEARCHED])
    spans = _spans(text, wanted)
    start = _start(text, spans[0][0] if spans else 0)
    end = _end(text, start)
    pieces = ["… " if start > 0 else ""]
    at = start
    for first, last in spans:
        if first >= at and last <= end:
            pieces += [escape(text[at:first]), "<mark>", escape(text[first:last]), "</mark>"]
            at = last
    pieces += [escape(text[at:end]), " …" if end < len(text) else ""]
    return " ".join("".join(pieces).split())


def fold(word: str) -> str:
    """Return a word in the spelling that is compared."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.lower()).lower().translate(_PLAIN)
    return unicodedata.normalize("NFC", _TAKEN_OFF.sub("", plain))


def _spans(text: str, wanted: Iterable[Words]) -> list[tuple[int, int]]:
    """Return where the words and phrases stand, in order, without overlaps."""
    tokens = [(fold(found[0]), found.start(), found.end()) for found in _WORD.finditer(text)]
    phrases: dict[str, list[Words]] = {}
    for words in wanted:
        phrases.setdefault(words[0], []).append(words)
    spans: list[tuple[int, int]] = []
    for number, (word, start, _) in enumerate(tokens):
        for words in phrases.get(word, ()):
            run = tokens[number : number + len(words)]
            if [token[0] for token in run] != list(words):
                continue
            if spans and start < spans[-1][1]:
                spans[-1] = (spans[-1][0], max(spans[-1][1], run[-1][2]))
            else:
                spans.append((start, run[-1][2]))
    return spans


def _start(text: str, first: int) -> int:
    """Return where an excerpt begins that is to show what stands at `first`: after a blank if there is one near."""
    if first <= BEFORE:
        return 0
    blank = text.find(" ", first - BEFORE, first)
    return first - BEFORE if blank < 0 else blank + 1


def _end(text: str, start: int) -> int:
    if len(text) <= start + EXCERPT:
        return len(text)
    blank = text.rfind(" ", start + EXCERPT - BEFORE, start + EXCERPT)
    return start + EXCERPT if blank < 0 else blank


def _phrase(words: Words) -> str:
    return f"({' <-> '.join(map(_quoted, words))})"


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
