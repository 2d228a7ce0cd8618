"""Which names pass for one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project.names import MAX_KEY, name_key


@pytest.mark.parametrize(
    "other",
    [
        "ada lovelace",
        "ADA  LOVELACE",
        "Ada-Lovelace",
        "Adа Lоvelасe",
        "Ada Love1ace",
        "Ada LoveIace",
        "Áda Lövelåce",
        "Ａｄａ Lovelace",
        "Ada\u200bLovelace",
        "\u0391da Lovelace",
        "Ada L0velace",
        "𝐀𝐝𝐚 Lovelace",
    ],
)
def test_these_pass_for_ada(other: str) -> None:
    assert name_key(other) == name_key("Ada Lovelace")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ada", "Adam"), ("राम", "रमा"), ("李雷", "李蕾"), ("Иван", "Ирина"), ("Ben", "Dan"), ("は", "ば")],
)
def test_these_do_not(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


def test_name_without_letters_passes_for_nobody() -> None:
    assert name_key("!!! \U0001f600") == ""


@given(st.text(max_size=300))
def test_key_is_short_and_blind_to_case(name: str) -> None:
    key = name_key(name)
    assert len(key) <= MAX_KEY
    assert name_key(name.upper()) == name_key(name.upper().lower())
