"""Every hostile file: one sentence and nothing written, or what is sound in it imported and the rest counted."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from articles.models import Article
from comments.interchange.detect import open_export
from comments.interchange.records import NotImportable
from comments.models import Comment
from comments.services.intake import Summary, take_in
from tests.comments.invariants import check_site
from tests.factories import make_site

SHARED = Path(__file__).resolve().parents[3] / "shared"
FOLDER = SHARED / "badinput" / "xml_bad"
FILES = sorted(FOLDER.glob("*.xml"))
TRAP = 9

# Files that are refused as a whole.
REFUSED = {
    *("billion_laughs_small billion_laughs_wxr default_attr doctype_only external_dtd external_dtd_public").split(),
    *("parameter_entity_bomb quadratic_blowup recursive_entity utf16_xxe xxe_attribute xxe_file xxe_file_wxr").split(),
    *("xxe_http xxe_local_dtd xxe_oob_parameter xxe_php_expect html_not_xml").split(),
    *("empty only_declaration json_not_xml gzip_bomb_small wrong_namespace undeclared_prefix huge_attribute").split(),
    *("enc_bogus enc_declared_utf16_is_utf8 enc_utf7").split(),
}
# Files whose end is missing, with the number of comments before it.
UNFINISHED = {"truncated_mid_tag": 23, "truncated_after_items": 50}
# What the others give: (comments, malformed or left out).
OTHERS = {
    "bare_ampersand": (0, 1),
    "bare_lt": (0, 1),
    "invalid_utf8": (0, 1),
    "mismatched_tags": (0, 1),
    "undefined_entity": (0, 1),
    "xinclude": (0, 1),
    "huge_token_open": (0, 1),
    "thread_missing": (0, 1),
    "deep_nesting": (0, 0),
    "many_namespaces": (0, 0),
    "duplicate_ids": (1, 0),
    "enc_declared_utf8_is_latin1": (49, 1),
    "parent_chain_3000": (3000, 0),
}

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not FILES, reason="the hostile files are not beside the repository"),
]


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    """No file of two megabytes may need more than 100 MiB beyond what the process has."""
    # Begins a new peak: that of all that ran before would hide any.
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak()
    yield
    assert _peak() - before < 100


def _peak() -> float:
    """The most MiB of memory since the peak began anew."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


@pytest.fixture(autouse=True)
def no_connection(trap: socket.socket | None) -> Iterator[None]:
    """Nobody knocks at the trap."""
    yield
    if trap is not None:
        with pytest.raises(BlockingIOError):
            trap.accept()


@pytest.fixture(scope="module")
def trap() -> Iterator[socket.socket | None]:
    """What listens where the files would have a parser connect to; None where this user may not listen there."""
    with socket.socket() as listener:
        # Workers of one run listen together; whoever hears a knock fails.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setblocking(False)
        try:
            listener.bind(("127.0.0.1", TRAP))
        except PermissionError:
            yield None
            return
        listener.listen()
        yield listener


def import_hostile(name: str) -> Summary:
    site = make_site()
    summary = take_in(open_export(FOLDER / f"{name}.xml"), site)
    check_site(site)
    again = take_in(open_export(FOLDER / f"{name}.xml"), site)
    assert (again.created, again.articles_created) == (0, 0)
    for comment in Comment.objects.filter(site=site):
        for sign in ("<script", "onerror", "onmouseover=", "javascript:", "root:x:"):
            assert sign not in comment.html.lower()
    return summary


def test_every_file_is_named_in_the_index() -> None:
    index = [json.loads(line) for line in (FOLDER / "index.jsonl").read_text().splitlines()]
    assert {Path(entry["file"]).stem for entry in index} == {path.stem for path in FILES}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_in_one_sentence_with_nothing_written(name: str) -> None:
    site = make_site()
    with pytest.raises(NotImportable) as refused:
        take_in(open_export(FOLDER / f"{name}.xml"), site)
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert not Article.objects.filter(site=site).exists()
    assert not Comment.objects.filter(site=site).exists()


@pytest.mark.parametrize("name", sorted({path.stem for path in FILES} - REFUSED))
def test_what_is_sound_is_imported_and_the_rest_counted(name: str) -> None:
    summary = import_hostile(name)
    assert summary.complete == (name not in UNFINISHED)
    if name in UNFINISHED:
        assert summary.created == UNFINISHED[name]
    elif name in OTHERS:
        assert (summary.created, summary.skipped) == OTHERS[name]
    else:
        assert summary.created > 0
        assert summary.skipped == 0
