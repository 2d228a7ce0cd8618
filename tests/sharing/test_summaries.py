"""The weekly summary: one mail to each owner, with the numbers of the week beside those of the week before."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from articles.models import Article, Member, Site
from comments.models import Comment
from project.addresses import email_key
from sharing.models import Consent, Delivery, Digest, MailEvent, Share, Suppression
from sharing.selectors.summary import Number, summary_of
from sharing.services.summaries import OF_USE, plan_due_summaries
from sharing.tokens import leave_url, read_leave
from tests.factories import ADA, CY, make_article, make_comment, make_member, make_site
from tests.mailing import noted, send, sink, words_of
from tests.smtp_sink import SmtpSink

__all__ = ["sink"]

EIGHT = datetime(2026, 6, 8, 8, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
LATER = timedelta(minutes=5)
THIS, BEFORE = EIGHT - DAY, EIGHT - WEEK - DAY


@pytest.fixture
def article(db: None) -> Article:
    """Of a site that is a year old and has one owner, Ada."""
    article = make_article(title="Bees of the north")
    Site.objects.update(created_at=EIGHT - 365 * DAY)
    make_member(article.site, ADA, role="owner")
    return article


def happened(article: Article, at: datetime, kind: str = "comment", status: str = "approved", **fields: Any) -> Comment:
    """A comment that was written, and told of, at that time."""
    comment = make_comment(article, status=status, **fields)
    Comment.objects.filter(pk=comment.pk).update(created_at=at)
    notification = noted(article, comment, kind)
    type(notification).objects.filter(pk=notification.pk).update(created_at=at, fanned_out_at=at)
    return comment


def read(sink: SmtpSink) -> list[str]:
    """Send what is due, as if it were then; return the words of each message, and forget them."""
    Delivery.objects.filter(kind="summary").update(expires_at=None)
    send()
    words = [words_of(received.message) for received in sink.messages]
    sink.messages.clear()
    return words


def numbers(site: Site) -> dict[str, Number]:
    found = summary_of(site.pk, EIGHT - WEEK, EIGHT)
    return found.comments | found.follows | found.mails | dict(found.shares)


class TestPlanning:
    def test_each_owner_gets_one_on_monday_at_eight(self, article: Article, sink: SmtpSink) -> None:
        make_member(article.site, CY, role="owner")
        make_member(article.site, "moderator@example.org")
        happened(article, THIS)
        assert plan_due_summaries(EIGHT - WEEK + LATER) == 1
        Delivery.objects.all().delete()
        assert plan_due_summaries(EIGHT + timedelta(seconds=119)) == 0
        assert plan_due_summaries(EIGHT + timedelta(seconds=120)) == 1
        assert plan_due_summaries(EIGHT + LATER) == 0
        assert set(Delivery.objects.values_list("address", "kind", "why")) == {
            (ADA, "summary", "member"),
            (CY, "summary", "member"),
        }
        first, second = read(sink)
        assert "1 June 2026 to 8 June 2026" in first and "because you own" in first and "/notices/" in first
        assert "Published: 1 (0 the week before)" in first and "Published: 1 (0 the week before)" in second

    def test_a_beat_that_was_away_for_a_day_plans_one_and_later_none(self, article: Article) -> None:
        assert plan_due_summaries(EIGHT + DAY) == 1
        delivery = Delivery.objects.get()
        assert delivery.expires_at == EIGHT + OF_USE
        assert plan_due_summaries(EIGHT + WEEK + OF_USE + LATER) == 0
        assert plan_due_summaries(EIGHT + 2 * WEEK + HOUR) == 1
        assert list(Digest.objects.order_by("pk").values_list("window_start", "window_end")) == [
            (EIGHT - WEEK, EIGHT),
            (EIGHT + WEEK, EIGHT + 2 * WEEK),
        ]

    def test_a_site_that_was_made_since_has_no_week_yet(self, article: Article) -> None:
        Site.objects.update(created_at=EIGHT)
        assert plan_due_summaries(EIGHT + LATER) == 0
        assert plan_due_summaries(EIGHT + WEEK + LATER) == 1

    @pytest.mark.parametrize("why", ["no summary", "no notices", "summary", "manual", "inactive", "moderator"])
    def test_not_to_whoever_wants_none(self, article: Article, sink: SmtpSink, why: str) -> None:
        """Neither when it is planned, nor when it is sent."""
        happened(article, THIS)
        plan_due_summaries(EIGHT + LATER)
        unwanted(article.site, why)
        assert read(sink) == []
        assert Delivery.objects.get().status == "skipped"
        plan_due_summaries(EIGHT + WEEK + LATER)
        assert Delivery.objects.count() == 1

    def test_held_comments_may_be_silenced_without_it(self, article: Article, sink: SmtpSink) -> None:
        Suppression.objects.create(site=article.site, address_key=email_key(ADA), kind="member")
        happened(article, THIS)
        plan_due_summaries(EIGHT + LATER)
        assert len(read(sink)) == 1

    def test_not_to_a_member_who_was_removed(self, article: Article, sink: SmtpSink) -> None:
        happened(article, THIS)
        plan_due_summaries(EIGHT + LATER)
        Member.objects.all().delete()
        assert read(sink) == []

    def test_an_address_that_is_none_holds_nobody_up(self, article: Article) -> None:
        make_member(article.site, "nobody", role="owner")
        plan_due_summaries(EIGHT + LATER)
        assert Delivery.objects.get().address == ADA

    def test_the_link_ends_summaries_only(self, article: Article, client: Client) -> None:
        plan_due_summaries(EIGHT + LATER)
        path = leave_url(Delivery.objects.get()).rpartition("/")[2]
        assert read_leave(path).suppress == "summary"
        assert "summary of each week" in client.get(f"/follows/leave/{path}").content.decode()
        client.post(f"/follows/leave/{path}", {"List-Unsubscribe": "One-Click"})
        assert [row.kind for row in Suppression.objects.all()] == ["summary"]
        plan_due_summaries(EIGHT + WEEK + LATER)
        assert Delivery.objects.count() == 1


def unwanted(site: Site, why: str) -> None:
    owner = Member.objects.get(site=site)
    if why in {"summary", "manual"}:
        Suppression.objects.create(site=site, address_key=email_key(ADA), kind=why)
    elif why == "inactive":
        owner.user.is_active = False
        owner.user.save()
    else:
        changes = {"no summary": {"summary": False}, "no notices": {"notice": "none"}, "moderator": {"role": why}}
        Member.objects.filter(pk=owner.pk).update(**changes[why])


class TestNumbers:
    def test_comments(self, article: Article) -> None:
        happened(article, EIGHT - WEEK)
        happened(article, THIS)
        happened(article, BEFORE)
        happened(article, EIGHT)
        happened(article, EIGHT - 2 * WEEK - timedelta(microseconds=1))
        happened(article, THIS, status="removed")
        happened(article, THIS, "held", "pending")
        happened(article, THIS, "held", "rejected")
        happened(article, BEFORE, "held", "spam")
        found = numbers(article.site)
        assert found["published"] == Number(2, 1)
        assert found["held"] == Number(2, 1)
        assert found["refused"] == Number(1, 1)

    def test_one_that_was_held_twice_is_one(self, article: Article) -> None:
        comment = happened(article, THIS, "held", "pending")
        again = noted(article, comment, "comment")
        type(again).objects.filter(pk=again.pk).update(kind="held", created_at=THIS)
        assert numbers(article.site)["held"] == Number(1, 0)

    def test_follows_and_who_left_of_them(self, article: Article) -> None:
        for key, event, at in [
            ("a", "confirmed", BEFORE),
            ("a", "unsubscribed", THIS),
            ("b", "requested", THIS),
            ("b", "unsubscribed", THIS),  # had never confirmed
            ("c", "confirmed", THIS),
            ("d", "confirmed", EIGHT),
        ]:
            Consent.objects.create(
                site=article.site, address_key=key, target_kind="site", event=event, door="page", happened_at=at
            )
        found = numbers(article.site)
        assert (found["confirmed"], found["unsubscribed"]) == (Number(1, 1), Number(1, 0))

    def test_shares_by_network(self, article: Article) -> None:
        comment = make_comment(article)
        for number, (network, at, about) in enumerate(
            [
                ("linkedin", THIS, None),
                ("mastodon", THIS, None),
                ("mastodon", THIS, comment),
                ("mastodon", BEFORE, None),
            ]
        ):
            Share.objects.create(
                site=article.site,
                article=article,
                comment=about,
                network=network,
                day=at.date(),
                visitor_hash=str(number),
                created_at=at,
            )
        found = summary_of(article.site_id, EIGHT - WEEK, EIGHT)
        assert found.shares == [("Mastodon", Number(2, 1)), ("LinkedIn", Number(1, 0))]

    def test_mails_without_summaries(self, article: Article) -> None:
        made = [
            Delivery.objects.create(
                site=article.site, kind=kind, cause_key=str(number), target_key="k", status=status, settled_at=at
            )
            for number, (kind, status, at) in enumerate(
                [
                    ("comment", "sent", THIS),
                    ("digest", "sent", BEFORE),
                    ("summary", "sent", THIS),
                    ("comment", "failed", THIS),
                    ("comment", "skipped", THIS),
                ]
            )
        ]
        Delivery.objects.update(created_at=BEFORE)
        for kind in ("soft", "hard", "delayed"):
            MailEvent.objects.create(
                site=article.site, delivery=made[0], address_key="k", kind=kind, source="dsn", planned_at=THIS,
                happened_at=THIS,
            )  # fmt: skip
        found = numbers(article.site)
        assert (found["sent"], found["failed"], found["bounced"]) == (Number(1, 1), Number(1, 0), Number(1, 0))

    def test_the_most_discussed_of_the_week(self, article: Article, sink: SmtpSink) -> None:
        for count in range(1, 7):
            one = make_article(article.site, title=f"Story {count}")
            for _ in range(count):
                happened(one, THIS)
            happened(one, BEFORE)
        hidden = make_article(article.site, title="Hidden", visibility="hidden")
        for _ in range(9):
            happened(hidden, THIS)
        found = summary_of(article.site_id, EIGHT - WEEK, EIGHT)
        assert [(one.title, count) for one, count in found.discussed] == [
            (f"Story {count}", count) for count in (6, 5, 4, 3, 2)
        ]
        plan_due_summaries(EIGHT + LATER)
        (words,) = read(sink)
        assert "Story 6: 6 comments" in words and "Story 1" not in words and "Hidden" not in words

    def test_other_sites_are_apart(self, article: Article) -> None:
        happened(article, THIS)
        other = make_site()
        assert summary_of(other.pk, EIGHT - WEEK, EIGHT).is_empty
        assert not summary_of(article.site_id, EIGHT - WEEK, EIGHT).is_empty

    @pytest.mark.parametrize(("at", "mails"), [(THIS, 1), (BEFORE, 1), (BEFORE - WEEK, 0)])
    def test_nothing_in_two_weeks_is_no_mail(self, article: Article, sink: SmtpSink, at: datetime, mails: int) -> None:
        happened(article, at)
        plan_due_summaries(EIGHT + LATER)
        assert len(read(sink)) == mails
        delivery = Delivery.objects.get()
        assert delivery.status == ("sent" if mails else "skipped")


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_plan_once() -> None:
    sites = [make_site() for _ in range(5)]
    Site.objects.update(created_at=EIGHT - 365 * DAY)
    for site in sites:
        make_member(site, ADA, role="owner")
    together, closed = threading.Barrier(4), []

    def beat() -> None:
        together.wait()
        closed.append(plan_due_summaries(EIGHT + LATER))
        connection.close()

    beats = [threading.Thread(target=beat) for _ in range(4)]
    for one in beats:
        one.start()
    for one in beats:
        one.join()
    assert sum(closed) == 5
    assert sorted(Delivery.objects.values_list("site_id", flat=True)) == sorted(site.pk for site in sites)
