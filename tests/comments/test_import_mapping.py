"""What articles, states, texts and dates of other systems become."""

from __future__ import annotations

from pathlib import Path

import pytest

from articles.models import Article, ArticleKey, Site
from comments.models import Comment
from tests.comments.exports import BLOG, disqus, dsq_post, dsq_thread, import_text, reasons, wp_comment, wp_item, wxr
from tests.factories import make_article, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site(origins=("blog.example.org",))


# -- articles ----------------------------------------------------------------------------------------------------


def test_known_articles_are_matched_and_not_changed(site: Site, tmp_path: Path) -> None:
    mine = make_article(site, url=f"{BLOG}/one", title="Mine")
    summary = import_text(tmp_path, wxr(wp_item(wp_comment(1), comment_status="closed")), site)
    assert (summary.articles_created, summary.articles_matched) == (0, 1)
    mine.refresh_from_db()
    assert (mine.title, mine.comments_open, mine.comments.count()) == ("Mine", True, 1)


def test_an_identifier_decides_and_the_address_is_added(site: Site, tmp_path: Path) -> None:
    mine = make_article(site, url="", identifier="story-1")
    import_text(tmp_path, disqus(dsq_thread(1, "/moved/", id="story-1"), dsq_post(1, 1)), site)
    assert mine.comments.count() == 1
    assert set(mine.keys.values_list("key", flat=True)) == {"story-1", f"{BLOG}/moved"}


def test_the_states_of_items(site: Site, tmp_path: Path) -> None:
    items = [
        wp_item(path="/public/", post_id=1),
        wp_item(path="/draft/", status="draft"),
        wp_item(path="/private/", status="private"),
        wp_item(wp_comment(1), path="/trash/", status="trash", post_id=7),
        wp_item(path="/locked/", post_password="x"),
        wp_item(path="/future/", status="future", post_date_gmt="2999-01-01 00:00:00"),
        wp_item(path="/late/", status="future", post_date_gmt="2001-01-01 00:00:00"),
        wp_item(path="/menu/", post_type="nav_menu_item"),
        wp_item(wp_comment(2), path="/picture/", post_type="attachment", status="inherit", post_parent=7),
        wp_item(wp_comment(3), path="/other/", post_type="attachment", status="inherit", post_parent=1),
    ]
    import_text(tmp_path, wxr(*items), site)
    found = {article.url.rsplit("/", 2)[1]: article for article in Article.objects.filter(site=site)}
    assert {name: (article.visibility, article.state) for name, article in found.items()} == {
        "public": ("public", "publish"),
        "draft": ("hidden", "draft"),
        "private": ("hidden", "private"),
        "trash": ("hidden", "trash"),
        "locked": ("hidden", "password"),
        "future": ("scheduled", "future"),
        "late": ("hidden", "future"),
        "picture": ("hidden", "inherit"),
        "other": ("public", "inherit"),
    }
    assert all(article.announced_at for article in found.values())


def test_the_states_of_threads(site: Site, tmp_path: Path) -> None:
    threads = [
        dsq_thread(1, isClosed="true"),
        dsq_thread(2, "/two/", isDeleted="true"),
        dsq_thread(3, link=""),
        dsq_thread(4, "/empty/"),
        dsq_thread(5, link="javascript:alert(1)"),
    ]
    import_text(tmp_path, disqus(*threads, *(dsq_post(n, n) for n in (1, 2, 3, 5))), site)
    found = Article.objects.filter(site=site).order_by("id")
    assert [(a.visibility, a.comments_open, a.url, a.identifier) for a in found] == [
        ("public", False, f"{BLOG}/one/", ""),
        ("hidden", True, f"{BLOG}/two/", ""),
        ("public", True, "", "disqus:3"),
        ("public", True, "", "disqus:5"),
    ]


def test_no_other_site_is_touched(site: Site, tmp_path: Path) -> None:
    other = make_site()
    text = disqus(dsq_thread(1, id="story"), dsq_post(1, 1))
    import_text(tmp_path, text, other)
    assert import_text(tmp_path, text, site).created == 1
    assert Comment.objects.filter(site=other).count() == 1
    assert ArticleKey.objects.filter(site=site).count() == 2


# -- texts, states, dates ----------------------------------------------------------------------------------------


def test_texts_are_sanitised(site: Site, tmp_path: Path) -> None:
    hostile = "<p>hi</p><script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:alert(1)'>x</a>"
    import_text(tmp_path, disqus(dsq_thread(1), dsq_post(1, 1, hostile, name="<b onmouseover=x>n</b>")), site)
    comment = Comment.objects.get(site=site)
    assert "<script" not in comment.html
    assert "onerror" not in comment.html
    assert "javascript:" not in comment.html
    assert comment.text.startswith("hi")
    assert comment.author_name == "<b onmouseover=x>n</b>"  # a text, escaped wherever it is shown


@pytest.mark.parametrize(
    ("value", "status"),
    [("1", "approved"), ("0", "pending"), ("spam", "spam"), ("trash", "removed"), ("post-trashed", "removed"),
     ("", "pending"), ("what", "pending")],
)  # fmt: skip
def test_states_of_wordpress(site: Site, tmp_path: Path, value: str, status: str) -> None:
    summary = import_text(tmp_path, wxr(wp_item(wp_comment(1, approved=value))), site)
    assert summary.by_status == {status: 1}


def test_types_of_wordpress(site: Site, tmp_path: Path) -> None:
    comments = [wp_comment(n, type=kind) for n, kind in enumerate(("comment", "pingback", "trackback", "review"), 1)]
    summary = import_text(tmp_path, wxr(wp_item(*comments)), site)
    assert summary.by_provider == {"wordpress": 1, "webmention": 2}
    assert (summary.skipped, reasons(summary)) == (1, {"comments of other types were skipped": 1})


def test_a_comment_without_a_usable_date_takes_its_articles(site: Site, tmp_path: Path) -> None:
    dates = ("0000-00-00 00:00:00", "", "soon", "9999-12-31 23:59:59")
    comments = [wp_comment(n, date_gmt=date) for n, date in enumerate(dates)]
    summary = import_text(tmp_path, wxr(wp_item(*comments)), site)
    article = Article.objects.get(site=site)
    assert set(Comment.objects.filter(site=site).values_list("created_at", flat=True)) == {article.published_at}
    assert reasons(summary) == {"comments without a usable date were given their article's": 4}
