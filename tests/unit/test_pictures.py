"""Texts in pictures: lines that fit, fonts for every script, directions, and what nobody can draw."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, features

from sharing.pictures import fonts
from sharing.pictures.drawing import INK, draw
from sharing.pictures.lines import Line, Style, read, set_lines
from sharing.pictures.words import MOST, Words

STYLE = Style(64, 700)
SCRIPTS = {
    "latin": "Größe naïve Łódź Việt",
    "greek": "Ελληνικά",
    "cyrillic": "Привет Ђ",
    "arabic": "النحل والدبابير",
    "hebrew": "דבורים וצרעות",
    "devanagari": "मधुमक्खियाँ और क्षत्रिय",
    "thai": "ผึ้งและตัวต่อ",
    "tamil": "தேனீக்கள்",
    "chinese": "蜜蜂与黄蜂",
    "japanese": "ミツバチと蜂",
    "korean": "꿀벌과 말벌",
    "emoji": "🐝👩‍🚀👨‍👩‍👧‍👦🏳️‍🌈🇩🇪1️⃣❤️☕👍🏽",
}


def text_of(line: Line) -> str:
    return "".join(run.text for run in line.runs)


def ink(picture: bytes) -> int:
    """Return how many pixels of the middle have the colour of the headline."""
    middle = Image.open(io.BytesIO(picture)).convert("RGB").crop((0, 130, 1200, 500))
    colour = tuple(int(INK[start : start + 2], 16) for start in (1, 3, 5))
    return sum(count for count, found in middle.getcolors(1 << 24) if found == colour)


def test_pillow_brings_what_shapes_text() -> None:
    assert features.check("raqm")
    assert features.check("fribidi")


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_drawn_by_fonts_that_have_it(script: str) -> None:
    clusters = read(SCRIPTS[script])
    assert "".join(each.text for each in clusters) == SCRIPTS[script]
    assert all(each.face.has(each.text) for each in clusters)
    assert ink(draw(Words("", SCRIPTS[script], ""), 0, 1200)) > 500


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("بيت", ["ب", "ي", "ت"]),  # letters join
        ("क्ष", ["क", "ष"]),  # two letters become one
        ("👨‍👩‍👧‍👦", ["👨", "👩"]),  # a family is one picture
        ("🇩🇪", ["🇩", "🇪"]),
    ],
)
def test_characters_that_belong_together_are_shaped_together(whole: str, parts: list[str]) -> None:
    def width(text: str) -> float:
        return sum(line.width for line in set_lines(text, STYLE, 1000, 1))

    assert 0 < width(whole) < sum(map(width, parts))


def test_runs_of_both_directions_stand_in_the_order_of_reading() -> None:
    for text, is_rtl, words in (
        ("שלום Paris עולם", True, ["עולם", "Paris", "שלום"]),
        ("See שלום 字 then", False, ["See", "שלום", "字", "then"]),
        ("See שלום 2026 then", False, ["See", "2026", "שלום", "then"]),
        ("عام 2026 في Paris", True, ["Paris", "في", "2026", "عام"]),
    ):
        (line,) = set_lines(text, STYLE, 1000, 1)
        assert line.is_rtl is is_rtl
        assert [run.text.strip() for run in line.runs if run.text.strip()] == words


@pytest.mark.parametrize("text", ["word " * 100, "W" * 3000, "字" * 900, "ب" * 900, "👩‍🚀" * 300, "a-b" * 500])
def test_lines_fit_and_the_last_tells_that_there_is_more(text: str) -> None:
    lines = set_lines(text, STYLE, 1000, 3)
    assert len(lines) == 3
    assert all(0 < line.width <= 1000 * 1.02 for line in lines)
    assert "…" in text_of(lines[-1])


def test_no_line_of_chinese_begins_with_a_stop() -> None:
    for length in range(10, 20):
        lines = set_lines("字" * length + "。「字」，" * 5, STYLE, 640, 9)
        assert all(text_of(line)[0] not in "。」，" for line in lines)
        assert all(text_of(line)[-1] != "「" for line in lines)


def test_marks_do_not_pile_up_and_direction_is_not_turned() -> None:
    clusters = read("e" + "\u0301" * 500 + "\u202egnp.exe\u202c\u0000\u0007\ufffe")
    assert max(len(each.text) for each in clusters) <= 6
    assert "".join(each.text for each in clusters)[-7:] == "gnp.exe"
    assert len(read("a" * 100_000)) == MOST


def test_what_no_font_has_is_no_box() -> None:
    unknown = "\u0f00\u0f40\u0f0b"  # Tibetan
    assert read(f"A word of {unknown}") == []
    assert next(each.text for each in read("A\U0001fbfe b")) == "A"
    assert ink(draw(Words("Site", unknown, "Ada"), 0, 1200)) == 0


def test_without_fonts_there_is_still_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "NOTO", "no_such_package")
    monkeypatch.setattr(fonts, "CJK", "no_such_package")
    fonts.faces.cache_clear()
    try:
        picture = draw(Words("Site", "Bees", "Ada"), 3, 1200)
    finally:
        fonts.faces.cache_clear()
    assert ink(picture) == 0
    assert Image.open(io.BytesIO(picture)).size == (1200, 630)


def test_hostile_texts_are_drawn(shared_data: Path) -> None:
    lines = (shared_data / "badinput/unicode.jsonl").read_text(encoding="utf-8").splitlines()
    texts: list[Any] = [json.loads(line).get("input") for line in lines]
    for text in [*texts, "", " ", "\0", "\u200d", "\ufe0f", "\U000e0001" * 50, "a" * 10_000, "\u0301" * 10_000]:
        if isinstance(text, str):
            clean = text.encode(errors="replace").decode()
            picture = draw(Words(clean, clean, clean, clean), 1, 300)
            assert Image.open(io.BytesIO(picture)).size == (300, 158)
