"""Artalk's artrans: a list, or lines, of comments whose values are all texts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from articles.models import Article, Site
from comments.models import Comment, ExternalRef
from tests.comments.exports import import_json, reasons, sketch
from tests.factories import make_site

pytestmark = pytest.mark.django_db

BLOG = "https://blog.example"


@pytest.fixture
def site() -> Site:
    return make_site()


def artran(number: Any, text: str = "Well said.", *, rid: Any = "0", **fields: Any) -> dict[str, Any]:
    row = {
        "id": number,
        "rid": rid,
        "content": text,
        "ua": "Mozilla/5.0",
        "ip": "198.51.100.7",
        "is_collapsed": "false",
        "is_pending": "false",
        "is_pinned": "false",
        "vote_up": "0",
        "vote_down": "0",
        "created_at": "2022-04-29 14:44:04",
        "updated_at": "2022-04-29 14:44:04",
        "nick": "Ben",
        "email": "ben@example.org",
        "link": "https://ben.example",
        "password": "$2a$10$secret",
        "badge_name": "",
        "badge_color": "",
        "page_key": "/one/",
        "page_title": "The first story",
        "page_admin_only": "false",
        "site_name": "Blog",
        "site_urls": f"{BLOG},https://old.example",
    }
    return row | fields


def test_a_comment_comes_with_all_that_is_known_of_it(site: Site, tmp_path: Path) -> None:
    row = artran("1000", "So **it** is.\nIndeed.", is_pinned="true", vote_up="3", vote_down="1")
    summary = import_json(tmp_path, [row], site)
    assert summary.complete
    assert (summary.by_provider, summary.by_status) == ({"native": 1}, {"approved": 1})
    comment = Comment.objects.get()
    assert comment.html == "<p>So <strong>it</strong> is.<br>\nIndeed.</p>\n"
    assert (comment.author_name, comment.author_email) == ("Ben", "ben@example.org")
    assert comment.author_url == "https://ben.example/"
    assert comment.created_at == comment.pinned_at == datetime(2022, 4, 29, 14, 44, 4, tzinfo=UTC)
    assert (comment.up, comment.down, comment.edited_at) == (3, 1, None)
    assert (Article.objects.get().url, Article.objects.get().title) == (f"{BLOG}/one/", "The first story")
    reference = ExternalRef.objects.get()
    assert (reference.source, reference.external_id) == ("artalk:blog.example", "1000")
    stored = repr(list(Comment.objects.values()))
    assert "198.51.100.7" not in stored
    assert "secret" not in stored


def test_lines_are_read_like_a_list(site: Site, tmp_path: Path) -> None:
    import_json(tmp_path, (artran("1", "a"), artran("2", "b", rid="1"), artran("3", "c", rid="2")), site)
    assert sketch(site) == ["a", "  b", "    c"]


def test_numbers_and_booleans_may_stand_as_such(site: Site, tmp_path: Path) -> None:
    rows = [artran(1, "a", rid=0, vote_up=2, is_pending=False), artran(2, "b", rid=1, is_pending=True)]
    import_json(tmp_path, rows, site)
    assert sketch(site) == ["a", "  b!"]
    assert Comment.objects.get(up=2).text == "a"


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2022-04-29 14:44:04 +0000 UTC", 14),
        ("2022-04-29 14:44:04 +0800", 6),
        ("2022-04-29T14:44:04+08:00", 6),
        ("2022-04-29 14:44:04.123456789 +0800 CST m=+0.012", 6),
        ("2022/4/29 14:44:04", 14),
        ("2022-04-29 14:44", 14),
        ("2022-04-29", 0),
    ],
)
def test_dates_are_read_in_all_their_layouts(site: Site, tmp_path: Path, written: str, hour: int) -> None:
    import_json(tmp_path, [artran("1", created_at=written)], site)
    moment = Comment.objects.get().created_at
    assert (moment.date(), moment.hour) == (datetime(2022, 4, 29, tzinfo=UTC).date(), hour)


@pytest.mark.parametrize("written", ["", "0001-01-01 00:00:00 +0000 UTC", "0000-00-00", "2022-13-45", "soon"])
def test_a_date_that_is_none_is_replaced(site: Site, tmp_path: Path, written: str) -> None:
    summary = import_json(tmp_path, [artran("1", created_at=written), artran("2")], site)
    assert reasons(summary) == {"comments without a usable date were given their article's": 1}


def test_a_page_for_the_administrator_only_is_closed(site: Site, tmp_path: Path) -> None:
    import_json(tmp_path, [artran("1", page_admin_only="true"), artran("2", page_key="/two/")], site)
    assert sorted(Article.objects.values_list("comments_open", flat=True)) == [False, True]


def test_a_key_may_be_an_address_and_sites_are_kept_apart(site: Site, tmp_path: Path) -> None:
    rows = [
        artran("1", page_key="https://other.example/x"),
        artran("2", page_key="two"),
        artran("3", page_key="/one/", site_urls=""),
        artran("4", page_key="/one/"),
    ]
    import_json(tmp_path, rows, site, fallback="https://third.example")
    assert set(Article.objects.values_list("url", flat=True)) == {
        "https://other.example/x",
        f"{BLOG}/two",
        f"{BLOG}/one/",
        "https://third.example/one/",
    }


def test_a_comment_without_a_page_is_skipped(site: Site, tmp_path: Path) -> None:
    summary = import_json(tmp_path, [artran("1"), artran("2", page_key="")], site)
    assert (summary.created, summary.skipped) == (1, 1)
    assert reasons(summary) == {"comments that name no page were skipped": 1}


def test_the_same_file_twice_adds_nothing(site: Site, tmp_path: Path) -> None:
    rows = [artran("1", vote_up="2"), artran("2", rid="1")]
    import_json(tmp_path, rows, site)
    before = list(Comment.objects.values())
    assert import_json(tmp_path, rows, site).duplicate == 2
    assert list(Comment.objects.values()) == before


def test_a_file_that_is_cut_off_gives_what_came_before(site: Site, tmp_path: Path) -> None:
    text = json.dumps([artran("1"), artran("2"), artran("3")])
    summary = import_json(tmp_path, text[:-40], site)
    assert (summary.created, summary.skipped, summary.complete) == (2, 1, False)


def test_artalks_own_example_keeps_its_tree(site: Site, tmp_path: Path, shared_data: Path) -> None:
    """The rows of its test database, written as its exporter writes them."""
    path = shared_data / "data" / "other" / "artalk-atk_comments.yml"
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = [
        artran(str(row["id"]), row["content"], rid=str(row.get("rid", 0)), page_key=row["page_key"])
        | ({"created_at": str(row["created_at"])} if "created_at" in row else {"created_at": ""})
        | {"is_pending": str(bool(row.get("is_pending"))).lower()}
        for row in found
    ]
    summary = import_json(tmp_path, rows, site)
    assert (summary.created, summary.skipped, summary.complete) == (len(found), 0, True)
    ids = dict(ExternalRef.objects.values_list("comment_id", "external_id"))
    parents = {ids[own]: ids.get(parent, "0") for own, parent in Comment.objects.values_list("id", "parent_id")}
    assert parents == {row["id"]: row["rid"] for row in rows}
    assert Article.objects.count() == len({row["page_key"] for row in rows})
