"""From bytes to text: archives, marks, encodings, characters XML forbids."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from comments.interchange.decoding import clean_text
from comments.interchange.records import NotImportable, Warnings

TEXT = '<?xml version="1.0" encoding="{}"?>\n<rss>Grüße, 漢字 und 😀</rss>'


def read(folder: Path, content: bytes) -> tuple[str, dict[str, int]]:
    path = folder / "export"
    path.write_bytes(content)
    warnings = Warnings()
    text = "".join(clean_text(path, warnings))
    return text, {caution.reason: caution.count for caution in warnings}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    declared = "UTF-8" if encoding == "utf-8-sig" else encoding
    text = TEXT.format(declared)
    assert read(tmp_path, text.encode(encoding)) == (text, {})


def test_a_single_byte_encoding_is_read_unless_the_bytes_are_utf8(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><rss>Grüße</rss>'
    assert read(tmp_path, text.encode("latin-1")) == (text, {})
    found, warnings = read(tmp_path, text.encode("utf-8"))
    assert found == text
    assert list(warnings) == ["the file says that its encoding is ISO-8859-1; it is UTF-8 and was read as that"]


@pytest.mark.parametrize("name", ["UTF-7", "x-bogus", "UTF-16", "idna", "rot13", "zlib", "unicode_escape"])
def test_other_encodings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotImportable, match=r"encoding .*\.$"):
        read(tmp_path, TEXT.format(name).encode())


def test_forbidden_characters_are_removed_and_counted(tmp_path: Path) -> None:
    found, warnings = read(tmp_path, "a\x00b\x08c\ufffed\te\nf".encode())
    assert found == "abcd\te\nf"
    assert warnings == {"control characters that XML forbids were removed": 3}


def test_bytes_that_are_no_text_stay_visible_to_the_parser(tmp_path: Path) -> None:
    assert read(tmp_path, b"a\xff\xc3b")[0] == "a\udcff\udcc3b"


def test_archives_are_unpacked_and_damaged_ones_read_to_the_damage(tmp_path: Path) -> None:
    content = TEXT.format("utf-8").encode() * 20_000
    packed = gzip.compress(content)
    assert read(tmp_path, packed)[0].encode() == content
    found, warnings = read(tmp_path, packed[: len(packed) // 2])
    assert content.startswith(found.encode())
    assert warnings == {"the archive is damaged and could be read only to that place": 1}


def test_an_archive_that_swells_beyond_measure_ends_early(tmp_path: Path) -> None:
    found, warnings = read(tmp_path, gzip.compress(b"<disqus>" + b" " * (100 << 20)))
    assert len(found) < 70 << 20
    assert warnings == {"the archive swells beyond all measure and was not read further": 1}
