"""remark42's backup: its first line is about pages, each other line is a comment."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from articles.models import Article, Site
from comments.models import Comment, ExternalRef, Vote
from tests.comments.exports import import_json, import_path, reasons, sketch
from tests.factories import make_site

pytestmark = pytest.mark.django_db

BLOG = "https://radio.example"
NO_PAGE = "comments of an article that is not in the file were skipped"


@pytest.fixture
def site() -> Site:
    return make_site()


def meta(*posts: dict[str, Any]) -> dict[str, Any]:
    blocked = {"status": True, "until": "2018-12-23T02:55:22.472041-06:00"}
    users = [{"id": "github_1", "blocked": blocked, "verified": False}]
    return {"version": 1, "users": users, "posts": list(posts)}


def comment(number: Any, text: str = "<p>Well said.</p>", *, pid: Any = "", path: str = "/one/", **fields: Any) -> Any:
    user = {"name": "Ben", "id": "github_1", "picture": "", "ip": "293ec5b0cf154855", "admin": False}
    row = {
        "id": number,
        "pid": pid,
        "text": text,
        "user": user,
        "locator": {"site": "radio", "url": f"{BLOG}{path}"},
        "score": 0,
        "votes": {},
        "vote": 0,
        "time": "2020-01-02T03:04:05.123456789-06:00",
    }
    return row | fields


def test_a_comment_comes_with_all_that_is_known_of_it(site: Site, tmp_path: Path) -> None:
    row = comment(
        "efbc-1",
        '<p>See <a href="https://a.example" rel="nofollow">this</a></p>',
        orig="See [this](https://a.example)",
        user={"name": "Ben &amp; Co", "id": "x", "ip": "293ec5b0cf154855"},
        title="The first story",
        edit={"time": "2020-01-02T10:00:00Z", "summary": ""},
        pin=True,
        votes={"github_2": True, "github_3": True, "github_4": False},
        voted_ips={"293ec5b0cf154856": {"Timestamp": "2020-01-02T10:00:00Z", "Value": True}},
        score=1,
    )
    summary = import_json(tmp_path, (meta(), row), site)
    assert summary.complete
    assert (summary.by_provider, summary.by_status) == ({"native": 1}, {"approved": 1})
    found = Comment.objects.get()
    assert (found.text, found.author_name, found.author_email) == ("See this", "Ben & Co", "")
    assert found.created_at == datetime(2020, 1, 2, 9, 4, 5, 123456, tzinfo=UTC)
    assert found.edited_at == datetime(2020, 1, 2, 10, tzinfo=UTC)
    assert found.pinned_at == found.created_at
    assert (found.up, found.down) == (2, 1)
    assert (Article.objects.get().url, Article.objects.get().title) == (f"{BLOG}/one/", "The first story")
    reference = ExternalRef.objects.get()
    assert (reference.provider, reference.source) == ("native", "remark42:radio.example")
    assert reference.external_id == "efbc-1"
    stored = repr([list(model.objects.values()) for model in (Comment, ExternalRef, Vote, Article)])
    assert "293ec5b0" not in stored
    assert "github_2" not in stored


def test_a_page_that_is_read_only_is_closed(site: Site, tmp_path: Path) -> None:
    head = meta({"url": f"{BLOG}/one/", "read_only": True}, {"url": f"{BLOG}/two/", "read_only": False})
    import_json(tmp_path, (head, comment("a"), comment("b", path="/two/")), site)
    assert dict(Article.objects.values_list("url", "comments_open")) == {f"{BLOG}/one/": False, f"{BLOG}/two/": True}


def test_depth_survives_and_children_may_come_first(site: Site, tmp_path: Path) -> None:
    rows = [comment("d", "d", pid="c"), comment("c", "c", pid="b"), comment("b", "b", pid="a"), comment("a", "a")]
    import_json(tmp_path, (meta(), *rows), site)
    assert sketch(site) == ["a", "  b", "    c", "      d"]


def test_a_deleted_comment_with_answers_stays_as_a_tombstone(site: Site, tmp_path: Path) -> None:
    gone = comment("a", "", delete=True, user={"name": "deleted", "id": "deleted"})
    summary = import_json(tmp_path, (meta(), gone, comment("b", "b", pid="a"), comment("c", "", delete=True)), site)
    assert summary.by_status == {"approved": 1, "removed": 2}
    assert sketch(site) == ["!", "  b", "!"]
    assert Comment.objects.filter(status="removed", shown_replies=1).count() == 1


def test_without_named_voters_the_score_counts(site: Site, tmp_path: Path) -> None:
    rows = [comment("a", score=3), comment("b", score=-2), comment("c", votes=None, score=None)]
    import_json(tmp_path, (meta(), *rows), site)
    assert sorted(Comment.objects.values_list("up", "down")) == [(0, 0), (0, 2), (3, 0)]


def test_the_same_backup_twice_adds_nothing(site: Site, tmp_path: Path) -> None:
    rows = (meta(), comment("a", votes={"x": True}), comment("b", pid="a"))
    import_json(tmp_path, rows, site)
    before = (list(Comment.objects.values()), list(Vote.objects.values()))
    summary = import_json(tmp_path, rows, site)
    assert (summary.created, summary.duplicate) == (0, 2)
    assert (list(Comment.objects.values()), list(Vote.objects.values())) == before


def test_only_five_public_roots_of_an_article_are_pinned(site: Site, tmp_path: Path) -> None:
    rows = [comment(str(number), pin=True) for number in range(6)]
    rows += [comment("answer", pid="0", pin=True), comment("gone", "", delete=True, pin=True)]
    summary = import_json(tmp_path, (meta(), *rows), site)
    assert Comment.objects.exclude(pinned_at=None).count() == 5
    assert reasons(summary) == {"pins were left out: only 5 public roots of an article can be pinned": 3}


def test_a_packed_backup_is_read_as_it_is(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "backup.gz"
    lines = "\n".join(map(json.dumps, [meta(), comment("a"), comment("b")]))
    path.write_bytes(gzip.compress(lines.encode()))
    assert import_path(path, site).created == 2


def test_a_packed_backup_that_was_cut_short_is_not_complete(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "backup.gz"
    lines = "".join(json.dumps(row) + "\n" for row in [meta(), *(comment(str(n), str(n) * 40) for n in range(3000))])
    raw = gzip.compress(lines.encode())
    path.write_bytes(raw[: len(raw) // 2])
    summary = import_path(path, site)
    assert 0 < summary.created < 3000
    assert not summary.complete


def test_a_line_that_is_cut_off_is_left_out(site: Site, tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in (meta(), comment("a"), comment("b")))
    summary = import_json(tmp_path, lines[:-30], site)
    assert (summary.created, summary.skipped, summary.complete) == (1, 1, False)


def test_a_damaged_line_costs_no_other(site: Site, tmp_path: Path) -> None:
    good = [json.dumps(row) for row in (meta(), comment("a", "a"), comment("b", "b"))]
    bad = ["{", '{"id": NaN}', "[1]", '"x', "", "}{", '{"a":' * 200 + "1" + "}" * 200, '{"id": ' + "9" * 5000 + "}"]
    text = "\n".join([good[0], good[1], *bad, good[2]])
    summary = import_json(tmp_path, text, site)
    assert sketch(site) == ["a", "b"]
    assert (summary.skipped, summary.complete) == (7, True)


def test_odd_rows_are_counted(site: Site, tmp_path: Path) -> None:
    rows = [
        comment("a", "a"),
        comment(12345678901234567890, "large id"),
        comment("b", "b", pid=12345678901234567890),
        comment("a", "same id"),
        comment(None, "no id"),
        comment("c", "zero date", time="0001-01-01T00:00:00Z"),
        comment("d", "no name", user={"name": None}),
        comment("e", "no user", user=None),
        comment("f", ""),
        comment("g", "no page", locator=None),
        comment("h", "bad page", locator={"url": "javascript:alert(1)"}),
        comment("i", "circle", pid="j"),
        comment("j", "round", pid="i"),
    ]
    summary = import_json(tmp_path, (meta(), *rows), site, base=BLOG)
    assert summary.complete
    assert (summary.duplicate, summary.skipped) == (1, 2)
    assert reasons(summary)[NO_PAGE] == 1
    assert "  b" in sketch(site)
    assert not Article.objects.filter(url__startswith="javascript").exists()


def test_a_hostile_text_is_cleaned(site: Site, tmp_path: Path) -> None:
    bad = 'x<img src=x onerror="alert(1)">\u0000\ud800<a href="javascript:x">y</a><svg onload=alert(1)>'
    import_json(tmp_path, "\n".join([json.dumps(meta()), json.dumps(comment("a", bad))]), site)
    assert Comment.objects.get().html == '<p>x<a rel="nofollow ugc noopener">y</a></p>'
