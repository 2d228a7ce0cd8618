"""A Disqus forum read beside a site's own comments: what comes in, once, and how far it was read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from articles.models import Article, ArticleKey, Site
from comments.models import Comment, DisqusForum, ExternalRef, ThreadCount
from comments.services import disqus_client, disqus_sync
from comments.services.disqus_forums import add_forum, switch
from comments.services.disqus_sync import read_forum, read_next_forum
from sharing.models import Notification
from tests.comments.exports import disqus, dsq_post, dsq_thread, import_text
from tests.comments.invariants import check_site
from tests.disqus_server import BLOG, FORUM, DisqusServer
from tests.factories import make_article, make_comment, make_site
from tests.reading_disqus import KEYS, forum, read, read_all_again, server, site, texts

__all__ = ["forum", "server", "site"]

pytestmark = pytest.mark.django_db


class TestWhatComesIn:
    def test_posts_of_all_states_become_comments_below_the_page_of_their_thread(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        article = make_article(site, url=f"{BLOG}/1/")
        server.has_post(1, 1, "first", author={"name": "Ada &amp; Cy", "isAnonymous": True})
        server.has_post(2, 1, "an <b>answer</b><script>alert(1)</script>", parent=1)
        server.has_post(3, 1, "held", isApproved=False)
        server.has_post(4, 1, "cheap", isSpam=True)
        server.has_post(5, 1, "gone", isDeleted=True)
        found = read(forum)
        assert (found.failures, found.last_error, found.taken, found.is_caught_up) == (0, "", 5, True)
        rows = Comment.objects.filter(article=article).order_by("id")
        assert [(row.text, row.status) for row in rows] == [
            ("first", "approved"),
            ("an answer", "approved"),
            ("held", "pending"),
            ("cheap", "spam"),
            ("gone", "removed"),
        ]
        assert {row.provider for row in rows} == {"disqus"}
        assert rows[0].author_name == "Ada & Cy" and rows[0].created_at.isoformat() == "2020-01-01T00:00:01+00:00"
        assert rows[1].parent_id == rows[0].pk and "<script" not in rows[1].html
        assert ThreadCount.objects.get(article=article, provider="disqus").count == 2
        check_site(site)

    def test_nobody_is_told(self, server: DisqusServer, forum: DisqusForum) -> None:
        server.has_post(1, 1)
        server.has_post(2, 1, isApproved=False)
        read(forum)
        server.edits(1, "another text")
        server.writes(2, isApproved=True)
        assert read(forum).followed == 0, "the posts are older than what is read again"
        DisqusForum.objects.update(whole_read_at=timezone.now() - timedelta(days=8))
        assert read(forum).followed == 2
        assert not Notification.objects.exists()

    def test_a_page_is_matched_by_identifier_and_told_as_the_thread_says(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        article = make_article(site, url=f"{BLOG}/elsewhere/", identifier="story-1")
        server.has_thread(1, "/old/", identifiers=["story-1", "528 https://blog.example.org/?p=528"])
        server.has_thread(2, "/closed/", isClosed=True)
        server.has_thread(3, "/deleted/", isDeleted=True)
        server.has_thread(4, link="", title="A &amp; B")
        for number in range(1, 5):
            server.has_post(number, number)
        read(forum)
        assert Comment.objects.get(text="Post 1.").article_id == article.pk
        assert ArticleKey.objects.filter(article=article, kind="identifier").count() == 2
        assert not Article.objects.get(url=f"{BLOG}/closed/").comments_open
        assert Article.objects.get(url=f"{BLOG}/deleted/").visibility == "hidden"
        assert Article.objects.get(identifier="disqus:4").title == "A & B"

    def test_threads_that_do_not_come_along_are_asked_for_together(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.relates_threads = False
        for number in range(1, 8):
            server.has_post(number, number)
        server.has_thread(7, "/deleted/", isDeleted=True)
        read(forum)
        assert len(texts(site)) == 7
        methods = [method for method, _ in server.asked]
        assert methods.count("threads/set") == 1
        assert methods.count("threads/details") == 1, "a deleted thread is in no set"

    def test_posts_whose_threads_are_unknown_are_passed_over_and_counted(
        self, server: DisqusServer, forum: DisqusForum, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.relates_threads = False
        monkeypatch.setattr(disqus_client, "MOST_DETAILS", 3)
        for number in range(1, 7):
            server.has_post(number, number)
        for number in range(2, 7):
            del server.threads[str(number)]
        assert read(forum).skipped == 5
        assert texts(site) == ["Post 1."]
        assert [method for method, _ in server.asked].count("threads/details") == 3, "it does not spend the limit"


class TestOnce:
    def test_a_comment_met_in_a_file_and_here_is_one(
        self, server: DisqusServer, forum: DisqusForum, site: Site, tmp_path: Path
    ) -> None:
        export = disqus(
            dsq_thread(1, "/1/", forum=FORUM),
            dsq_post(1, 1, "<p>Post 1.\n</p>"),
            dsq_post(2, 1, "<p>Post 2.</p>", parent=1),
        )
        import_text(tmp_path, export, site)
        for number in (1, 2, 3):
            server.has_post(number, 1, parent=number - 1 or None)
        assert (read(forum).taken, forum.followed) == (1, 0)
        assert texts(site) == ["Post 1.", "Post 2.", "Post 3."]
        assert [row.depth for row in Comment.objects.order_by("id")] == [0, 1, 2]
        assert {row.revision for row in Comment.objects.all()} == {1}, "another spelling of a text is no edit"
        assert import_text(tmp_path, export, site).created == 0
        check_site(site)

    def test_a_comment_stays_one_when_its_thread_moves_to_another_page(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(1, 1)
        read(forum)
        server.has_thread(1, "/moved/")
        read_all_again(forum)
        assert texts(site) == ["Post 1."] and Article.objects.count() == 1

    def test_what_was_sent_there_from_here_does_not_come_back(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        article = make_article(site, url=f"{BLOG}/1/")
        own = make_comment(article, body="Written here.")
        ExternalRef.objects.create(
            site=site, comment=own, provider="disqus", source=FORUM, external_id="1", direction="out", content_hash="x"
        )
        server.has_post(1, 1, "Written here.")
        server.has_post(2, 1, "an answer there", parent=1)
        read(forum)
        server.edits(1, "changed there")
        server.writes(1, isDeleted=True)
        read_all_again(forum)
        own.refresh_from_db()
        assert (own.text, own.status, own.provider) == ("Written here.", "approved", "native")
        answer = Comment.objects.get(text="an answer there")
        assert answer.parent_id == own.pk
        assert Comment.objects.count() == 2

    def test_we_only_read(self, server: DisqusServer, forum: DisqusForum, site: Site) -> None:
        make_comment(make_article(site, url=f"{BLOG}/1/"))
        server.has_post(1, 1)
        read(forum)
        assert {method for method, _ in server.asked} == {"posts/list"}

    def test_an_unknown_forum_of_two_sites_is_each_sites_own(self, server: DisqusServer, forum: DisqusForum) -> None:
        other = add_forum(make_site("other"), FORUM, KEYS)
        server.has_post(1, 1)
        read(forum)
        read(other)
        assert sorted(Comment.objects.values_list("site_id", flat=True)) == sorted([forum.site_id, other.site_id])


class TestPlaces:
    def test_pages_follow_one_another_and_the_end_is_kept(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        for number in range(1, 251):
            # Ten in each second, so that a page ends between posts of one time.
            server.has_post(number, number % 3, createdAt=f"2020-01-01T00:00:{number // 10:02}")
        found = read(forum)
        assert len(texts(site)) == 250 == found.taken
        lists = [asked for method, asked in server.asked if method == "posts/list" and "since" not in asked]
        assert [len(asked.get("cursor", [])) for asked in lists] == [0, 1, 1]
        assert all(set(asked["include[]"]) == {"approved", "unapproved", "spam", "deleted"} for asked in lists)
        server.calls()
        server.has_post(251, 1, createdAt="2020-01-01T00:00:25")
        read(forum)
        assert len(texts(site)) == 251
        first = server.calls("posts/list")[0]
        assert first["cursor"] == [found.cursor], "it goes on where it was"
        check_site(site)

    def test_a_long_absence_is_caught_up_in_turns(
        self, server: DisqusServer, forum: DisqusForum, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(disqus_sync, "NEWEST", disqus_sync.Lane("cursor", 2))
        for number in range(1, 551):
            server.has_post(number, 1)
        turns = []
        while not (found := read(forum)).is_caught_up:
            turns.append(found.taken)
            assert found.next_at - timezone.now() < timedelta(minutes=1), "there is more: it goes on soon"
        assert [*turns, found.taken] == [200, 400, 550] and len(texts(site)) == 550
        assert found.next_at - timezone.now() > timedelta(minutes=4)

    def test_the_last_days_are_read_again_each_time_and_everything_once_a_week(
        self, server: DisqusServer, forum: DisqusForum
    ) -> None:
        now = timezone.now()
        server.has_post(1, 1)
        server.has_post(2, 1, createdAt=(now - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S"))
        read(forum)
        server.edits(1, "an old one, changed")
        server.edits(2, "a new one, changed")
        read(forum)
        assert set(Comment.objects.values_list("text", flat=True)) == {"Post 1.", "a new one, changed"}
        DisqusForum.objects.update(whole_read_at=now - timedelta(days=8))
        assert read(forum).followed == 2
        assert set(Comment.objects.values_list("text", flat=True)) == {"an old one, changed", "a new one, changed"}

    def test_a_post_that_appears_behind_the_place_is_found(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        now = timezone.now()
        server.has_post(2, 1, createdAt=now.strftime("%Y-%m-%dT%H:%M:%S"))
        read(forum)
        server.has_post(1, 1, "late", createdAt=(now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S"))
        read(forum)
        assert "late" in texts(site)

    @pytest.mark.parametrize("meanwhile", [{"is_active": False}, {"next_at": datetime(2026, 1, 1, tzinfo=UTC)}])
    def test_who_is_stopped_or_relieved_meanwhile_writes_nothing_more(
        self,
        server: DisqusServer,
        forum: DisqusForum,
        site: Site,
        monkeypatch: pytest.MonkeyPatch,
        meanwhile: dict[str, Any],
    ) -> None:
        for number in range(1, 201):
            server.has_post(number, 1)
        take_in = disqus_sync.take_in

        def interrupted_after_the_first(*args: Any, **options: Any) -> Any:
            done = take_in(*args, **options)
            DisqusForum.objects.update(**meanwhile)
            return done

        monkeypatch.setattr(disqus_sync, "take_in", interrupted_after_the_first)
        found = read(forum)
        assert len(texts(site)) == 100 and not found.is_caught_up and found.last_read_at is None
        assert {name: getattr(found, name) for name in meanwhile} == meanwhile

    @pytest.mark.django_db(transaction=True)
    def test_a_forum_that_somebody_is_taking_is_passed_over(self, server: DisqusServer, forum: DisqusForum) -> None:
        def read_next() -> DisqusForum | None:
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SET lock_timeout = '5s'")
                return read_next_forum()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool, transaction.atomic():
            DisqusForum.objects.select_for_update().get()
            assert pool.submit(read_next).result() is None
        assert server.asked == []

    def test_forums_that_are_due_are_read_the_longest_waiting_first(self, server: DisqusServer, site: Site) -> None:
        off = add_forum(site, "off", KEYS)
        switch(off, on=False)
        assert read_forum(off) is None and read_next_forum() is None
        first, second = (add_forum(site, name, KEYS) for name in (FORUM, "no-such-forum"))
        assert [getattr(read_next_forum(), "pk", None) for _ in range(3)] == [first.pk, second.pk, None]
        second.refresh_from_db()
        assert "Unable to find forum" in second.last_error
