"""Which system a file comes from is told by how it begins, whatever its name is."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from comments.interchange.detect import FORMATS, open_export
from comments.interchange.records import NotImportable
from tests.comments.exports import disqus, dsq_post, dsq_thread, wp_comment, wp_item, wxr

WALINE = {"type": "waline", "version": 1, "tables": ["Comment"], "data": {"Comment": [], "Users": []}}
META = {"version": 1, "users": None, "posts": None}
ARTRAN = {"id": "1", "content": "x", "page_key": "/"}
ROW = {"_id": "1", "nick": "Ben", "comment": "x", "url": "/"}
DOCUMENTS: dict[str, list[tuple[str, Any]]] = {
    "waline": [
        ("waline", WALINE),
        ("valine", {"results": [{"objectId": "1", "comment": "x", "url": "/"}]}),
        ("twikoo", [ROW]),
        ("twikoo lines", (ROW, ROW)),
    ],
    "commento": [
        ("version 1", {"version": 1, "comments": [{"commentHex": "1"}], "commenters": []}),
        ("no comments", {"version": 1, "comments": [], "commenters": []}),
        ("version 3", {"version": 3, "pages": [{"id": "1", "path": "/"}], "comments": [], "commenters": []}),
    ],
    "duoshuo": [
        ("duoshuo", {"generator": "duoshuo", "version": "0.1", "threads": [], "posts": []}),
        ("posts first", {"posts": [{"post_id": 1}], "threads": [{"thread_id": 1}]}),
    ],
    "remark42": [("meta only", META), ("lines", (META, {"id": "1"})), ("posts", (META | {"posts": [{"url": "/"}]},))],
    "artalk": [("list", [ARTRAN]), ("lines", (ARTRAN, ARTRAN))],
}


def written(document: Any) -> str:
    return "\n".join(map(json.dumps, document)) if isinstance(document, tuple) else json.dumps(document, indent=1)


@pytest.mark.parametrize(
    ("kind", "document"), [(kind, document) for kind, cases in DOCUMENTS.items() for _, document in cases]
)
def test_json_is_told_by_its_members(kind: str, document: Any, tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    for raw in (written(document), "\ufeff \n" + written(document)):
        path.write_text(raw, encoding="utf-8")
        assert open_export(path).system == kind  # type: ignore[union-attr]
        assert open_export(path, kind).system == kind  # type: ignore[union-attr]
        path.write_bytes(gzip.compress(raw.encode()))
        assert open_export(path).system == kind  # type: ignore[union-attr]


def test_xml_and_databases_are_told_too(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(wxr(wp_item(wp_comment(1))))
    assert type(open_export(path)).__name__ == "WordPressReader"
    path.write_text(disqus(dsq_thread(1), dsq_post(1, 1)))
    assert type(open_export(path)).__name__ == "DisqusReader"
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE threads (id INTEGER PRIMARY KEY, uri, title)")
        database.execute("CREATE TABLE comments (id INTEGER PRIMARY KEY, tid, created, mode, text)")
    assert type(open_export(path)).__name__ == "IssoReader"


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind not in {"auto", "artalk"}])
def test_a_format_that_is_insisted_on_must_be_that_of_the_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps([ARTRAN]))
    with pytest.raises(NotImportable, match=f"no export of the format {kind}; it looks like artalk"):
        open_export(path, kind)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "{}",
            "[]",
            "[[]]",
            '{"type": "waline"}',
            '{"version": 1, "users": [], "items": []}',
            "[1, 2]",
            "{",
            "[",
            '"x"',
        ),
        *("null", "42", "", "  ", "Hello.", '{"results": [{"name": "x"}]}', '[{"comment": "x"}]', "[" * 100_000),
        *('{"a":' * 100_000, " " * (3 << 20), '"' * 100_000, '{"type": "head", "format": "another", "version": 1}'),
    ],
)
def test_anything_else_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(text)
    with pytest.raises(NotImportable) as refused:
        open_export(path)
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def test_every_format_may_be_named() -> None:
    kinds = ["wordpress", "disqus", "disqus-custom", "isso", "remark42", "commento", "artalk", "waline", "duoshuo"]
    assert list(FORMATS) == ["auto", *kinds]
