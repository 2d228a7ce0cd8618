"""Authors and members choose: at once, once a day in one mail, or nothing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from articles.models import Article, Member
from comments.models import Comment
from comments.selectors.person import person_of
from project.addresses import email_key
from sharing.models import AuthorNotice, Delivery, Digest, Notification, Share, Suppression
from sharing.selectors.person import held_about
from sharing.services import notices
from sharing.services.erasure import erase_person
from sharing.services.fan_out import plan_next_page
from sharing.services.notices import choose, gather
from sharing.tokens import Recipient, leave_url, notices_url, read_leave
from tests.factories import ADA, CY, make_article, make_comment, make_member, make_site
from tests.mailing import noted, planned, send, sink, states, words_of
from tests.smtp_sink import SmtpSink

__all__ = ["sink"]

DEE = "dee@example.org"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Notices are put into a day at noon, so that no test begins before eight and ends after it."""
    moment = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(notices, "database_now", lambda: moment)
    return moment


@pytest.fixture
def article(db: None) -> Article:
    """By Ada, who wants one mail a day."""
    article = make_article(author_email=ADA, title="Bees of the north")
    choose(author(article), "daily")
    return article


def author(article: Article, email: str = ADA) -> Recipient:
    return Recipient(article.site_id, email_key(email), Delivery.Why.AUTHOR)


def member(article: Article, email: str = DEE) -> Recipient:
    return Recipient(article.site_id, email_key(email), Delivery.Why.MEMBER)


def daily_member(article: Article, email: str = DEE, **fields: Any) -> Member:
    made = make_member(article.site, email, **fields)
    choose(member(article, email), "daily")
    made.refresh_from_db()
    return made


def said(article: Article, body: str, **fields: Any) -> Comment:
    comment = make_comment(article, body=body, **fields)
    planned(article, comment)
    return comment


def held(article: Article, body: str, **fields: Any) -> Comment:
    comment = make_comment(article, body=body, status="pending", **fields)
    planned(article, comment, "held")
    return comment


def at_eight(sink: SmtpSink) -> list[str]:
    """Send the mails of the day as if it were eight; return the words of each, and forget them."""
    Delivery.objects.filter(kind="notices", status="queued").update(next_attempt_at=timezone.now())
    send()
    words = [words_of(received.message) for received in sink.messages]
    sink.messages.clear()
    return words


class TestAuthors:
    def test_a_day_is_one_mail_and_nothing_comes_before(self, article: Article, sink: SmtpSink) -> None:
        said(article, "The first word.")
        said(make_article(article.site, author_email=ADA), "The second word.")
        said(make_article(article.site, author_email=CY), "To somebody else.")
        assert states() == {ADA: "queued", CY: "queued"}
        send()
        assert [received.recipients for received in sink.messages] == [[CY]]
        sink.messages.clear()
        (words,) = at_eight(sink)
        assert words.index("The first word.") < words.index("The second word.")
        assert "To somebody else." not in words and "asked for one mail a day" in words
        assert "/notices/" in words and "/follows/leave/" in words
        assert at_eight(sink) == []

    def test_it_is_due_at_eight_and_of_use_for_a_day(self, article: Article, noon: datetime) -> None:
        said(article, "A word.")
        delivery, window = Delivery.objects.get(), Digest.objects.get()
        assert (window.window_start, window.window_end) == (noon - 4 * HOUR, noon + 20 * HOUR)
        assert window.since == [noon] == list(Notification.objects.values_list("fanned_out_at", flat=True))
        assert delivery.next_attempt_at == window.window_end + timedelta(minutes=2)
        assert delivery.expires_at == window.window_end + DAY

    def test_shares_come_in_it_by_network(self, article: Article, sink: SmtpSink) -> None:
        for number, network in enumerate(["mastodon", "mastodon", "linkedin"]):
            day = timezone.now().date()
            Share.objects.create(site=article.site, article=article, network=network, day=day, visitor_hash=f"{number}")
        notice = noted(article, kind="shares")
        Notification.objects.filter(pk=notice.pk).update(due_at=timezone.now())
        assert not plan_next_page(notice.pk)
        (words,) = at_eight(sink)
        assert "“Bees of the north” was shared 3 times:\r\nMastodon: 2\r\nLinkedIn: 1\r\n" in words

    def test_articles_that_were_shared_beyond_what_one_message_shows(self, article: Article, sink: SmtpSink) -> None:
        day = timezone.now().date()
        for number in range(7):
            one = make_article(article.site, author_email=ADA, title=f"Story {number}.")
            for visitor in range(1 if number < 2 else 2):
                Share.objects.create(
                    site=article.site, article=one, network="mastodon", day=day, visitor_hash=f"{visitor}"
                )
            notice = noted(one, kind="shares")
            Notification.objects.filter(pk=notice.pk).update(due_at=timezone.now())
            plan_next_page(notice.pk)
        (words,) = at_eight(sink)
        assert "Story 2." in words and "Story 6." in words and "Story 1." not in words
        assert "And 2 more of your articles were shared." in words

    def test_only_what_may_be_seen_and_never_her_own(self, article: Article, sink: SmtpSink) -> None:
        said(article, "Her own.", author_email=ADA)
        assert not Delivery.objects.exists()
        gone = said(article, "Gone by then.")
        Comment.objects.filter(pk=gone.pk).update(status="removed")
        assert at_eight(sink) == []
        assert Delivery.objects.get().last_error == "nothing to tell"

    def test_not_when_another_wrote_the_article_by_then(self, article: Article, sink: SmtpSink) -> None:
        said(article, "A word.")
        Article.objects.update(author_email=CY)
        assert at_eight(sink) == []

    def test_what_was_told_singly_is_not_told_again(self, article: Article, sink: SmtpSink) -> None:
        said(article, "A word of the day.")
        choose(author(article), "immediate")
        said(article, "Told at once.")
        choose(author(article), "daily")
        said(article, "The last word.")
        send()
        (single,) = [words_of(received.message) for received in sink.messages]
        sink.messages.clear()
        (words,) = at_eight(sink)
        assert "Told at once." in single and "Told at once." not in words
        assert "A word of the day." in words and "The last word." in words

    def test_nothing_is_nothing_and_she_may_come_back(self, article: Article, sink: SmtpSink) -> None:
        said(article, "A word.")
        choose(author(article), "none")
        assert at_eight(sink) == []
        assert Delivery.objects.get().last_error == "the address is suppressed"
        Delivery.objects.all().delete()
        said(article, "Unheard.")
        assert not Delivery.objects.exists()
        choose(author(article), "immediate")
        said(article, "Heard.")
        assert Delivery.objects.get().kind == "comment"

    def test_one_site_knows_nothing_of_another(self, article: Article) -> None:
        other = make_article(make_site(), author_email=ADA)
        said(other, "A word.")
        assert Delivery.objects.get().kind == "comment"

    def test_whoever_read_the_clock_first_and_came_last_loses_nothing(self, article: Article) -> None:
        key = {email_key(ADA): ADA}
        gather(article.site_id, "author", key, NOON)
        gather(article.site_id, "author", key, NOON - HOUR)
        gather(article.site_id, "author", key, NOON + HOUR)
        assert Digest.objects.get().since == [NOON - HOUR]
        assert Delivery.objects.get().next_attempt_at == NOON + 20 * HOUR + timedelta(minutes=2)

    @pytest.mark.parametrize(("age", "mails"), [(30 * HOUR, 1), (3 * DAY, 0)])
    def test_what_was_fanned_out_late_is_of_that_day_for_two_days(
        self, article: Article, sink: SmtpSink, noon: datetime, age: timedelta, mails: int
    ) -> None:
        late = noted(article, make_comment(article, body="Told late."))
        Notification.objects.filter(pk=late.pk).update(created_at=noon - age)
        plan_next_page(late.pk)
        assert len(at_eight(sink)) == mails
        assert Delivery.objects.get().status == ("sent" if mails else "skipped")

    def test_a_day_that_could_not_go_for_another_is_left_out(self, article: Article, sink: SmtpSink) -> None:
        said(article, "A word.")
        Delivery.objects.update(expires_at=timezone.now())
        assert at_eight(sink) == []
        assert Delivery.objects.get().last_error == "too late to be of use"

    def test_each_day_has_its_own_from_eight_to_eight(self, article: Article) -> None:
        eight, key = NOON - 4 * HOUR, {email_key(ADA): ADA}
        for moment in (eight - timedelta(microseconds=1), eight, eight + DAY - timedelta(microseconds=1), eight + DAY):
            gather(article.site_id, "author", key, moment)
        windows = Digest.objects.order_by("window_start").values_list("window_start", "window_end")
        assert list(windows) == [(eight + number * DAY, eight + (number + 1) * DAY) for number in (-1, 0, 1)]


class TestMembers:
    def test_what_still_waits_is_told_and_no_more(self, article: Article, sink: SmtpSink) -> None:
        daily_member(article)
        first = held(article, "Waits.")
        decided = held(article, "Was decided.")
        Comment.objects.filter(pk=decided.pk).update(status="approved", published_at=timezone.now())
        (words,) = at_eight(sink)
        assert "Waits." in words and "Was decided." not in words
        assert f"/admin/comments/comment/{first.pk}/change/" in words
        assert "you look after" in words

    def test_no_mail_about_nothing(self, article: Article, sink: SmtpSink) -> None:
        daily_member(article)
        held(article, "Decided.")
        Comment.objects.update(status="rejected")
        assert at_eight(sink) == []

    def test_one_that_was_held_twice_is_one(self, article: Article, sink: SmtpSink) -> None:
        daily_member(article)
        comment = held(article, "Waits again.")
        Notification.objects.create(site=article.site, article=article, comment=comment, kind="held", cause_key="again")
        plan_next_page(Notification.objects.get(cause_key="again").pk)
        (words,) = at_eight(sink)
        assert words.count("Waits again.") == 1

    def test_more_than_one_message_shows_are_counted(self, article: Article, sink: SmtpSink) -> None:
        daily_member(article)
        for number in range(33):
            held(article, f"Number {number}.")
        (words,) = at_eight(sink)
        assert "Number 29." in words and "Number 30." not in words and "And 3 more that wait." in words

    @pytest.mark.parametrize("end", ["removed", "left", "none", "inactive"])
    def test_a_member_who_is_none_any_more_gets_nothing(self, article: Article, sink: SmtpSink, end: str) -> None:
        made = daily_member(article)
        held(article, "Waits.")
        if end == "removed":
            made.delete()
        elif end == "left":
            assert read_leave(leave_link()).suppress == "member"
            Client().post(f"/follows/leave/{leave_link()}", {"List-Unsubscribe": "One-Click"})
        elif end == "none":
            choose(member(article), "none")
        else:
            made.user.is_active = False
            made.user.save()
        assert at_eight(sink) == []
        assert Delivery.objects.get().status == "skipped"

    def test_a_mailbox_of_two_is_told_at_once_where_one_wants_it(self, article: Article) -> None:
        daily_member(article)
        make_member(article.site, DEE)
        held(article, "Waits.")
        assert Delivery.objects.get(target_key=email_key(DEE)).kind == "held"

    def test_a_mail_that_was_planned_singly_goes_though_she_changed_it(self, article: Article, sink: SmtpSink) -> None:
        make_member(article.site, DEE)
        held(article, "Planned singly.")
        choose(member(article), "daily")
        send()
        assert "Planned singly." in words_of(sink.messages[0].message)
        sink.messages.clear()
        assert at_eight(sink) == []


def leave_link() -> str:
    return leave_url(Delivery.objects.get()).rpartition("/")[2]


class TestThePage:
    def path(self, why: str, article: Article, email: str) -> str:
        delivery = Delivery(site=article.site, why=why, target_key=email_key(email))
        return f"/notices/{notices_url(delivery).rpartition('/')[2]}"

    def test_an_author_sees_and_changes_it(self, article: Article, client: Client) -> None:
        path = self.path("author", article, ADA)
        shown = client.get(path)
        assert '<option value="daily" selected>' in shown.content.decode()
        assert not shown.cookies and shown["Cache-Control"] == "no-store"
        assert AuthorNotice.objects.get().choice == "daily"
        assert '<option value="none" selected>' in client.post(path, {"choice": "none"}).content.decode()
        assert Suppression.objects.get().kind == "author"
        assert (
            '<option value="immediate" selected>' in client.post(f"{path}/", {"choice": "immediate"}).content.decode()
        )
        assert not Suppression.objects.exists() and AuthorNotice.objects.get().choice == "immediate"

    def test_a_member_changes_her_membership(self, article: Article, client: Client) -> None:
        made = make_member(article.site, DEE)
        other = make_member(article.site, CY)
        page = client.post(self.path("member", article, DEE), {"choice": "daily", "summary": "1"}).content.decode()
        assert '<option value="daily" selected>' in page and 'name="summary"' not in page
        made.refresh_from_db()
        other.refresh_from_db()
        assert (made.notice, other.notice) == ("daily", "immediate")

    def test_an_owner_has_the_summary_there(self, article: Article, client: Client) -> None:
        made = make_member(article.site, DEE, role="owner")
        Suppression.objects.create(site=article.site, address_key=email_key(DEE), kind="summary")
        path = self.path("member", article, DEE)
        assert "checked" not in client.get(path).content.decode()
        assert "checked" in client.post(path, {"choice": "none", "summary": "1"}).content.decode()
        made.refresh_from_db()
        assert (made.notice, made.summary, Suppression.objects.count()) == ("none", True, 0)
        assert "checked" not in client.post(path, {"choice": "daily"}).content.decode()
        made.refresh_from_db()
        assert (made.notice, made.summary) == ("daily", False)

    def test_what_is_no_choice_changes_nothing(self, article: Article, client: Client) -> None:
        for given in ({}, {"choice": "hourly"}, {"choice": "\0"}):
            answer = client.post(self.path("author", article, ADA), given)
            assert answer.status_code == 400 and 'role="alert"' in answer.content.decode()
        assert AuthorNotice.objects.get().choice == "daily"

    def test_no_page_for_whoever_is_no_member_any_more_and_for_forgeries(
        self, article: Article, client: Client
    ) -> None:
        assert client.get(self.path("member", article, CY)).status_code == 404
        assert client.get("/notices/forged").status_code == 404
        path = self.path("author", article, ADA)
        article.site.delete()
        assert client.post(path, {"choice": "daily"}).status_code == 404


class TestPerson:
    def test_export_and_erasure_know_it(self, article: Article, sink: SmtpSink) -> None:
        said(article, "A word.")
        person = person_of(article.site, ADA)
        found = held_about(person)
        assert [row["choice"] for row in found["notices"]] == ["daily"]
        assert [row["scope"] for row in found["digests"]] == ["author"]
        receipt = erase_person(person)
        assert receipt["rows"]["notices"] == 1
        assert not AuthorNotice.objects.exists() and not Digest.objects.exists()
        assert at_eight(sink) == [] and states() == {"": "skipped"}

    def test_a_message_with_her_words_is_waited_for(self, article: Article) -> None:
        said(article, "Hers.", author_email=CY)
        Delivery.objects.update(status="sending", attempts=1, lease_until=timezone.now() + HOUR)
        receipt = erase_person(person_of(article.site, CY), patience=0.2)
        assert receipt["unsettled"] == 1


@pytest.mark.django_db(transaction=True)
def test_fan_outs_at_once_open_a_day_once(monkeypatch: pytest.MonkeyPatch, noon: datetime) -> None:
    """Also where whoever comes later has read an earlier time."""
    steps = count()
    monkeypatch.setattr(notices, "database_now", lambda: noon - next(steps) * timedelta(seconds=1))
    article = make_article(author_email=ADA)
    choose(author(article), "daily")
    waiting = [noted(article, make_comment(article, body=f"Number {number}.")).pk for number in range(8)]
    together = threading.Barrier(4)

    def work(mine: list[int]) -> None:
        together.wait()
        for pk in mine:
            plan_next_page(pk)
        connection.close()

    threads = [threading.Thread(target=work, args=(waiting[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    window, delivery = Digest.objects.get(), Delivery.objects.get()
    assert delivery.digest == window
    fanned = Notification.objects.values_list("fanned_out_at", flat=True)
    assert len(fanned) == 8 and all(moment is not None and moment >= window.since[0] for moment in fanned)
