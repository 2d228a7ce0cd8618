"""The pieces of an edit: both texts come out of them again, and hostile ones cost no more than others."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.diffs import MOST_WORK, diff

TEXT = st.text(st.sampled_from("ab c.\n<&é"), max_size=60) | st.text(max_size=60)


@given(TEXT, TEXT)
def test_both_texts_can_be_put_together_again(old: str, new: str) -> None:
    pieces = diff(old, new)
    assert "".join(piece.text for piece in pieces if piece.op != "insert") == old
    assert "".join(piece.text for piece in pieces if piece.op != "delete") == new
    assert all(piece.text for piece in pieces)
    assert all(one.op != other.op for one, other in pairwise(pieces))


@given(TEXT)
def test_same_text_has_no_change(text: str) -> None:
    assert [piece.op for piece in diff(text, text)] == (["equal"] if text else [])


def test_change_of_one_word_is_told_by_that_word() -> None:
    assert diff("I like red fish.", "I like blue fish.") == [
        ("equal", "I like "),
        ("delete", "red"),
        ("insert", "blue"),
        ("equal", " fish."),
    ]


@pytest.mark.parametrize(
    ("old", "new", "ops"),
    [
        ("ab " * 3_000 + "x", "ab " * 3_000 + "y", ["equal", "delete", "insert"]),  # words: most of it is alike
        ("a b\n" * 400 + "x " * 600, "c d\n" + "a b\n" * 400 + "y " * 600, ["insert", "equal", "delete", "insert"]),
        (".!" * 5_000, "!!." * 3_333, ["delete", "insert"]),  # one line: as a whole
    ],
)
def test_work_is_bounded_for_long_texts(old: str, new: str, ops: list[str]) -> None:
    assert MOST_WORK < 1_000 * 1_000
    assert [piece.op for piece in diff(old, new)] == ops
