"""`import_comments --map`: pages that have moved since they were exported."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from articles.models import Article, ArticleKey, Site
from articles.selectors import find_page
from comments.models import Comment
from tests.comments.exports import BLOG, disqus, dsq_post, dsq_thread, wp_comment, wp_item, wxr
from tests.comments.invariants import check_site
from tests.factories import make_site

pytestmark = pytest.mark.django_db

NEW = "https://news.example.org"


@pytest.fixture
def site() -> Site:
    return make_site("demo")


def run(folder: Path, export: str, moves: str = "") -> dict[str, Any]:
    (folder / "export.xml").write_text(export, encoding="utf-8")
    (folder / "moves.csv").write_text(moves, encoding="utf-8")
    given = ["--map", str(folder / "moves.csv")] if moves else []
    out = StringIO()
    call_command("import_comments", str(folder / "export.xml"), "--site", "demo", "--json", *given, stdout=out)
    summary: dict[str, Any] = json.loads(out.getvalue())
    return summary


def test_a_page_stands_at_its_new_address_and_is_found_at_both(site: Site, tmp_path: Path) -> None:
    run(tmp_path, wxr(wp_item(wp_comment(1)), wp_item(path="/two/", post_id=2)), f"{BLOG}/one/,{NEW}/1\n")
    first, second = Article.objects.order_by("id")
    assert (first.url, second.url) == (f"{NEW}/1", f"{BLOG}/two/")
    assert find_page(site, url=f"{NEW}/1").article == find_page(site, url=f"{BLOG}/one").article == first


def test_comments_come_to_an_article_that_is_known_at_the_new_address(site: Site, tmp_path: Path) -> None:
    known = Article.objects.create(site=site, url=f"{NEW}/one", title="Ours")
    ArticleKey.objects.create(site=site, article=known, kind="url", key=f"{NEW}/one")
    summary = run(tmp_path, wxr(wp_item(wp_comment(1))), f"{BLOG}/*,{NEW}/*\n")
    assert summary["articles"] == {"created": 0, "matched": 1}
    assert Comment.objects.get().article == known
    assert find_page(site, url=f"{BLOG}/one/").article == known
    check_site(site)


def test_the_same_export_with_and_without_a_map_is_the_same(site: Site, tmp_path: Path) -> None:
    # The id stands on two pages, so that it is told apart by the name of its page.
    export = wxr(wp_item(wp_comment(1)), wp_item(wp_comment(1, "Other."), path="/two/", post_id=2))
    run(tmp_path, export)
    again = run(tmp_path, export, f"{BLOG}/*,{NEW}/*\n")
    assert (again["comments"]["created"], again["comments"]["duplicate"]) == (0, 2)
    assert again["articles"] == {"created": 0, "matched": 2}
    assert find_page(site, url=f"{NEW}/two").article == find_page(site, url=f"{BLOG}/two").article


def test_two_pages_that_moved_to_one_become_one_article(site: Site, tmp_path: Path) -> None:
    export = disqus(dsq_thread(1, "/one/"), dsq_thread(2, "/amp/one/"), dsq_post(1, 1), dsq_post(2, 2))
    run(tmp_path, export, f"{BLOG}/amp/*,{BLOG}/*\n")
    assert Article.objects.get().comments.count() == 2
    check_site(site)


def test_a_thread_without_an_address_stays_as_it_is(site: Site, tmp_path: Path) -> None:
    run(tmp_path, disqus(dsq_thread(1, link=""), dsq_post(1, 1)), f"{BLOG}/*,{NEW}/*\n")
    assert (Article.objects.get().url, Article.objects.get().identifier) == ("", "disqus:1")


def test_lines_that_moved_nothing_are_told(site: Site, tmp_path: Path) -> None:
    moves = f"{BLOG}/one,{NEW}/one\n" + "".join(f"{BLOG}/gone/{n},{NEW}/gone/{n}\n" for n in range(5))
    (caution,) = run(tmp_path, wxr(wp_item(wp_comment(1))), moves)["warnings"]
    reason = "addresses of the mapping belong to no page of the file"
    assert caution == {"where": f"{BLOG}/gone/0", "reason": reason, "count": 5}


def test_a_bad_map_writes_nothing(site: Site, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Line 2 of the mapping") as refused:
        run(tmp_path, wxr(wp_item(wp_comment(1))), f"{BLOG}/one,{NEW}/one\nhere,there\n")
    assert refused.value.returncode == 2
    with pytest.raises(CommandError, match=r"gone.csv cannot be read: No such file") as refused:
        call_command("import_comments", str(tmp_path / "export.xml"), "--site", "demo", "--map", "gone.csv")
    assert refused.value.returncode == 2
    assert not Article.objects.exists()
