"""Single values of an export come out usable or empty, never as an error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.interchange import fields
from comments.services.intake_tree import first_of_circles


@pytest.mark.parametrize("text", ["", "0000-00-00 00:00:00", "2020-13-01 00:00:00", "2020-01-01", "not a date"])
def test_nonsense_is_no_time(text: str) -> None:
    assert fields.wordpress_time(text) is None
    assert fields.iso_time(text) is None


def test_times_are_utc_whatever_the_servers_zone() -> None:
    expected = datetime(2011, 8, 31, 15, 16, 29, tzinfo=UTC)
    assert fields.wordpress_time(" 2011-08-31 15:16:29 ") == expected
    for text in ("2011-08-31T15:16:29Z", "2011-08-31T15:16:29", "2011-08-31T17:16:29+02:00"):
        assert fields.iso_time(text) == expected
    assert fields.iso_time("1969-12-31T23:59:59Z") == datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert fields.iso_time("0001-01-01T00:00:00+14:00") is None


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://ben.example/~ben/", "https://ben.example/~ben/"),
        ("www.ben.example", "http://www.ben.example/"),
        ("http://", ""),
        ("javascript:alert(1)", ""),
        ("ben at home", ""),
        ("", ""),
    ],
)
def test_addresses_of_authors(given_url: str, kept: str) -> None:
    assert fields.author_address(given_url) == kept


def test_mailboxes_are_trimmed_and_headers_refused() -> None:
    assert fields.email_address(" ben@example.org\n   ") == "ben@example.org"
    assert fields.email_address("a@a.example\nBcc: c@evil.example") == ""


def test_names_are_decoded_once() -> None:
    assert fields.plain("Ben &amp;amp; \n Ada &#8217;", 200) == "Ben &amp; Ada ’"
    assert fields.headline("<b>A</b> &lt;b&gt;", 200) == "A <b>"


@given(st.text(), st.integers(min_value=80, max_value=500))
def test_identifiers_fit_and_differ(text: str, limit: int) -> None:
    assert len(fields.name_within(text, limit)) <= limit
    assert fields.name_within("x" * 600 + "a", limit) != fields.name_within("x" * 600 + "b", limit)


@given(st.text())
def test_nothing_makes_an_error(text: str) -> None:
    for read in (fields.wordpress_time, fields.iso_time, fields.page_address, fields.author_address, fields.host_of):
        read(text)
    for read in (fields.email_address, fields.base_source, fields.made_up_id):
        read(text)


@given(st.dictionaries(st.integers(0, 30), st.integers(0, 30), max_size=30))
def test_one_comment_of_each_circle_is_found(parents: dict[int, int]) -> None:
    opened = {child: parent for child, parent in parents.items() if child not in first_of_circles(parents)}
    for start in opened:
        node, steps = start, 0
        while node in opened:
            node, steps = opened[node], steps + 1
            assert steps <= len(parents)
    assert set(first_of_circles(parents)) <= set(parents)
