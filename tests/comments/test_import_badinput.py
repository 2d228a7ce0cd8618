"""Every hostile file: one sentence and nothing written, or what is sound in it imported and the rest counted."""

from __future__ import annotations

import json
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    """No file of two megabytes may need more than 300 MiB beyond what the process has."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every socket that would be opened towards the trap port is noted; none may be."""
    met: list[Any] = []
    connect = socket.socket.connect

    def noting(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[1] == TRAP:
            met.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noting)
    yield
    assert not met
    assert threading.active_count() < 50


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
