"""Digests: every window is closed once, tells of all that happened in it, and of nothing twice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from articles.models import Article
from comments.models import Comment
from comments.selectors.person import person_of
from sharing.models import Delivery, Digest, DigestClock, Follow, Follower, Notification
from sharing.selectors.digests import SHOWN
from sharing.services import digests
from sharing.services.digests import plan_due_digests, set_frequency, set_schedule
from sharing.services.erasure import erase_person
from sharing.services.fan_out import plan_next_page
from sharing.services.follows import change_follow, confirm_follow, end_follows
from sharing.tokens import leave_url
from tests.factories import ADA, BEN, CY, make_article, make_comment, make_follow
from tests.mailing import article, comment, make_due, noted, send, sink, states, words_of
from tests.smtp_sink import SmtpSink

__all__ = ["article", "comment", "sink"]

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EIGHT = MONDAY + 8 * HOUR
LATER = timedelta(minutes=5)


def follow(about: Article, email: str = CY, frequency: str = "daily", **target: Any) -> Follow:
    """A confirmed follow, told of once a day or a week; its first window begins on Sunday at eight."""
    made = make_follow(about.site, email, **target)
    Follow.objects.filter(pk=made.pk).update(frequency=frequency)
    made.refresh_from_db()
    if frequency != "immediate":
        start, due = EIGHT - DAY, EIGHT if frequency == "daily" else EIGHT + 7 * DAY
        clock = {"site": about.site, "window_start": start, "next_at": due}
        DigestClock.objects.get_or_create(follower=made.follower, frequency=frequency, defaults=clock)
    return made


def happened(
    at: datetime, article: Article, comment: Comment | None = None, *, fanned_out: bool = True
) -> Notification:
    """A notification of a comment, or of a new article, at that time."""
    made = noted(article, comment, "comment" if comment else "article")
    Notification.objects.filter(pk=made.pk).update(created_at=at, due_at=at, fanned_out_at=at if fanned_out else None)
    made.refresh_from_db()
    return made


def say(article: Article, at: datetime, body: str, parent: Comment | None = None, **fields: Any) -> Comment:
    made = make_comment(article, parent, body=body, **fields)
    happened(at, article, made)
    return made


def close(now: datetime) -> int:
    """Close what is due, and let what was planned by then be of use now."""
    closed = plan_due_digests(now)
    Delivery.objects.filter(kind="digest").update(expires_at=None)
    return closed


def read(sink: SmtpSink) -> list[str]:
    """Send what is due; return the words of each message, and forget them."""
    Delivery.objects.filter(kind="digest", status="queued").update(next_attempt_at=timezone.now())
    send()
    words = [words_of(received.message) for received in sink.messages]
    sink.messages.clear()
    return words


class TestWindows:
    def test_a_window_tells_of_all_that_happened_in_it_and_once(self, article: Article, sink: SmtpSink) -> None:
        follow(article, article=article)
        follow(article)
        say(article, EIGHT - 2 * HOUR, "The first word.")
        say(article, EIGHT - HOUR, "The second word.")
        happened(EIGHT - HOUR, make_article(article.site, title="A new story"))
        assert close(EIGHT + LATER) == 1
        assert close(EIGHT + LATER) == 0
        (words,) = read(sink)
        assert words.index("A new story") < words.index("The first word.") < words.index("The second word.")
        assert "daily" in words
        clock = DigestClock.objects.get()
        assert (clock.window_start, clock.next_at) == (EIGHT, EIGHT + DAY)
        assert close(EIGHT + DAY + LATER) == 1
        assert read(sink) == []

    def test_a_window_ends_before_its_end(self, article: Article, sink: SmtpSink) -> None:
        follow(article, article=article)
        say(article, EIGHT, "On the stroke of eight.")
        close(EIGHT + LATER)
        assert read(sink) == []
        close(EIGHT + DAY + LATER)
        assert "On the stroke of eight." in read(sink)[0]

    def test_it_is_not_closed_before_everything_in_it_is_committed(self, article: Article) -> None:
        follow(article, article=article)
        assert close(EIGHT + timedelta(seconds=119)) == 0
        assert close(EIGHT + timedelta(seconds=120)) == 1

    def test_where_nothing_happened_the_clock_moves_and_nobody_is_told(self, article: Article) -> None:
        follow(article, article=article)
        say(make_article(article.site), EIGHT - HOUR, "Elsewhere.")
        assert close(EIGHT + LATER) == 1
        assert not Delivery.objects.exists() and not Digest.objects.exists()
        assert DigestClock.objects.get().window_start == EIGHT

    def test_however_long_nobody_came_there_is_one(self, article: Article, sink: SmtpSink) -> None:
        follow(article, article=article)
        for days in range(7):
            say(article, EIGHT - HOUR + days * DAY, f"Day {days}.")
        assert close(EIGHT + 6 * DAY + 3 * HOUR) == 1
        (words,) = read(sink)
        assert all(f"Day {days}." in words for days in range(7))
        assert DigestClock.objects.get().next_at == EIGHT + 7 * DAY

    def test_weeks_end_on_the_reader_s_day(self, article: Article, sink: SmtpSink) -> None:
        follow(article, frequency="weekly", article=article)
        say(article, EIGHT + 3 * DAY, "In the week.")
        assert close(EIGHT + 6 * DAY) == 0
        assert close(EIGHT + 7 * DAY + LATER) == 1
        assert "weekly" in read(sink)[0]
        assert DigestClock.objects.get().next_at == EIGHT + 14 * DAY

    def test_an_hour_of_her_own_zone(self, article: Article) -> None:
        made = follow(article, article=article)
        set_schedule(made.follower, "Europe/Berlin", 18, 0)
        DigestClock.objects.update(next_at=datetime(2026, 10, 24, 16, tzinfo=UTC))
        close(datetime(2026, 10, 24, 17, tzinfo=UTC))
        assert DigestClock.objects.get().next_at == datetime(2026, 10, 25, 17, tzinfo=UTC)

    def test_a_clock_without_follows_goes(self, article: Article) -> None:
        end_follows_of(follow(article, article=article))
        assert close(EIGHT + LATER) == 1
        assert not DigestClock.objects.exists()

    def test_very_much_is_counted(self, article: Article, sink: SmtpSink) -> None:
        follow(article, article=article)
        for number in range(SHOWN + 7):
            say(article, EIGHT - HOUR + timedelta(seconds=number), f"Word number {number}.")
        close(EIGHT + LATER)
        (words,) = read(sink)
        assert "And 7 more" in words
        assert f"Word number {SHOWN + 6}." in words and "Word number 6." not in words

    def test_a_message_has_what_every_notice_has(self, article: Article, sink: SmtpSink) -> None:
        follow(article, article=article)
        say(article, EIGHT - HOUR, "<b>Bold</b> & *free*")
        close(EIGHT + LATER)
        Delivery.objects.update(next_attempt_at=timezone.now())
        send()
        (received,) = sink.messages
        message = received.message
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert message["Auto-Submitted"] == "auto-generated"
        assert "/follows/manage/" in words_of(message)
        html = message.get_body(("html",))
        assert html is not None and "<b>Bold" not in html.get_content()
        assert message["Subject"].endswith("daily: 1 comment")

    def test_its_leave_link_ends_all_of_its_frequency_and_of_hers(
        self, client: Client, article: Article, sink: SmtpSink
    ) -> None:
        told, silent = follow(article, article=article), follow(article)
        weekly = follow(article, frequency="weekly", tag="bees")
        others = follow(article, BEN, article=article)
        say(article, EIGHT - HOUR, "A word.")
        close(EIGHT + LATER)
        path = leave_url(Delivery.objects.get(follower=told.follower)).partition(settings.PUBLIC_URL)[2]
        client.get(path)
        assert Follow.objects.confirmed().count() == 4
        for _ in range(2):
            assert client.post(path).status_code == 200
        assert set(Follow.objects.confirmed()) == {weekly, others}
        assert silent not in Follow.objects.confirmed()
        article.site.delete()
        assert client.post(path).status_code == 200


def end_follows_of(made: Follow) -> None:
    from django.db.models import Q

    end_follows(Q(pk=made.pk), door="page")


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_close_each_window_once(sink: SmtpSink) -> None:
    article = make_article()
    for number in range(40):
        follow(article, f"reader{number}@example.org", article=article)
    say(article, EIGHT - HOUR, "Once for each.")
    start = threading.Barrier(2)
    closed: list[int] = []

    def beat() -> None:
        start.wait()
        try:
            for _ in range(3):
                closed.append(plan_due_digests(EIGHT + LATER))
        finally:
            connection.close()

    beats = [threading.Thread(target=beat) for _ in range(2)]
    for one in beats:
        one.start()
    for one in beats:
        one.join()
    assert sum(closed) == 40
    assert Digest.objects.count() == Delivery.objects.count() == 40
    Delivery.objects.update(expires_at=None)
    assert len(read(sink)) == 40


class TestContents:
    def test_what_is_taken_away_before_it_is_sent_is_not_told(self, article: Article, sink: SmtpSink) -> None:
        follow(article, article=article)
        gone = say(article, EIGHT - 2 * HOUR, "Taken back.")
        say(article, EIGHT - HOUR, "It stays.")
        close(EIGHT + LATER)
        Comment.objects.filter(pk=gone.pk).update(status="removed")
        (words,) = read(sink)
        assert "It stays." in words and "Taken back." not in words

    def test_nothing_left_is_nothing_sent(self, article: Article, sink: SmtpSink) -> None:
        follow(article, article=article)
        say(article, EIGHT - HOUR, "Taken back.")
        close(EIGHT + LATER)
        Comment.objects.update(status="removed")
        assert read(sink) == []
        assert [(row.status, row.last_error) for row in Delivery.objects.all()] == [("skipped", "nothing to tell")]

    def test_her_own_words_are_not_told(self, article: Article, sink: SmtpSink) -> None:
        follow(article, BEN, article=article)
        say(article, EIGHT - HOUR, "Her own.", author_email=BEN)
        close(EIGHT + LATER)
        assert read(sink) == []

    def test_what_she_gets_at_once_is_not_told_again(self, article: Article, sink: SmtpSink) -> None:
        root = make_comment(article)
        follow(article, article=article)
        follow(article, frequency="immediate", comment=root)
        say(article, EIGHT - HOUR, "A reply.", root)
        say(article, EIGHT - HOUR, "Another root.")
        close(EIGHT + LATER)
        (words,) = read(sink)
        assert "Another root." in words and "A reply." not in words

    def test_weekly_leaves_out_what_daily_tells(self, article: Article, sink: SmtpSink) -> None:
        root, other = make_comment(article), make_article(article.site)
        follow(article, article=article)
        follow(article, frequency="weekly", comment=root)
        follow(article, frequency="weekly", article=other)
        say(article, EIGHT + HOUR, "Told on its day.", root)
        say(other, EIGHT + HOUR, "Told in its week.")
        close(EIGHT + DAY + LATER)
        assert "Told on its day." in read(sink)[0]
        close(EIGHT + 7 * DAY + LATER)
        (words,) = read(sink)
        assert "Told in its week." in words and "Told on its day." not in words

    def test_everything_that_can_be_followed(self, article: Article, sink: SmtpSink) -> None:
        root = make_comment(article)
        reply = make_comment(article, root)
        follow(article, comment=root)
        follow(article, tag="politics")
        follow(article, author="ada lovelace")
        say(article, EIGHT - HOUR, "Deep below.", reply)
        say(article, EIGHT - HOUR, "Not below it.")
        for title, fields in {
            "Tagged": {"tags": ["Politics"], "author_name": "Bob"},
            "Hers": {"author_name": "Ada  Lovelace"},
            "Neither": {"author_name": "Bob"},
        }.items():
            happened(EIGHT - HOUR, make_article(article.site, title=title, **fields))
        close(EIGHT + LATER)
        (words,) = read(sink)
        assert [title in words for title in ("Tagged", "Hers", "Neither")] == [True, True, False]
        assert ("Deep below." in words, "Not below it." in words) == (True, False)

    def test_nothing_from_before_it_was_followed(self, article: Article, sink: SmtpSink) -> None:
        made = follow(article, article=article)
        Follow.objects.filter(pk=made.pk).update(confirmed_at=EIGHT - HOUR)
        say(article, EIGHT - 2 * HOUR, "Before.")
        say(article, EIGHT - HOUR / 2, "After.")
        close(EIGHT + LATER)
        (words,) = read(sink)
        assert "After." in words and "Before." not in words

    def test_it_waits_for_the_fan_out(self, article: Article, sink: SmtpSink) -> None:
        follow(article, article=article)
        late = happened(EIGHT - HOUR, article, make_comment(article, body="Late."), fanned_out=False)
        close(EIGHT + LATER)
        assert read(sink) == []
        assert states() == {CY: "awaiting_retry"}
        plan_next_page(late.pk)
        make_due()
        assert "Late." in read(sink)[0]


class TestChanges:
    def test_what_waited_is_told_when_she_wants_it_at_once(self, article: Article, sink: SmtpSink) -> None:
        made = follow(article, article=article)
        DigestClock.objects.update(window_start=timezone.now() - DAY, next_at=timezone.now() + DAY)
        say(article, timezone.now() - HOUR, "It waited.")
        assert change_follow(made.follower, made.pk, "immediate")
        later = noted(article, make_comment(article, body="At once."))
        while plan_next_page(later.pk):
            pass
        (single,) = read_now(sink)
        assert "At once." in single and "It waited." not in single
        (digest,) = read(sink)
        assert "It waited." in digest and "At once." not in digest
        DigestClock.objects.update(next_at=timezone.now() - HOUR)
        assert close(timezone.now()) == 1
        assert not DigestClock.objects.exists()
        assert read(sink) == []

    def test_what_she_got_at_once_is_not_told_again(self, article: Article, sink: SmtpSink) -> None:
        made = follow(article, frequency="immediate", article=article)
        first = noted(article, make_comment(article, body="At once."))
        while plan_next_page(first.pk):
            pass
        assert len(read_now(sink)) == 1
        change_follow(made.follower, made.pk, "daily")
        second = noted(article, make_comment(article, body="It can wait."))
        while plan_next_page(second.pk):
            pass
        assert read_now(sink) == []
        DigestClock.objects.update(next_at=timezone.now() + timedelta(seconds=1))
        close(timezone.now() + timedelta(minutes=3))
        (words,) = read(sink)
        assert "It can wait." in words and "At once." not in words

    def test_the_same_again_changes_nothing(self, article: Article) -> None:
        made = follow(article, article=article)
        with transaction.atomic():
            set_frequency(made, "daily")
        made.refresh_from_db()
        assert made.frequency_since is None
        assert DigestClock.objects.get().window_start == EIGHT - DAY

    def test_another_hour_keeps_the_window_open(self, article: Article) -> None:
        made = follow(article, article=article)
        set_schedule(made.follower, "UTC", 20, 4)
        clock = DigestClock.objects.get()
        assert clock.window_start == EIGHT - DAY
        assert (clock.next_at.hour, clock.next_at > timezone.now()) == (20, True)

    def test_who_leaves_before_it_is_sent_gets_nothing(self, article: Article, sink: SmtpSink) -> None:
        made = follow(article, article=article)
        say(article, EIGHT - HOUR, "Too late.")
        close(EIGHT + LATER)
        end_follows_of(made)
        assert read(sink) == []
        assert states() == {CY: "skipped"}

    def test_who_is_erased_gets_nothing(self, article: Article, sink: SmtpSink) -> None:
        follow(article, article=article)
        say(article, EIGHT - HOUR, "Too late.")
        close(EIGHT + LATER)
        person = person_of(article.site, CY)
        erase_person(person)
        assert read(sink) == []
        assert not Follower.objects.exists() and not Digest.objects.exists() and not DigestClock.objects.exists()

    def test_a_confirmed_follow_starts_its_clock(self, article: Article) -> None:
        made = make_follow(article.site, CY, status="unconfirmed", article=article)
        Follow.objects.filter(pk=made.pk).update(frequency="weekly")
        confirm_follow(made.pk, made.request, door="page")
        clock = DigestClock.objects.get()
        assert clock.next_at - clock.window_start <= 7 * DAY
        assert (clock.next_at.weekday(), clock.next_at.hour) == (0, 8)


def read_now(sink: SmtpSink) -> list[str]:
    """Send what is due already, without the digests that wait."""
    send()
    words = [words_of(received.message) for received in sink.messages]
    sink.messages.clear()
    return words


class TestFlood:
    def plan(self, article: Article, minute: int, body: str, parent: Comment | None = None) -> None:
        made = happened(
            EIGHT + timedelta(minutes=minute), article, make_comment(article, parent, body=body), fanned_out=False
        )
        while plan_next_page(made.pk):
            pass

    def test_more_than_five_of_a_thread_in_an_hour_come_in_one(self, article: Article, sink: SmtpSink) -> None:
        follow(article, frequency="immediate", article=article)
        quiet = make_article(article.site)
        follow(article, frequency="immediate", article=quiet)
        for number in range(9):
            self.plan(article, number, f"Word number {number}.")
        self.plan(quiet, 10, "A quiet thread.")
        Delivery.objects.update(expires_at=None)
        assert Delivery.objects.get(kind="digest").next_attempt_at == EIGHT + HOUR + digests.SETTLED
        Delivery.objects.filter(kind="digest").update(next_attempt_at=timezone.now() + DAY)
        singles = read_now(sink)
        assert len(singles) == 6
        (words,) = read(sink)
        told = [number for number in range(9) if f"Word number {number}." in words]
        assert told == [5, 6, 7, 8]
        assert "A quiet thread." not in words and "lively" in words

    def test_who_then_wants_a_digest_a_day_gets_each_once(self, article: Article, sink: SmtpSink) -> None:
        made = follow(article, frequency="immediate", article=article)
        for number in range(7):
            self.plan(article, number, f"Word number {number}.")
        change_follow(made.follower, made.pk, "daily")
        Follow.objects.update(frequency_since=EIGHT + timedelta(minutes=30))
        DigestClock.objects.update(window_start=EIGHT + timedelta(minutes=30), next_at=EIGHT + DAY)
        self.plan(article, 40, "Word number 7.")
        close(EIGHT + DAY + LATER)
        Delivery.objects.update(expires_at=None)
        texts = [*read_now(sink), *read(sink)]
        found = [[number for number in range(8) if f"Word number {number}." in words] for words in texts]
        assert sorted(found) == [[0], [1], [2], [3], [4], [5, 6], [7]]

    def test_the_next_hour_begins_anew(self, article: Article) -> None:
        follow(article, frequency="immediate", article=article)
        for number in range(7):
            self.plan(article, number, f"Word number {number}.")
        for number in range(3):
            self.plan(article, 60 + number, f"Later word {number}.")
        kinds = list(Delivery.objects.order_by("pk").values_list("kind", flat=True))
        assert (kinds.count("comment"), kinds.count("digest")) == (8, 1)

    def test_a_site_may_do_without(self, article: Article) -> None:
        article.site.mails_per_thread = 0
        article.site.save()
        follow(article, frequency="immediate", article=article)
        for number in range(9):
            self.plan(article, number, f"Word number {number}.")
        assert set(Delivery.objects.values_list("kind", flat=True)) == {"comment"}

    def test_an_author_of_the_article_is_told_of_each(self, article: Article) -> None:
        Article.objects.update(author_email=ADA)
        follow(article, frequency="immediate", article=article)
        for number in range(7):
            self.plan(article, number, f"Word number {number}.")
        assert Delivery.objects.filter(address=ADA, kind="comment").count() == 7

    def test_two_who_plan_at_once_plan_one_digest(self, article: Article) -> None:
        follow(article, frequency="immediate", article=article)
        for number in range(8):
            self.plan(article, number, f"Word number {number}.")
        Notification.objects.update(fanned_out_at=None, cursor=0)
        for notification in Notification.objects.all():
            while plan_next_page(notification.pk):
                pass
        assert Digest.objects.count() == Delivery.objects.filter(kind="digest").count() == 1
        assert Delivery.objects.filter(kind="comment").count() == 5
