"""What becomes at Disqus of comments that came from there, and what somebody here has decided about them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from articles.models import Site
from comments.models import Comment, DisqusForum, ExternalRef, Revision, Thread, ThreadCount
from comments.selectors.person import person_of
from comments.services import disqus_changes
from comments.services.disqus_changes import follow_changes
from comments.services.disqus_client import Client
from comments.services.editing import Editor, edit_comment
from comments.services.erasure import erase_comment, erase_from_comments
from comments.services.moderation import Moderator, decide, undo
from comments.services.reporting import report_comment, reporter_of
from sharing.models import Notification
from tests.comments.invariants import check_site
from tests.disqus_server import FORUM, DisqusServer
from tests.factories import BEN
from tests.posting import make_channel
from tests.reading_disqus import KEYS, forum, read, read_all_again, server, site

__all__ = ["forum", "server", "site"]

pytestmark = pytest.mark.django_db

STATES: dict[str, dict[str, Any]] = {
    "approved": {},
    "pending": {"isApproved": False},
    "spam": {"isSpam": True},
    "removed": {"isDeleted": True},
}


def state(name: str) -> dict[str, Any]:
    """All flags of a post, so that each is as this state has it."""
    return {"isApproved": True, "isSpam": False, "isDeleted": False, **STATES[name]}


def only(site: Site) -> Comment:
    return Comment.objects.get(site=site)


def version(site: Site) -> int:
    return Thread.objects.values_list("version", flat=True).get(site=site)


class TestStates:
    @pytest.mark.parametrize("first", STATES)
    @pytest.mark.parametrize("then", STATES)
    def test_every_state_may_follow_every_other(
        self, server: DisqusServer, forum: DisqusForum, site: Site, first: str, then: str
    ) -> None:
        server.has_post(1, 1, **state(first))
        server.has_post(2, 1, parent=1)
        read(forum)
        before = version(site)
        server.writes(1, **state(then))
        read_all_again(forum)
        assert Comment.objects.get(parent=None).status == then
        assert version(site) == before + (first != then and "approved" in {first, then})
        check_site(site)

    def test_a_branch_goes_and_comes_back(self, server: DisqusServer, forum: DisqusForum, site: Site) -> None:
        for number in range(1, 6):
            server.has_post(number, 1, parent=number - 1 or None)
        read(forum)
        for number in (3, 5, 4, 1, 2):
            server.writes(number, isDeleted=True)
        assert read_all_again(forum).followed == 5
        assert not ThreadCount.objects.exclude(count=0).exists()
        check_site(site)
        server.writes(5, isDeleted=False)
        assert read_all_again(forum).followed == 6
        assert ThreadCount.objects.get().count == 1
        check_site(site)

    def test_a_second_look_changes_nothing(self, server: DisqusServer, forum: DisqusForum, site: Site) -> None:
        for number, name in enumerate(STATES, start=1):
            server.has_post(number, 1, **state(name))
        read(forum)
        before = version(site)
        assert read_all_again(forum).followed == 0
        assert version(site) == before and not Revision.objects.exists()

    def test_a_post_that_is_blank_when_it_is_deleted_keeps_its_text_for_moderators(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(1, 1, "words")
        read(forum)
        server.writes(1, isDeleted=True, message="", author={"name": ""})
        read_all_again(forum)
        assert (only(site).status, only(site).text, only(site).author_name) == ("removed", "words", "Ben")
        server.writes(1, isDeleted=False, message="<p>words</p>")
        read_all_again(forum)
        assert (only(site).status, only(site).text, only(site).revision) == ("approved", "words", 1)

    def test_a_comment_that_came_from_wordpress_does_not_follow_disqus(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(1, 1)
        read(forum)
        Comment.objects.update(provider="wordpress")
        ThreadCount.objects.update(provider="wordpress")
        server.writes(1, isDeleted=True)
        assert read_all_again(forum).followed == 0
        assert only(site).is_approved

    def test_a_comment_that_was_sent_to_this_forum_from_another_does_not_follow_it(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(1, 1)
        read(forum)
        ExternalRef.objects.update(direction="out")
        server.writes(1, isDeleted=True)
        assert read_all_again(forum).followed == 0
        assert only(site).is_approved

    def test_no_channel_is_told_of_changes(self, server: DisqusServer, forum: DisqusForum, site: Site) -> None:
        make_channel(site, events=["comment.published", "comment.changed", "comment.removed"])
        for number, name in enumerate(STATES, start=1):
            server.has_post(number, 1, **state(name))
        read(forum)
        for number in range(1, 5):
            server.edits(number, f"changed {number}")
            server.writes(number, **state("approved"))
        assert read_all_again(forum).followed == 4
        for number in range(1, 5):
            server.writes(number, isDeleted=True)
        assert read_all_again(forum).followed == 8
        assert not Notification.objects.exists()


class TestTexts:
    def test_an_edit_is_kept_as_a_revision_and_cleaned(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(1, 1, "before")
        read(forum)
        before = version(site)
        server.writes(1, message="<p>after <img src=x onerror=alert(1)><b>all</b></p>", isEdited=True)
        assert read_all_again(forum).followed == 1
        comment = only(site)
        assert (comment.text, comment.revision, version(site)) == ("after all", 2, before + 1)
        assert "onerror" not in comment.html and comment.edited_at is not None
        first, second = Revision.objects.order_by("number")
        assert (first.number, first.source, first.editor, second.number) == (1, "<p>before</p>", "author", 2)
        assert comment.changed_version == version(site)
        assert read_all_again(forum).followed == 1, "once"

    def test_another_spelling_of_the_same_words_is_an_edit_only_where_disqus_says_so(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(1, 1, "some words")
        read(forum)
        server.writes(1, message="<p>some\n<em>words</em></p>")
        read_all_again(forum)
        assert only(site).revision == 1
        server.writes(1, message="<p>some <strong>words</strong></p>", isEdited=True)
        read_all_again(forum)
        assert only(site).revision == 2 and "<strong>" in only(site).html

    def test_an_edit_and_a_state_at_once_are_one_version(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(1, 1, "held", isApproved=False)
        server.has_post(2, 1)
        read(forum)
        before = version(site)
        server.edits(1, "approved")
        server.writes(1, isApproved=True)
        read_all_again(forum)
        assert Comment.objects.get(text="approved").is_approved and version(site) == before + 1
        check_site(site)


class TestDecidedHere:
    @pytest.mark.parametrize("decided", ["approved", "rejected", "spam", "removed"])
    @pytest.mark.parametrize("said", STATES)
    def test_a_decision_stays_whatever_disqus_says_later(
        self, server: DisqusServer, forum: DisqusForum, site: Site, decided: str, said: str
    ) -> None:
        server.has_post(1, 1, isApproved=False)
        read(forum)
        decide(site, only(site).pk, decided, Moderator())
        server.writes(1, **state(said))
        assert read_all_again(forum).followed == 0
        assert only(site).status == decided
        check_site(site)

    def test_a_decision_that_was_taken_back_is_one_too(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(1, 1)
        read(forum)
        decide(site, only(site).pk, "spam", Moderator())
        undo(site, only(site).pk, Moderator())
        server.writes(1, isDeleted=True)
        read_all_again(forum)
        assert only(site).is_approved

    def test_what_a_moderator_here_has_written_is_not_overwritten(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(1, 1, "rude words")
        read(forum)
        edit_comment(only(site), Editor(Moderator()), "<p>kind words</p>")
        server.edits(1, "ruder words")
        read_all_again(forum)
        assert only(site).text == "kind words"

    def test_a_text_that_disqus_holds_back_is_not_shown_because_the_one_before_was_approved_here(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(1, 1, "harmless", isApproved=False)
        read(forum)
        decide(site, only(site).pk, "approved", Moderator())
        server.edits(1, "harmful")
        read_all_again(forum)
        assert (only(site).status, only(site).text) == ("approved", "harmless")
        server.writes(1, isApproved=True)
        read_all_again(forum)
        assert only(site).text == "harmful"

    def test_what_readers_here_have_reported_waits_for_a_moderator(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        Site.objects.update(hold_after_reports=1)
        server.has_post(1, 1)
        read(forum)
        report_comment(only(site), reporter_of(site.pk, voter_key="a" * 32, prefix="192.0.2.0/24"), "abuse")
        assert only(site).status == "pending"
        read_all_again(forum)
        assert only(site).status == "pending"

    @pytest.mark.parametrize("before", STATES)
    def test_erased_words_do_not_come_back(
        self, server: DisqusServer, forum: DisqusForum, site: Site, before: str
    ) -> None:
        author = {"name": "Ben", "email": BEN, "isAnonymous": True}
        server.has_post(1, 1, "private words", author=author, **state(before))
        read(forum)
        erase_from_comments(person_of(site, BEN), texts=True)
        status = only(site).status
        server.edits(1, "private words again")
        server.writes(1, **state("approved"))
        assert read_all_again(forum).followed == 0
        comment = only(site)
        assert (comment.status, comment.source, comment.author_name) == (status, "", "Former reader")
        assert not comment.is_approved and ExternalRef.objects.get().content_hash == ""


def test_a_comment_that_is_erased_while_its_change_waits_stays_empty(
    server: DisqusServer, forum: DisqusForum, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.has_post(1, 1, "private words", author={"name": "Ben", "email": BEN}, isSpam=True)
    read(forum)
    server.edits(1, "private words again")
    usual = disqus_changes.locked

    def erased_first(comments: QuerySet[Comment], comment_id: int) -> Comment:
        erase_comment(comment_id, texts=True)
        return usual(comments, comment_id)

    monkeypatch.setattr(disqus_changes, "locked", erased_first)
    assert read_all_again(forum).followed == 0
    assert (only(site).source, only(site).status, Revision.objects.count()) == ("", "spam", 0)
    assert ExternalRef.objects.get().content_hash == ""


@pytest.mark.django_db(transaction=True)
def test_two_that_follow_the_same_changes_at_once_write_them_once(
    server: DisqusServer, forum: DisqusForum, site: Site
) -> None:
    for number in range(1, 31):
        server.has_post(number, number % 3, parent=number - 3 if number > 3 else None)
    read(forum)
    for number in range(1, 31):
        server.edits(number, f"changed {number}")
        server.writes(number, isDeleted=number % 2 == 0)
    posts = Client(FORUM, KEYS, 30).posts("", None).posts

    def follow(backward: bool) -> int:
        try:
            return follow_changes(site, FORUM, posts[::-1] if backward else posts)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(follow, [False, True])) == 30
    assert set(Comment.objects.filter(status="approved").values_list("revision", flat=True)) == {2}
    assert Comment.objects.filter(status="removed").count() == 15
    check_site(site)
