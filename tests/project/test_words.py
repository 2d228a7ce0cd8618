"""Every message is in every language: complete, with the same names in it, and compiled."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from django.conf import settings
from django.test import Client

from project import languages
from project.settings import LANGUAGES
from tests.words import as_forms, words_tool

LOCALE = Path(settings.BASE_DIR) / "project" / "locale"
OTHERS = [code for code, _ in LANGUAGES if code != "en"]
NAME = re.compile(r"%\((\w+)\)s")
TAG = re.compile(r"</?\w+")
# What a number is called in messages that count; forms for 0, 1 and 2 may say it in words.
COUNTS = {"n", "total", "days", "minutes", "reached"}
SPOKEN = {"ar": 3}


@pytest.fixture(scope="module")
def wanted() -> Catalog:
    found: Catalog = words_tool().template()
    assert len(found) > 150
    return found


def catalogue(language: str) -> Catalog:
    return read_po(io.BytesIO((LOCALE / language / "LC_MESSAGES" / "django.po").read_bytes()), locale=language)


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_has_exactly_the_messages_of_the_sources(language: str, wanted: Catalog) -> None:
    ids = {(message.context, str(message.id)) for message in wanted if message.id}
    assert {(message.context, str(message.id)) for message in catalogue(language) if message.id} == ids
    assert not catalogue(language).obsolete


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated_whole(language: str) -> None:
    wrong = []
    catalog = catalogue(language)
    for message in catalog:
        if not message.id:
            continue
        forms = as_forms(message.string)
        count = catalog.num_plurals if message.pluralizable else 1
        if message.fuzzy or len(forms) != count or not all(forms):
            wrong.append(f"{message.id}: fuzzy, empty or without some form")
            continue
        names = set(NAME.findall(as_forms(message.id)[-1]))
        for number, form in enumerate(forms):
            left_out = names - set(NAME.findall(form))
            may_miss = COUNTS if message.pluralizable and number < SPOKEN.get(language, 0) else set()
            if number == 0:
                may_miss = may_miss | (names - set(NAME.findall(as_forms(message.id)[0])))
            if set(NAME.findall(form)) - names or left_out - may_miss:
                wrong.append(f"{message.id}: other names in {form}")
            if sorted(TAG.findall(form)) != sorted(TAG.findall(as_forms(message.id)[-1])):
                wrong.append(f"{message.id}: other elements in {form}")
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_words_and_the_tool_would_change_nothing(language: str) -> None:
    tool, folder = words_tool(), LOCALE / language / "LC_MESSAGES"
    po = (folder / "django.po").read_bytes()
    assert (folder / "django.mo").read_bytes() == tool.mo_of(po, language)
    assert tool.po_of(tool.renewed(language, tool.template())) == po


def test_arabic_has_the_six_forms_of_its_grammar() -> None:
    catalog = catalogue("ar")
    assert catalog.num_plurals == 6
    found = [int(eval(python_of(catalog.plural_expr), {"n": n})) for n in (0, 1, 2, 3, 10, 11, 99, 100, 101, 103, 111)]
    assert found == [0, 1, 2, 3, 3, 4, 4, 5, 5, 3, 4]


def python_of(expression: str) -> str:
    """Return what the C expression of a catalogue means, as Python reads it."""
    condition, _, rest = expression.partition("?")
    if not rest:
        return expression
    then, _, otherwise = rest.partition(":")
    return f"({then} if {condition.replace('&&', ' and ')} else {python_of(otherwise.strip())})"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de", "de"),
        ("de-AT, en;q=0.5", "de"),
        ("AR-eg", "ar"),
        ("pt, fr;q=0.3, es;q=0.8", "es"),
        ("fr;q=0, es;q=0.1", "es"),
        ("", ""),
        ("*", ""),
        ("pt-BR", ""),
        ("de;q=x", ""),
        ("de,;;,,=", ""),
        ("../../etc/passwd", ""),
        ("<script>", ""),
        ("de\u2028", ""),
        ("x" * 10_000, ""),
        ("de-" + "a" * 9_000, ""),
        ("pt," * 3_000 + "de", ""),
        ("de_DE", ""),
        ("-", ""),
    ],
)
def test_what_a_browser_asks_for_is_one_of_ours_or_none_and_never_an_error(rf: Any, header: str, language: str) -> None:
    assert languages.asked_for(rf.get("/", HTTP_ACCEPT_LANGUAGE=header)) == language


@pytest.mark.parametrize("kept", ["", "pt-BR", "DE", "de-AT", " de ", "\0", "x" * 16, "../en"])
def test_what_is_kept_of_a_reader_is_one_of_ours_or_english(kept: str) -> None:
    with languages.speaking(kept):
        spoken = languages.translation.get_language()
    assert spoken == ("de" if kept.strip().lower().startswith("de") else "en")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/follows/leave/x", "/follows/manage/x", "/sign-in/x", "/notices/x"])
def test_a_refusal_speaks_the_browser_s_language_and_says_so(client: Client, path: str) -> None:
    page = client.get(path, headers={"Accept-Language": "ar"})
    assert page.status_code == 404 and page["Content-Language"] == "ar"
    assert "Accept-Language" in page["Vary"] and not page.cookies
    assert '<html lang="ar" dir="rtl">' in page.content.decode() and "رابط" in page.content.decode()
    assert languages.translation.get_language() == "en", "nothing is left of it for the next request"


@pytest.mark.django_db
def test_the_api_and_other_pages_do_not_vary(client: Client) -> None:
    for path in ("/api/v1/sites/none/articles", "/a/1"):
        answer = client.get(path, headers={"Accept-Language": "ar"})
        assert "Accept-Language" not in answer.get("Vary", "") and "العربية" not in answer.content.decode()
        assert answer.content == client.get(path).content
