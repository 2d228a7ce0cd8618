"""Cursors lead on only where they were given out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project import cursors
from project.errors import Problem

values = st.lists(st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=10), max_size=5)


@given(st.text("thread:12newest", max_size=20), values)
def test_what_was_encoded_is_decoded(scope: str, given_values: list[object]) -> None:
    cursor = cursors.encode(scope, *given_values)
    assert cursors.decode(scope, cursor) == given_values
    with pytest.raises(Problem):
        cursors.decode(scope + "x", cursor)


def test_one_changed_character_spoils_a_cursor() -> None:
    cursor = cursors.encode("thread:1:newest", "2026-01-01T00:00:00Z", 5)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for position, character in enumerate(cursor):
        for other in alphabet:
            if other != character:
                with pytest.raises(Problem):
                    cursors.decode("thread:1:newest", cursor[:position] + other + cursor[position + 1 :])


@given(st.text(max_size=40) | st.text("abcABC019-_=", max_size=60))
def test_junk_is_one_refusal(junk: str) -> None:
    with pytest.raises(Problem) as caught:
        cursors.decode("thread:1:newest", junk)
    assert (caught.value.code, caught.value.status) == ("cursor_invalid", 400)
