"""Hostile JSON: one sentence and nothing written, or what is sound in it imported and the rest counted."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from articles.models import Article
from comments.interchange.detect import open_export
from comments.interchange.records import NotImportable
from comments.models import Comment
from tests.comments.exports import import_path
from tests.comments.test_import_artalk import artran
from tests.comments.test_import_commento import first, said
from tests.comments.test_import_duoshuo import duoshuo, post, thread
from tests.comments.test_import_remark42 import comment, meta
from tests.comments.test_import_waline import row, waline
from tests.factories import make_site

SHARED = Path(__file__).resolve().parents[3] / "shared"
FOLDER = SHARED / "badinput" / "json_bad"
FILES = sorted(FOLDER.glob("*.json"))
SUITE = FOLDER / "jsontestsuite.jsonl"
SLOT = "SLOT"

# For each system a file with one sound comment before a place for a hostile row, and one behind it.
DOCUMENTS: dict[str, str] = {
    "remark42": "\n".join([*map(json.dumps, (meta(), comment("a"))), SLOT, json.dumps(comment("b"))]),
    "commento": json.dumps(first(said("a"), SLOT, said("b"))),  # type: ignore[arg-type]
    "artalk": json.dumps([artran("1"), SLOT, artran("2")]),
    "waline": json.dumps(waline(row(1), SLOT, row(2))),
    "duoshuo": json.dumps(duoshuo([thread("1")], [post("1"), SLOT, post("2")])),
}
# The name of the text in each.
TEXTS = {"remark42": "text", "commento": "markdown", "artalk": "content", "waline": "comment", "duoshuo": "message"}

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


def with_row(kind: str, raw: bytes) -> bytes:
    document = DOCUMENTS[kind]
    before, after = document.split(SLOT if kind == "remark42" else f'"{SLOT}"')
    return before.encode() + raw + after.encode()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_no_known_shape_is_refused(path: Path) -> None:
    with pytest.raises(NotImportable) as refused:
        open_export(path)
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_hostile_row_costs_no_sound_one_before_it(kind: str, tmp_path: Path) -> None:
    """The row stands where a comment would; where it closes what it opened, those behind it come too."""
    for path in FILES:
        site = make_site()
        target = tmp_path / f"{path.stem}.json"
        target.write_bytes(with_row(kind, path.read_bytes()))
        summary = import_path(target, site, base="https://blog.example")
        texts = list(Comment.objects.filter(site=site).values_list("text", flat=True))
        assert texts.count("Well said.") == 2 or (texts.count("Well said.") == 1 and not summary.complete), path.stem
        assert import_path(target, site, base="https://blog.example").created == 0


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_hostile_text_is_taken_as_a_text(kind: str, tmp_path: Path) -> None:
    """What the files have as a body stands as a comment's text."""
    site, name = make_site(), TEXTS[kind]
    rows = []
    for path in FILES:
        body = body_of(path)
        if body is not None:
            made = json.loads(DOCUMENTS[kind].split("\n")[1] if kind == "remark42" else json.dumps(sound(kind)))
            rows.append(made | {name: body, ID[kind]: f"x{len(rows)}"})
    assert len(rows) > 20
    target = tmp_path / "export.json"
    target.write_bytes(with_row(kind, ("\n" if kind == "remark42" else ",").join(map(json.dumps, rows)).encode()))
    summary = import_path(target, site, base="https://blog.example")
    assert summary.complete
    assert summary.created + summary.skipped == len(rows) + 2
    for html in Comment.objects.filter(site=site).values_list("html", flat=True):
        assert not any(sign in html.lower() for sign in ("<script", "onerror=", "<img"))


ID = {"remark42": "id", "commento": "commentHex", "artalk": "id", "waline": "objectId", "duoshuo": "post_id"}


def sound(kind: str) -> dict[str, Any]:
    made = {"commento": said("a"), "artalk": artran("1"), "waline": row(1), "duoshuo": post("1")}
    return dict(made[kind])


def body_of(path: Path) -> Any:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    return found.get("body") if isinstance(found, dict) else None


def test_every_case_of_the_json_test_suite(tmp_path: Path) -> None:
    """Each as a file of its own, and each as a row: nothing but the one exception ever comes of them."""
    cases = [json.loads(line) for line in SUITE.read_text().splitlines()]
    assert len(cases) > 200
    site = make_site()
    for number, case in enumerate(cases):
        raw = bytes.fromhex(case["input_hex"])
        path = tmp_path / f"{number}.json"
        path.write_bytes(raw)
        with pytest.raises(NotImportable):
            open_export(path)
        path.write_bytes(with_row("artalk", raw))
        records = list(open_export(path))
        assert records, case["id"]
    assert not Article.objects.filter(site=site).exists()
