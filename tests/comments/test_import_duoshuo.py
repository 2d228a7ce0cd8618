"""Duoshuo's export: threads, and posts that name all their ancestors."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from articles.models import Article, Site
from comments.models import Comment, ExternalRef
from tests.comments.exports import import_json, reasons, sketch
from tests.factories import make_site

pytestmark = pytest.mark.django_db

BLOG = "http://blog.example"


@pytest.fixture
def site() -> Site:
    return make_site()


def duoshuo(threads: list[Any], posts: list[Any]) -> dict[str, Any]:
    return {"generator": "duoshuo", "version": "0.1", "threads": threads, "posts": posts}


def thread(number: Any, path: str = "/one/", **fields: Any) -> dict[str, Any]:
    row = {
        "site_id": 1296042,
        "thread_id": number,
        "created_at": "2016-04-21T16:10:02.000+0800",
        "likes": 2,
        "thread_key": path.strip("/"),
        "title": "The first story",
        "url": f"{BLOG}{path}",
    }
    return row | fields


def post(number: Any, thread_id: Any = "1", text: Any = "Well said.", *, parents: Any = None, **fields: Any) -> Any:
    row = {
        "post_id": number,
        "thread_id": thread_id,
        "message": text,
        "created_at": "2016-04-21T16:15:02.000+0800",
        "updated_at": "1970-01-01T08:00:00.000+0800",
        "likes": 0,
        "ip": "198.51.100.7",
        "parents": parents,
        "author_id": "6621595",
        "author_email": "ben@example.org",
        "author_name": "Ben",
        "author_url": "http://ben.example/",
        "author_key": None,
    }
    return row | fields


def test_a_post_comes_with_all_that_is_known_of_it(site: Site, tmp_path: Path) -> None:
    summary = import_json(
        tmp_path, duoshuo([thread("1")], [post("9", text="So <b>it</b> is.\nIndeed.", likes=3)]), site
    )
    assert summary.complete
    assert (summary.by_provider, summary.by_status) == ({"native": 1}, {"approved": 1})
    comment = Comment.objects.get()
    assert comment.html == "<p>So <b>it</b> is.<br>Indeed.</p>"
    assert (comment.author_name, comment.author_email) == ("Ben", "ben@example.org")
    assert comment.author_url == "http://ben.example/"
    assert comment.created_at == datetime(2016, 4, 21, 8, 15, 2, tzinfo=UTC)
    assert (comment.up, comment.edited_at) == (3, None)
    article = Article.objects.get()
    assert (article.url, article.title) == (f"{BLOG}/one/", "The first story")
    assert article.published_at == datetime(2016, 4, 21, 8, 10, 2, tzinfo=UTC)
    assert ExternalRef.objects.get().source == "duoshuo:blog.example"
    assert "198.51.100.7" not in repr(list(Comment.objects.values()))


def test_the_last_ancestor_is_the_parent_and_ids_are_numbers_or_texts(site: Site, tmp_path: Path) -> None:
    large = 6275920040755725057
    posts = [post(large, 1, "a"), post("2", "1", "b", parents=[str(large)]), post(3, 1, "c", parents=[large, 2])]
    import_json(tmp_path, duoshuo([thread(1)], posts), site)
    assert sketch(site) == ["a", "  b", "    c"]
    assert ExternalRef.objects.filter(external_id=str(large)).exists()


def test_posts_may_stand_before_their_threads(site: Site, tmp_path: Path) -> None:
    document = dict(reversed(duoshuo([thread("1")], [post("9")]).items()))
    assert import_json(tmp_path, document, site).created == 1


def test_a_post_of_a_thread_that_is_missing_is_skipped(site: Site, tmp_path: Path) -> None:
    summary = import_json(tmp_path, duoshuo([thread("1")], [post("9"), post("10", "404")]), site)
    assert (summary.created, summary.skipped) == (1, 1)


def test_a_thread_without_an_address_lies_below_the_base(site: Site, tmp_path: Path) -> None:
    threads = [thread("1", url=None, thread_key="blog/one/")]
    import_json(tmp_path, duoshuo(threads, [post("9")]), site, base=BLOG)
    assert Article.objects.get().url == f"{BLOG}/blog/one/"


def test_threads_of_one_page_become_one_article(site: Site, tmp_path: Path) -> None:
    posts = [post("8", "1", "a"), post("9", "2", "b", parents=["8"])]
    summary = import_json(tmp_path, duoshuo([thread("1"), thread("2")], posts), site)
    assert (summary.articles_created, summary.articles_matched) == (1, 1)
    assert sketch(site) == ["a", "  b"]


def test_states(site: Site, tmp_path: Path) -> None:
    states = [None, "approved", "pending", "spam", "deleted", "odd"]
    posts = [post(str(n), text=f"{state}", status=state) for n, state in enumerate(states)]
    summary = import_json(tmp_path, duoshuo([thread("1")], posts), site)
    assert summary.by_status == {"approved": 2, "pending": 2, "removed": 1, "spam": 1}


def test_names_and_addresses_may_be_null(site: Site, tmp_path: Path) -> None:
    nobody = post("9", author_name=None, author_email=None, author_url=None)
    import_json(tmp_path, duoshuo([thread("1")], [nobody, post("10", author_email="no address")]), site)
    assert Comment.objects.filter(author_name="", author_email="", author_url="").count() == 1


def test_odd_rows_are_counted(site: Site, tmp_path: Path) -> None:
    posts = [
        post("1", text="a"),
        post("1", text="same id"),
        post("2", text="circle", parents=["3"]),
        post("3", text="round", parents=["2"]),
        post("4", text="root", parents=[]),
        post("5", text="root too", parents=["0"]),
        post("6", text="odd parent", parents=[{}]),
        post("7", text=None),
        post("8", text="zero date", created_at="1970-01-01T08:00:00.000+0800"),
        None,
    ]
    summary = import_json(tmp_path, duoshuo([thread("1"), thread(None), {}], posts), site)
    assert (summary.created, summary.duplicate, summary.skipped) == (7, 1, 1)
    assert reasons(summary)["threads without an id were skipped"] == 2
