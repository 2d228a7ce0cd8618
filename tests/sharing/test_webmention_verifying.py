"""What a worker makes of a page that says it links here, each time that it is announced."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from articles.models import Article
from comments.models import Comment, ExternalRef, Revision, ThreadCount
from comments.services.moderation import Moderator, decide
from sharing.models import Webmention
from sharing.services.webmentions import PAUSES, verify_next
from tests.comments.invariants import check_site
from tests.factories import make_article, make_reader, make_site
from tests.far_side import HOST, FarSide
from tests.mentions import article, links, look, mention, reply, send, side

__all__ = ["article", "side"]

pytestmark = pytest.mark.django_db


class TestVerifying:
    @pytest.mark.parametrize(
        "html",
        [
            "<!-- <a href='{url}'>x</a> -->",
            "&lt;a href='{url}'&gt;x",
            "<p>{url}</p>",
            "<a href='{url}x'>x</a>",
            "<a title='{url}'>x</a>",
            "<script>'<a href=\"{url}\">'</script>",
            "<textarea><a href='{url}'></textarea>",
            "<a href='https://evil.example/?{url}'>x</a>",
            "",
        ],
    )
    def test_a_page_that_does_not_link_here_is_refused(self, article: Article, side: FarSide, html: str) -> None:
        seen = mention(side.has("/note", html.format(url=article.url)), article)
        assert (seen.state, seen.says) == ("refused", "The page does not link to the target.")
        assert not Comment.objects.exists() and verify_next() is None

    @pytest.mark.parametrize("tag", ["<img src='{}'>", "<video poster='{}'>", "<audio src='{}'>", "<link href='{}'>"])
    def test_other_elements_link_as_well(self, article: Article, side: FarSide, tag: str) -> None:
        assert mention(side.has("/note", tag.format(article.url)), article).state == "taken"

    def test_json_and_plain_text_count_where_they_name_the_address(self, article: Article, side: FarSide) -> None:
        json, plain = ("Content-Type", "application/json"), ("Content-Type", "text/plain; charset=utf-8")
        assert mention(side.has("/1", f'[{{"a": ["{article.url}"]}}]', 200, json), article).state == "taken"
        assert mention(side.has("/2", f'["see {article.url}"]', 200, json), article).state == "refused"
        assert mention(side.has("/3", f"See {article.url} there", 200, plain), article).state == "taken"
        assert mention(side.has("/4", f"See {article.url}x", 200, plain), article).state == "refused"
        assert mention(side.has("/5", "[" * 100_000, 200, json), article).state == "refused"
        assert mention(side.has("/6", article.url, 200, ("Content-Type", "image/png")), article).state == "refused"

    def test_redirects_are_followed_so_far(self, article: Article, side: FarSide) -> None:
        side.has("/5", links(article))
        for number in range(5):
            side.has(f"/{number}", "", 302, ("Location", f"{side.other}/{number + 1}"))
        side.has("/round", "", 301, ("Location", "/round"))
        assert mention(side.url + "/0", article).state == "taken"
        assert Comment.objects.get().author_url == side.url + "/0"
        assert mention(side.url + "/round", article).state == "waiting"
        assert len(side.requests()) == 6 + 6

    def test_the_same_page_again_changes_the_text_and_keeps_the_one_before(
        self, article: Article, side: FarSide
    ) -> None:
        source = side.has("/note", reply(article, "<p>First.</p>"))
        mention(source, article)
        version = Client().get("/api/v1/thread", {"article": article.pk}).json()["version"]
        side.has("/note", reply(article, "<p>Second.</p>"))
        mention(source, article)
        comment = Comment.objects.get()
        assert (comment.text, comment.revision) == ("Second.", 2)
        assert list(Revision.objects.order_by("number").values_list("source", flat=True)) == [
            "<p>First.</p>",
            "<p>Second.</p>",
        ]
        assert Client().get("/api/v1/thread", {"article": article.pk}).json()["version"] == version + 1
        mention(source, article)
        assert Client().get("/api/v1/thread", {"article": article.pk}).json()["version"] == version + 1
        check_site(article.site)

    @pytest.mark.parametrize("gone", [("", 410), ("", 404), ("<p>No link any more.</p>", 200)])
    def test_what_is_gone_there_is_gone_here_and_may_come_back(
        self, article: Article, side: FarSide, gone: tuple[str, int]
    ) -> None:
        source = side.has("/note", reply(article, "<p>First.</p>"))
        mention(source, article)
        side.has("/note", *gone)
        mention(source, article)
        assert Comment.objects.get().status == "removed"
        assert ThreadCount.objects.get(article=article, provider="webmention").count == 0
        side.has("/note", reply(article, "<p>Back.</p>"))
        mention(source, article)
        comment = Comment.objects.get()
        assert (comment.status, comment.text) == ("approved", "Back.")
        check_site(article.site)

    @pytest.mark.parametrize("status", ["removed", "rejected", "spam"])
    def test_what_a_moderator_decided_stays(self, article: Article, side: FarSide, status: str) -> None:
        source = side.has("/note", reply(article, "<p>First.</p>"))
        mention(source, article)
        decide(article.site, Comment.objects.get().pk, status, Moderator())
        side.has("/note", reply(article, "<p>Second.</p>"))
        mention(source, article)
        side.has("/note", "", 410)
        mention(source, article)
        comment = Comment.objects.get()
        assert (comment.status, comment.text) == (status, "First.")

    def test_trouble_is_no_deletion_and_ends_after_some_tries(self, article: Article, side: FarSide) -> None:
        source = side.has("/note", links(article))
        mention(source, article)
        side.has("/note", "", 503)
        seen = mention(source, article)
        for _ in PAUSES:
            assert seen.state == "waiting" and seen.due_at is not None
            seen = look()
        assert (seen.state, seen.due_at) == ("failed", None)
        assert Comment.objects.get().is_approved and verify_next() is None

    def test_rules_of_the_site_hold_it_like_a_newcomer(self, article: Article, side: FarSide) -> None:
        article.site.moderation = "newcomers"
        article.site.save()
        source = side.has("/note", reply(article, "<p>First.</p>"))
        mention(source, article)
        comment = Comment.objects.get()
        assert comment.status == "pending"
        decide(article.site, comment.pk, "approved", Moderator())
        side.has("/note", reply(article, "<p>Buy pills.</p>"))
        mention(source, article)
        comment.refresh_from_db()
        assert (comment.status, comment.text) == ("pending", "Buy pills.")

    def test_nobody_signs_with_the_name_of_a_known_reader(self, article: Article, side: FarSide) -> None:
        make_reader(article.site, name="Ada Known")
        mention(side.has("/note", reply(article, "<p>Hello.</p>", name="Ada Known")), article)
        assert Comment.objects.get().author_name == HOST

    def test_the_reference_is_kept_and_tells_nothing_more(self, article: Article, side: FarSide) -> None:
        mention(side.has("/note", links(article)), article)
        reference = ExternalRef.objects.get()
        assert (reference.provider, reference.source) == ("webmention", f"article:{article.pk}")
        assert len(reference.content_hash) == 64 and HOST not in reference.external_id


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_comment(side: FarSide) -> None:
    article = make_article(make_site("gazette"), path="/story")
    source = side.has("/note", reply(article, "<p>First.</p>"), pieces=1, pause=0.3)
    errors: list[BaseException] = []

    def announce_and_look() -> None:
        try:
            send(source, article)
            Webmention.objects.filter(due_at__isnull=False).update(due_at=Now() - timedelta(seconds=1))
            verify_next()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=announce_and_look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == [] and Webmention.objects.count() == 1
    while verify_next() is not None:
        pass
    if not Comment.objects.exists():
        look()
    assert Comment.objects.count() == ExternalRef.objects.count() == 1
    check_site(article.site)


def test_what_was_found_before_a_newer_announcement_is_not_written(article: Article, side: FarSide) -> None:
    from sharing.services import webmentions as service

    source = side.has("/note", links(article))
    send(source, article)
    claimed = service._claim()
    assert claimed is not None
    side.has("/note", "", 410)
    send(source, article)
    page = service.fetch_page(source, accept="*/*")
    side.has("/note", links(article))
    service._judge(claimed, page)
    row = Webmention.objects.get()
    assert row.state == "waiting" and row.due_at is not None
    assert look().state == "taken"
