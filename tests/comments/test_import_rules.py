"""What an import makes of identities, parents and what is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from articles.models import Article, Site
from comments.models import Comment, ExternalRef, Thread
from comments.services import intake, intake_identity
from tests.comments.exports import (
    BLOG,
    disqus,
    dsq_post,
    dsq_thread,
    import_text,
    reasons,
    sketch,
    wp_comment,
    wp_item,
    wxr,
)
from tests.comments.invariants import check_site
from tests.factories import make_article, make_comment, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site(origins=("blog.example.org",))


def test_a_child_may_come_before_its_parent(site: Site, tmp_path: Path) -> None:
    comments = [wp_comment(3, "c", parent=2), wp_comment(2, "b", parent=1), wp_comment(1, "a")]
    import_text(tmp_path, wxr(wp_item(*comments)), site)
    assert sketch(site) == ["a", "  b", "    c"]
    check_site(site)


@pytest.mark.django_db(transaction=True)  # emptied tables have no statistics that the next test would be planned by
def test_the_planner_knows_of_a_large_import(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LARGE", 20)
    import_text(tmp_path, wxr(wp_item(*(wp_comment(number, "a") for number in range(1, 21)))), site)
    known = "SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'comments_comment' AND attname = 'site_id'"
    with connection.cursor() as cursor:
        cursor.execute(known)
        (sites,) = cursor.fetchone()
    assert str(site.pk) in sites.strip("{}").split(",")


def test_one_item_for_each_comment_is_one_article(site: Site, tmp_path: Path) -> None:
    items = [wp_item(wp_comment(2, "b", parent=1)), wp_item(wp_comment(1, "a"))]
    summary = import_text(tmp_path, wxr(*items), site)
    assert (summary.articles_created, summary.articles_matched) == (1, 1)
    assert sketch(site) == ["a", "  b"]


def test_a_missing_parent_makes_a_root(site: Site, tmp_path: Path) -> None:
    summary = import_text(tmp_path, wxr(wp_item(wp_comment(1, "a", parent=99))), site)
    assert sketch(site) == ["a"]
    assert reasons(summary) == {"answers to a comment that is not in the file were made roots": 1}


def test_a_parent_of_another_article_makes_a_root(site: Site, tmp_path: Path) -> None:
    items = [wp_item(wp_comment(1, "a")), wp_item(wp_comment(2, "b", parent=1), path="/two/")]
    summary = import_text(tmp_path, wxr(*items), site)
    assert sketch(site) == ["a", "b"]
    assert reasons(summary) == {"answers to a comment of another article were made roots": 1}


def test_circles_are_opened_at_their_first_comment(site: Site, tmp_path: Path) -> None:
    comments = [wp_comment(n, str(n), parent=p) for n, p in ((1, 3), (2, 1), (3, 2), (4, 3), (5, 5))]
    summary = import_text(tmp_path, wxr(wp_item(*comments)), site)
    assert sketch(site) == ["1", "  2", "    3", "      4", "5"]
    assert reasons(summary) == {
        "answers that go round in a circle were made roots": 1,
        "comments that answer themselves were made roots": 1,
    }
    check_site(site)


def test_an_id_of_two_items_is_two_comments(site: Site, tmp_path: Path) -> None:
    text = wxr(wp_item(wp_comment(7, "a")), wp_item(wp_comment(7, "b"), wp_comment(8, "c", parent=7), path="/two/"))
    assert import_text(tmp_path, text, site).created == 3
    assert sketch(site) == ["a", "b", "  c"]
    sources = ExternalRef.objects.filter(site=site, external_id="7").order_by("id").values_list("source", flat=True)
    assert list(sources) == [f"{BLOG}/", f"{BLOG}/ {BLOG}/two"]
    again = import_text(tmp_path, text, site)
    assert (again.created, again.duplicate) == (0, 3)


def test_an_id_twice_on_one_article_is_one_comment(site: Site, tmp_path: Path) -> None:
    text = disqus(dsq_thread(1), dsq_post(1, 1, "first"), dsq_post(1, 1, "second"), dsq_post(2, 1, "c", parent=1))
    summary = import_text(tmp_path, text, site)
    assert (summary.created, summary.duplicate) == (2, 1)
    assert sketch(site) == ["first", "  c"]


def test_a_removed_comment_does_not_come_back(site: Site, tmp_path: Path) -> None:
    text = wxr(wp_item(wp_comment(1, "a")))
    import_text(tmp_path, text, site)
    Comment.objects.filter(site=site).update(status="removed", source="", html="", text="")
    assert import_text(tmp_path, text, site).duplicate == 1
    assert list(Comment.objects.filter(site=site).values_list("status", "text")) == [("removed", "")]


def test_a_newer_export_adds_to_the_tree(site: Site, tmp_path: Path) -> None:
    old = [wp_comment(1, "a", approved="trash"), wp_comment(2, "b", parent=1, approved="trash"), wp_comment(3, "c")]
    import_text(tmp_path, wxr(wp_item(*old)), site)
    thread = Thread.objects.get(site=site)
    assert thread.version == 1
    new = [*old, wp_comment(4, "d", parent=2), wp_comment(5, "e", parent=4), wp_comment(6, "f", parent=3)]
    summary = import_text(tmp_path, wxr(wp_item(*new)), site)
    assert (summary.created, summary.duplicate) == (3, 3)
    assert sketch(site) == ["a!", "  b!", "    d", "      e", "c", "  f"]
    check_site(site)
    thread.refresh_from_db()
    assert thread.version == 2
    stamped = dict(Comment.objects.filter(site=site).values_list("text", "shown_version"))
    assert stamped == {"a": 2, "b": 2, "c": 1, "d": 2, "e": 2, "f": 2}


def test_comments_go_below_those_that_readers_wrote(site: Site, tmp_path: Path) -> None:
    article = make_article(site, url=f"{BLOG}/one")
    native = make_comment(article, body="native")
    import_text(tmp_path, wxr(wp_item(wp_comment(1, "a"))), site)
    ExternalRef.objects.create(
        site=site, comment=native, provider="wordpress", source=f"{BLOG}/", external_id="9", direction="out"
    )
    import_text(tmp_path, wxr(wp_item(wp_comment(2, "b", parent=9))), site)
    assert sketch(site) == ["native", "  b", "a"]
    check_site(site)


def test_what_is_not_approved_moves_no_version(site: Site, tmp_path: Path) -> None:
    import_text(tmp_path, wxr(wp_item(wp_comment(1, approved=0), wp_comment(2, approved="spam"))), site)
    assert not Thread.objects.filter(site=site).exists()
    assert set(Comment.objects.filter(site=site).values_list("published_at", "shown_version")) == {(None, None)}


# -- partners: one comment known to two systems ------------------------------------------------------------------


def test_a_disqus_post_that_came_from_wordpress_is_known(site: Site, tmp_path: Path) -> None:
    import_text(tmp_path, wxr(wp_item(wp_comment(5, "a"), wp_comment(6, "b", parent=5))), site)
    posts = [dsq_post(50, 1, "a", id="wp_id=5"), dsq_post(60, 1, "b", id="wp_id=6", parent=50)]
    summary = import_text(tmp_path, disqus(dsq_thread(1), *posts, dsq_post(70, 1, "c", parent=60)), site)
    assert (summary.created, summary.duplicate) == (1, 2)
    assert sketch(site) == ["a", "  b", "    c"]
    assert list(Comment.objects.filter(site=site).order_by("id").values_list("provider", flat=True)) == [
        "wordpress",
        "wordpress",
        "disqus",
    ]
    assert ExternalRef.objects.filter(site=site, provider="disqus", source="forum").count() == 3
    check_site(site)


def test_a_wordpress_comment_that_came_from_disqus_is_known(site: Site, tmp_path: Path) -> None:
    import_text(tmp_path, disqus(dsq_thread(1), dsq_post(50, 1, "a")), site)
    text = wxr(wp_item(wp_comment(5, "a", meta={"dsq_post_id": 50}), wp_comment(6, "b", parent=5)))
    assert import_text(tmp_path, text, site).duplicate == 1
    assert sketch(site) == ["a", "  b"]
    assert import_text(tmp_path, text, site).duplicate == 2


def test_the_partner_may_come_second(site: Site, tmp_path: Path) -> None:
    import_text(tmp_path, disqus(dsq_thread(1), dsq_post(50, 1, "a", id="wp_id=5")), site)
    assert import_text(tmp_path, wxr(wp_item(wp_comment(5, "a"))), site).duplicate == 1
    assert sketch(site) == ["a"]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_second_post_of_the_same_partner_is_a_duplicate(site: Site, tmp_path: Path, *, at_once: bool) -> None:
    first, second = dsq_post(50, 1, "a", id="wp_id=5"), dsq_post(51, 1, "a", id="wp_id=5")
    if not at_once:
        import_text(tmp_path, disqus(dsq_thread(1), first), site)
    summary = import_text(tmp_path, disqus(dsq_thread(1), first, second, dsq_post(52, 1, "b", parent=51)), site)
    assert summary.duplicate == (1 if at_once else 2)
    assert sketch(site) == ["a", "  b"]
    refs = ExternalRef.objects.filter(site=site, comment__text="a").values_list("source", "external_id")
    article = Article.objects.get(site=site)
    assert set(refs) == {("forum", "50"), ("forum", "51"), (f"article:{article.pk}", "5")}


def test_a_partner_on_another_article_is_none(site: Site, tmp_path: Path) -> None:
    import_text(tmp_path, wxr(wp_item(wp_comment(5, "a"))), site)
    text = disqus(dsq_thread(1, "/two/"), dsq_post(50, 1, "b", id="wp_id=5"))
    assert import_text(tmp_path, text, site).created == 1


# -- the whole run -----------------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing(site: Site, tmp_path: Path) -> None:
    summary = import_text(tmp_path, wxr(wp_item(wp_comment(1))), site, dry_run=True)
    assert (summary.created, summary.articles_created) == (1, 1)
    assert not Article.objects.filter(site=site).exists()
    assert not Comment.objects.filter(site=site).exists()


def test_batches_of_any_size_give_the_same(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [
        wp_item(*(wp_comment(f"{n}{m}", f"{n}{m}", parent=f"{n}{m - 1}" if m else 0) for m in range(3)), path=f"/{n}/")
        for n in range(1, 8)
    ]
    import_text(tmp_path, wxr(*items), site)
    other = make_site()
    monkeypatch.setattr(intake_identity, "COMMENTS_A_BATCH", 4)
    summary = import_text(tmp_path, wxr(*items), other)
    assert summary.created == 21
    assert sketch(other) == sketch(site)
    check_site(other)


@pytest.mark.django_db(transaction=True)
def test_what_is_written_before_a_crash_stays_and_a_second_run_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site()
    items = [wp_item(wp_comment(n), path=f"/{n}/") for n in range(1, 6)]
    monkeypatch.setattr(intake_identity, "COMMENTS_A_BATCH", 2)
    written, write = [], intake.write

    def failing(*arguments: Any) -> Any:
        if len(written) == 1:
            raise RuntimeError("the machine stops here")
        written.append(1)
        return write(*arguments)

    monkeypatch.setattr(intake, "write", failing)
    with pytest.raises(RuntimeError):
        import_text(tmp_path, wxr(*items), site)
    assert Comment.objects.filter(site=site).count() == 2
    monkeypatch.setattr(intake, "write", write)
    summary = import_text(tmp_path, wxr(*items), site)
    assert (summary.created, summary.duplicate) == (3, 2)
    check_site(site)
