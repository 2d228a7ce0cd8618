"""As what a name passes for: two names that a reader could take for one another have the same key.

Compatibility forms, letter case, accents, blanks and punctuation are left out, and letters of other alphabets that look
like Latin ones are taken for these. The tables have what is confused in practice, after Unicode's report 39; they are
no complete list of what looks alike.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

MAX_KEY: Final = 200

# Cyrillic, Greek, Armenian and rare Latin small letters that look like ordinary ones. A capital I looks like a small l,
# so all that looks like either is one letter.
_ALIKE: Final = (
    "aаαɑ bвβƅ cсϲ dԁđ eеεє gցɡ hһհħн jј kкκ liіιıɩłӏ1| mм nпηո oоοøօσ0 pрρ qԛգ rгґ sѕ tтτ uυս vѵν wԝωա xхχ yуγʏү zᴢ"
)
_LOOKALIKES: Final = {ord(other): group[0] for group in _ALIKE.split() for other in group[1:]}


@lru_cache(maxsize=10_000)
def name_key(name: str) -> str:
    """Return what a name is compared by, "" for one without a letter or digit; at most 200 characters."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    letters = unicodedata.normalize("NFKD", plain).translate(_LOOKALIKES)
    return "".join(filter(_tells_apart, letters))[:MAX_KEY]


def _tells_apart(letter: str) -> bool:
    """Letters and digits, and the marks of scripts whose vowels are marks; accents do not."""
    return letter.isalnum() or (unicodedata.category(letter)[0] == "M" and not "\u0300" <= letter <= "\u036f")
