"""JSON cut into rows: the same rows as a parser of the whole finds, whatever the chunks, in the memory of one row."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.interchange import rows
from comments.interchange.records import Warnings
from comments.interchange.rows import Lines, Lists, outline
from comments.interchange.window import Window

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\[]{}:,\n\u2028é', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\[]{}:', max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text('ab"\\[]{}:', max_size=4), VALUES, max_size=4), max_size=4)


def in_chunks(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def lists(text: str, *paths: str, size: int = 7) -> tuple[list[tuple[str, Any]], Lists]:
    reader = Lists(Window(in_chunks(text, size)), Warnings(), paths, paths[0])
    return [(row.path, {name: row.fields._values[name] for name in row.fields}) for row in reader], reader


@given(OBJECTS, OBJECTS, VALUES, st.integers(1, 9), st.booleans())
def test_rows_are_those_of_the_whole_document(one: Any, two: Any, other: Any, size: int, ascii_only: bool) -> None:
    document = {"x": other, "one": one, "in": {"y": [other], "two": two, "one": [{"no": 1}]}, "z": {"one": [other]}}
    found, reader = lists(json.dumps(document, ensure_ascii=ascii_only), "one", "in.two", size=size)
    assert found == [("one", row) for row in one] + [("in.two", row) for row in two]
    assert reader.complete


@given(OBJECTS, st.integers(1, 9))
def test_a_document_may_be_one_list(objects: Any, size: int) -> None:
    found, reader = lists(json.dumps(objects, indent=1), "", size=size)
    assert found == [("", row) for row in objects]
    assert reader.complete


@given(OBJECTS, st.integers(1, 9))
def test_lines_are_rows(objects: Any, size: int) -> None:
    text = "\n".join(map(json.dumps, objects))
    reader = Lines(Window(in_chunks(text, size)), Warnings())
    assert [{name: row.fields._values[name] for name in row.fields} for row in reader] == objects
    assert reader.complete


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"a": NaN}', rows.MALFORMED),
        ('{"a": 01}', rows.MALFORMED),
        ('{"a": "\\x"}', rows.MALFORMED),
        ("{'a': 1}", rows.MALFORMED),
        ('{"a": 1,}', rows.MALFORMED),
        ("[1]", rows.MALFORMED),
        ('{"a": ' + "9" * 5000 + "}", rows.MALFORMED),
        ('{"a": ' + "[" * 60 + "]" * 60 + "}", rows.OVERLONG),
        ('{"a": "' + "x" * (rows.MAX_ROW + 10) + '"}', rows.OVERLONG),
        ('{"a": [' + "1," * rows.MAX_ROW + "1]}", rows.OVERLONG),
    ],
)
def test_a_row_that_is_no_good_costs_no_other(bad: str, reason: str) -> None:
    text = f'{{"rows": [{{"n": 1}}, {bad}, {{"n": 2}}]}}'
    found, reader = lists(text, "rows", size=1 << 16)
    assert found == [("rows", {"n": 1}), ("rows", {"n": 2})]
    assert reader.complete
    assert [(caution.reason, caution.count) for caution in reader._warnings] == [(reason, 1)]
    assert reader._warnings.lost == 1


@pytest.mark.parametrize("text", ['{"rows": [{"n": 1}}', '{"rows": [{"n": 1}]]', '{"rows": [{"n": 1}], "x": "'])
def test_damage_between_rows_ends_the_reading(text: str) -> None:
    found, reader = lists(text, "rows")
    assert found == [("rows", {"n": 1})]
    assert not reader.complete


def test_every_place_at_which_a_file_may_end_is_noticed() -> None:
    text = '{"x": {"a": ["}"]}, "rows": [{"n": 1, "t": "a\\"]}"}, {"n": 2}]}'
    for end in range(len(text)):
        found, reader = lists(text[:end], "rows", size=5)
        assert not reader.complete
        assert len(found) == (end >= text.index(", {")) + (end >= len(text) - 2)


def test_what_follows_the_document_is_noted() -> None:
    _, reader = lists('{"rows": []}  \n', "rows")
    reader.note_rest()
    assert not list(reader._warnings)
    _, reader = lists('{"rows": []}  \n x', "rows")
    reader.note_rest()
    assert [caution.reason for caution in reader._warnings] == [rows.REST]


@pytest.mark.parametrize("opening", ["[", "{", '{"a":', '[{"a":', '"', '{"rows":[', '{"rows":[{"a":"'])
def test_memory_does_not_grow_with_what_never_closes(opening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROW", 1 << 14)
    chunk = opening * 1000
    tracemalloc.start()
    try:
        reader = Lists(Window(chunk for _ in range(100)), Warnings(), {"rows", ""}, "rows")
        assert not list(reader)
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()
    assert not reader.complete


def test_memory_does_not_grow_with_the_number_of_rows() -> None:
    row = json.dumps({"id": 1, "text": "x" * 1000}) + ","
    chunks = ['{"rows": [', *[row * 20] * 200, '{"id": 2}]}']
    tracemalloc.start()
    try:
        reader = Lists(Window(iter(chunks)), Warnings(), {"rows"}, "rows")
        assert sum(1 for _ in reader) == 4_001
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert reader.complete


def test_the_outline_names_the_members_of_the_first_document() -> None:
    text = '{"a": 1, "b": [{"c": "x:y", "d": {"e": [1]}}], "f": null}\n{"g": 1}'
    assert outline(text) == ["a", "b", "b.c", "b.d", "b.d.e", "f"]
    assert outline('[{"a": 1}, {"b": 2}, "c"]') == ["a", "b"]
    assert len(outline(json.dumps({f"k{number}": 1 for number in range(5000)}))) < 500
    assert outline("[" * 100_000) == []
