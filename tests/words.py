"""The catalogues of words as tests read them, and a language of no people in which a forgotten word is seen."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from django.test import override_settings
from django.utils import dates
from django.utils.translation import trans_real

from tests.source import ROOT

# Django has no words in it, so that every word that is shown passed through a catalogue of ours.
PSEUDO = "tlh"
# What stays as it is: elements, the names of what is put in, and what is no word of ours.
KEPT = re.compile(r"<[^>]*>|%\(\w+\)s|UTC|Afterword|Europe/Berlin|Re:")
WIDE = {ord(letter): ord(letter) + 0xFEE0 for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"}


def words_tool() -> ModuleType:
    """Return `.ci/words` as a module."""
    loader = SourceFileLoader("words_tool", str(ROOT / ".ci" / "words"))
    spec = importlib.util.spec_from_loader("words_tool", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def strange(words: str) -> str:
    """Return a message in letters that look alike and are no ASCII."""
    parts = re.split(f"({KEPT.pattern})", words)
    return "".join(part if number % 2 else part.translate(WIDE) for number, part in enumerate(parts))


@contextmanager
def pseudo_language(folder: Path) -> Iterator[None]:
    """Speak the pseudo language, and no other than it and English, from a catalogue made in a folder."""
    catalog = Catalog(locale="en")
    for message in words_tool().template():
        if not message.id:
            continue
        # A context of ours belongs to no sentence: it says how a date is written.
        forms = [one if message.context else strange(one) for one in as_forms(message.id)]
        catalog.add(message.id, tuple(forms) if len(forms) > 1 else forms[0], context=message.context)
    for word in [*dates.WEEKDAYS.values(), *dates.MONTHS.values()]:
        catalog.add(str(word), strange(str(word)))
    path = folder / PSEUDO / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalog)
    languages = [("en", "English"), (PSEUDO, "\u8a00\u8449")]
    try:
        with override_settings(LOCALE_PATHS=[folder], LANGUAGES=languages):
            forget()
            yield
    finally:
        forget()


def forget() -> None:
    """Let Django read catalogues and settings anew."""
    trans_real._translations.clear()
    trans_real.reset_cache(setting="LANGUAGES", enter=True)


def as_forms(words: Any) -> list[str]:
    """Return a message or its translation as the list of its forms."""
    return [words] if isinstance(words, str) else list(words)
