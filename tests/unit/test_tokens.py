"""Tokens, keyed hashes and keys: no purpose opens another's, nothing forged is read, no junk raises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from project import tokens
from project.tokens import BadToken, Purpose


@pytest.mark.parametrize("purpose", list(Purpose))
def test_what_was_signed_is_read_by_its_own_purpose_only(purpose: Purpose) -> None:
    token = tokens.sign(purpose, {"follow": 5})
    for other in Purpose:
        if other is purpose:
            assert tokens.read(other, token) == {"follow": 5}
        else:
            with pytest.raises(BadToken):
                tokens.read(other, token)


def test_a_token_expires_only_where_an_age_is_asked() -> None:
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        token = tokens.sign(Purpose.CONFIRM_FOLLOW, 1)
    with time_machine.travel(datetime(2026, 1, 4, 1, tzinfo=UTC), tick=False):
        assert tokens.read(Purpose.CONFIRM_FOLLOW, token, timedelta(days=4)) == 1
        assert tokens.read(Purpose.CONFIRM_FOLLOW, token) == 1
        with pytest.raises(BadToken) as caught:
            tokens.read(Purpose.CONFIRM_FOLLOW, token, timedelta(days=3))
        assert caught.value.expired


@given(st.text(max_size=80) | st.text("abcXYZ012:-_.=", max_size=80))
def test_no_junk_raises_anything_else(junk: str) -> None:
    with pytest.raises(BadToken):
        tokens.read(Purpose.LEAVE, junk)
    assert tokens.read_edit_token(junk) is None
    with pytest.raises(BadToken):
        tokens.read_voter_token(junk)
    assert len(tokens.api_key_digest(junk)) == 64


def test_one_changed_character_spoils_a_token() -> None:
    token = tokens.sign(Purpose.LEAVE, 7)
    for position in range(len(token)):
        changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        with pytest.raises(BadToken):
            tokens.read(Purpose.LEAVE, changed)


def test_a_voter_token_is_read_whole_or_not_at_all() -> None:
    token, other = tokens.new_voter_token(), tokens.new_voter_token()
    assert tokens.read_voter_token(token) == token[4:26] != tokens.read_voter_token(other)
    forged = [
        token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :] for position in range(49)
    ]
    forged += [token + "A", token[:-1], token.upper(), f" {token}", f"{token}\n", token[:26] + other[26:]]
    for each in forged:
        with pytest.raises(BadToken):
            tokens.read_voter_token(each)


def test_an_edit_token_proves_one_comment_with_one_nonce() -> None:
    nonce = uuid4().hex
    token = tokens.edit_token(12, nonce)
    assert token.startswith("awe_")
    assert tokens.edit_token(12, nonce) == token
    read = tokens.read_edit_token(token)
    assert read is not None
    assert read.comment_id == 12
    assert tokens.proves_edit(read, nonce)
    assert not tokens.proves_edit(read, uuid4().hex)
    assert not tokens.proves_edit(read._replace(comment_id=13), nonce)


@pytest.mark.parametrize(
    "token", ["awe_0.{}", "awe_01.{}", "awe_-1.{}", "awe_9999999999999999999.{}", "awe_１.{}", "awk_1.{}"]
)
def test_an_edit_token_has_one_spelling(token: str) -> None:
    assert tokens.read_edit_token(token.format("a" * 22)) is None


def test_keyed_hashes_differ_by_purpose_and_by_part() -> None:
    hashes = {
        tokens.keyed_hash(Purpose.ADDRESS, "ab", "c"),
        tokens.keyed_hash(Purpose.ADDRESS, "a", "bc"),
        tokens.keyed_hash(Purpose.ADDRESS, "abc"),
        tokens.keyed_hash(Purpose.VISITOR, "ab", "c"),
    }
    assert len(hashes) == 4
    assert all(len(value) == 32 for value in hashes)


def test_keyed_hashes_hang_on_the_secret_key(settings: object) -> None:
    before = tokens.keyed_hash(Purpose.ADDRESS, "a")
    settings.SECRET_KEY = "another secret for this test alone"  # type: ignore[attr-defined]
    assert tokens.keyed_hash(Purpose.ADDRESS, "a") != before


def test_api_keys_are_found_by_their_digest() -> None:
    key = tokens.new_api_key()
    assert key.plain.startswith("awk_")
    assert key.plain.startswith(key.prefix)
    assert tokens.api_key_digest(key.plain) == key.digest
    assert key.plain not in key.digest
    assert tokens.new_api_key().plain != key.plain
