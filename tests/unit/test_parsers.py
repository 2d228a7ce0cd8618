"""JSON bodies: what two parsers could read differently is refused, and nothing costs more than its length."""

from __future__ import annotations

import io
import json
import time

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from project.drf_parsers import StrictJSONParser
from project.errors import Problem
from project.parsers import MAX_DEPTH, MAX_KEYS, parse_json, read_json
from tests.unit import corpus


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b"null",
        b'"a"',
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} {"b": 2}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 9223372036854775808}',
        b'{"a": -9223372036854775809}',
        b'{"a": ' + b"1" * 5_000 + b"}",
        b'{"a": 01}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": "\\u0000"}',
        b'{"\\u0000": 1}',
        b'{"a": ["\\ud800"]}',
        b'{"a": "\\udc00\\ud800"}',
        b'{"a": "\0"}',
        b'{"a": "\n"}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"a": "[[[" ' + b"[" * 100,
        b'{"a": "' + b'\\"' * 100_000,
        json.dumps({str(key): key for key in range(MAX_KEYS + 1)}).encode(),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes) -> None:
    begin = time.perf_counter()
    with pytest.raises(Problem) as caught:
        parse_json(body)
    assert (caught.value.code, caught.value.status) == ("malformed_json", 400)
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' {"a": "\\ud83d\\ude00"} ', {"a": "😀"}),
        (b'{"a": 9223372036854775807, "b": -9223372036854775807}', {"a": 2**63 - 1, "b": 1 - 2**63}),
        (b'{"a": 1.5e3, "b": [true, false, null]}', {"a": 1500.0, "b": [True, False, None]}),
        (b'{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', {"a": "[" * 43}),
        (b'{"a": "\\\\", "b": "[\\"]' + b"[" * 40 + b'"}', {"a": "\\", "b": '["]' + "[" * 40}),
        (json.dumps({str(key): key for key in range(MAX_KEYS)}).encode(), {str(key): key for key in range(MAX_KEYS)}),
        (b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}", None),
    ],
)
def test_what_is_plain_is_taken(body: bytes, value: object) -> None:
    assert parse_json(body) == (value if value is not None else json.loads(body))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    # "\0" is refused, as are surrogates.
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab\\"[{é', max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text('ab\\"[{é', max_size=4), json_values, max_size=4), st.booleans())
def test_what_was_sent_is_what_is_read(value: dict[str, object], ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=60) | st.text('{}[]":,\\u0d8ab1e. ', max_size=60).map(str.encode))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    try:
        assert isinstance(parse_json(body), dict)
    except Problem as problem:
        assert problem.code == "malformed_json"


def test_the_corpus_of_bad_bodies_is_read_or_refused_quickly() -> None:
    bodies = {path.name: path.read_bytes() for path in corpus.folder("json_bad").glob("*.json")}
    bodies |= {row["id"]: bytes.fromhex(row["input_hex"]) for row in corpus.rows("json_bad/jsontestsuite.jsonl")}
    for name, body in bodies.items():
        begin = time.perf_counter()
        try:
            value = parse_json(body)
        except Problem as problem:
            assert problem.code == "malformed_json", name
        else:
            assert json.loads(body) == value, name
            assert not name.startswith("n_"), name
        assert time.perf_counter() - begin < 1, name


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", 'application/json; charset="UTF-8"']
)
def test_json_in_utf_8_is_read(media_type: str) -> None:
    request = RequestFactory().post("/", data=b'{"a": 1}', content_type=media_type)
    assert read_json(request) == {"a": 1}
    assert StrictJSONParser().parse(io.BytesIO(b'{"a": 1}'), media_type) == {"a": 1}


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_other_types_are_415(media_type: str) -> None:
    request = RequestFactory().generic("POST", "/", data=b'{"a": 1}', content_type=media_type)
    with pytest.raises(Problem) as caught:
        read_json(request)
    assert caught.value.status == 415


def test_the_parser_of_drf_refuses_other_charsets() -> None:
    with pytest.raises(Problem) as caught:
        StrictJSONParser().parse(io.BytesIO(b"{}"), "application/json; charset=utf-16")
    assert caught.value.status == 415
