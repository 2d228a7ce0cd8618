"""Where pages have moved: single pages, whole beginnings, and mappings that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project.address_map import AddressMap, NoAddressMap, one_beginning, read_address_map

OLD, NEW = "https://old.example", "https://new.example"


def read(folder: Path, text: str | bytes) -> AddressMap:
    path = folder / "moves.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_address_map(path)


def test_a_page_is_found_in_every_spelling_of_its_old_address(tmp_path: Path) -> None:
    moves = read(tmp_path, f"{OLD}/one/,{NEW}/1\n")
    for spelling in ("http://OLD.example/one", f"{OLD}/one/?utm_source=x", f"{OLD}:443/%6Fne#comments"):
        assert moves.target(spelling) == f"{NEW}/1"
    assert moves.target(f"{OLD}/two") == ""


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (f"{OLD}/blog/2013/one", f"{NEW}/news/2013/one"),
        (f"{OLD}/blog/2014/one?page=2", f"{NEW}/archive/one?page=2"),
        (f"{OLD}/blog/2014/", f"{NEW}/archive/"),
        (f"{OLD}/blog?p=4", f"{NEW}/news/?p=4"),
        (f"{OLD}/blogroll", ""),
        (f"{OLD}/", ""),
        (f"{OLD}/blog/2014/kept", f"{NEW}/kept"),
    ],
)
def test_the_longest_beginning_decides_and_a_page_before_it(tmp_path: Path, url: str, target: str) -> None:
    lines = [f"{OLD}/blog/*,{NEW}/news/*", f"{OLD}/blog/2014*,{NEW}/archive*", f"{OLD}/blog/2014/kept,{NEW}/kept"]
    assert read(tmp_path, "\n".join(lines)).target(url) == target


def test_a_move_is_made_once(tmp_path: Path) -> None:
    moves = read(tmp_path, f"{OLD}/a,{OLD}/b\n{OLD}/b,{OLD}/a\n")
    assert (moves.target(f"{OLD}/a"), moves.target(f"{OLD}/b")) == (f"{OLD}/b", f"{OLD}/a")


def test_a_domain_moves_with_all_its_pages() -> None:
    for old in (OLD, f"{OLD}/", f"{OLD}/*"):
        moves = one_beginning(old, f"{NEW}/blog/")
        assert moves.target("http://old.example/2013/one/") == f"{NEW}/blog/2013/one"
        assert moves.target(OLD) == f"{NEW}/blog/"
        assert moves.target("https://very.old.example/") == ""


def test_what_nobody_asked_for_is_told_as_it_was_written(tmp_path: Path) -> None:
    moves = read(tmp_path, f"Old,New\n{OLD}/One/,{NEW}/1\n\n{OLD}/Two/,{NEW}/2\n{OLD}/x/*,{NEW}/*\n")
    moves.target(f"{OLD}/One")
    assert list(moves.unused.values()) == [f"{OLD}/Two/", f"{OLD}/x/*"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no line with"),
        ("old,new\n", "no line with"),
        (f"{OLD}/a\n", "Line 1 of the mapping has not two columns"),
        (f"{OLD}/a,{NEW}/a,x\n", "Line 1 of the mapping has not two columns"),
        (f"{OLD}/a,{NEW}/a\n/b,{NEW}/b\n", "Line 2 of the mapping: /b to"),
        (f"{OLD}/a,javascript:alert(1)\n{OLD}/a,{NEW}\n", "Line 1 of the mapping: "),
        (f"{OLD}/a,{NEW}/a\nhttp://old.example/a/,{NEW}/b\n", "has another new address already"),
        (f"{OLD}/*,{NEW}/a\n", "Either both addresses end in * or neither does"),
        (f"{OLD}/?a*,{NEW}/*\n", "neither a question mark nor a fragment"),
        (f'"{OLD}/a\n', "cannot be read"),
        (f"{OLD}/a,{NEW}/\xff\n".encode("latin-1"), "cannot be read"),
        (f"{OLD}/a,{'x' * 200_000}\n", "cannot be read"),
    ],
)
def test_a_mapping_with_a_bad_line_is_refused_in_one_sentence(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(NoAddressMap) as refused:
        read(tmp_path, text)
    sentence = str(refused.value)
    assert told in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@given(path=st.text(alphabet="ab/.?%é*", max_size=12))
def test_every_page_below_moves_to_a_page_below(path: str) -> None:
    moves = one_beginning(f"{OLD}/blog", NEW)
    assert moves.target(f"{OLD}/blog/{path.lstrip('./%')}").startswith(f"{NEW}/")
