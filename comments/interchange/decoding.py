"""From the bytes of a file to clean text, in chunks: gzip, byte order marks, encodings, characters XML forbids."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from comments.interchange.records import NotImportable, Warnings

SWELLS: Final = "the archive swells beyond all measure and was not read further"
CUT_SHORT: Final = "the archive is damaged and could be read only to that place"

CHUNK: Final = 1 << 18
PEEK: Final = 1 << 20
# A file of exported text shrinks to a fifth or a tenth; what swells further than this is not one.
MAX_SWELL: Final = 200
FREE_SWELL: Final = 64 << 20
GZIP_MAGIC: Final = b"\x1f\x8b"
# Characters that XML 1.0 forbids, which real exports hold nevertheless.
FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
DECLARED: Final = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
SINGLE_BYTE: Final = re.compile(r"ascii|iso8859-\d+|cp125\d|latin.*")
MULTI_BYTE: Final = frozenset({"utf-8", "gb2312", "gbk", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "koi8-r"})


def clean_text(path: Path, warnings: Warnings) -> Iterator[str]:
    """Yield the file's text in chunks, unpacked and decoded, without characters that XML forbids (counted).

    Bytes that are no text in the file's encoding come out as lone surrogates, so that the element that holds
    them, and no other, turns out malformed. NotImportable for an encoding we do not read.
    """
    removed = 0
    for text in _decoded(path, warnings):
        cleaned, found = FORBIDDEN.subn("", text)
        removed += found
        yield cleaned
    warnings.add("the file", "control characters that XML forbids were removed", removed)


def is_cut_short(warnings: Warnings) -> bool:
    """Say whether an archive ended before its text did, for formats that have no end of their own."""
    return any(caution.reason in {SWELLS, CUT_SHORT} for caution in warnings)


def _decoded(path: Path, warnings: Warnings) -> Iterator[str]:
    with path.open("rb") as file:
        chunks = _unpacked(file, path.stat().st_size, warnings)
        head = b""
        while len(head) < PEEK and (chunk := next(chunks, b"")):
            head += chunk
        encoding, skip = _encoding(head, warnings)
        # UTF-16 has no surrogate escapes: a broken half becomes U+FFFD there.
        decoder = codecs.getincrementaldecoder(encoding)("replace" if "16" in encoding else "surrogateescape")
        yield decoder.decode(head[skip:])
        for chunk in chunks:
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)


def _unpacked(file: BinaryIO, size: int, warnings: Warnings) -> Iterator[bytes]:
    """Yield the bytes of a plain or gzip file; a broken or swelling archive ends early, which the reader sees."""
    packed = file.read(2) == GZIP_MAGIC
    file.seek(0)
    if not packed:
        while chunk := file.read(CHUNK):
            yield chunk
        return
    total = 0
    archive = gzip.GzipFile(fileobj=file)
    try:
        while chunk := archive.read(CHUNK):
            yield chunk
            total += len(chunk)
            if total > FREE_SWELL and total > size * MAX_SWELL:
                warnings.add("the file", SWELLS)
                return
    except (EOFError, gzip.BadGzipFile, zlib.error):
        warnings.add("the file", CUT_SHORT)


def _encoding(head: bytes, warnings: Warnings) -> tuple[str, int]:
    """Return the encoding's name and how many bytes of mark to skip."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    declared = DECLARED.search(head[:4096])
    if declared is None:
        return "utf-8", 0
    name = declared[1].decode("ascii")
    try:
        encoding = codecs.lookup(name).name
    except LookupError:
        raise NotImportable(f"The file says that its encoding is {name}, which is not known.") from None
    if encoding.startswith("utf-16"):
        raise NotImportable("The file says that its encoding is UTF-16, and it is not.")
    if encoding not in MULTI_BYTE and not SINGLE_BYTE.fullmatch(encoding):
        raise NotImportable(f"The file says that its encoding is {name}, which is not read.")
    if encoding != "utf-8" and _is_utf8(head):
        warnings.add("the file", f"the file says that its encoding is {name}; it is UTF-8 and was read as that")
        return "utf-8", 0
    return encoding, 0


def _is_utf8(head: bytes) -> bool:
    """Tell whether the text has letters beyond ASCII and all of them are UTF-8, which other text never is by chance."""
    if head.isascii():
        return False
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head)
    except UnicodeDecodeError:
        return False
    return True
