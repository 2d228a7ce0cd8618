"""Digests beside what else goes on: a fan-out that comes late, erasure, old windows, and threads that are very long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from articles.models import Article
from comments.models import Comment
from comments.selectors.person import person_of
from sharing.models import Delivery, Digest, Notification
from sharing.selectors import digests as contents
from sharing.services.digests import KEPT, prune_digests
from sharing.services.erasure import erase_person
from sharing.services.fan_out import plan_next_page
from sharing.services.follows import change_follow, end_follows
from tests.factories import ADA, CY, make_comment, make_follow
from tests.mailing import article, comment, noted, sink
from tests.sharing.test_digests import EIGHT, HOUR, LATER, close, follow, happened, read, say
from tests.smtp_sink import SmtpSink

__all__ = ["article", "comment", "sink"]


def fan_out() -> None:
    for pk in Notification.objects.filter(fanned_out_at=None).values_list("pk", flat=True):
        while plan_next_page(pk):
            pass


@pytest.mark.parametrize("frequency", ["daily", "weekly"])
def test_what_was_not_planned_when_she_wants_digests_is_told(article: Article, sink: SmtpSink, frequency: str) -> None:
    made = make_follow(article.site, CY, article=article)
    said = make_comment(article, body="Said before, planned after.")
    noted(article, said)
    change_follow(made.follower, made.pk, frequency)
    fan_out()
    close(timezone.now() + timedelta(days=9))
    (words,) = read(sink)
    assert "Said before, planned after." in words


def test_a_notification_that_cannot_be_planned_holds_no_digest_up_for_ever(article: Article, sink: SmtpSink) -> None:
    follow(article, article=article)
    happened(EIGHT - HOUR, article, make_comment(article, body="Never planned."), fanned_out=False)
    say(article, EIGHT - 2 * HOUR, "Planned.")
    close(EIGHT + LATER)
    assert read(sink) == []
    Digest.objects.update(created_at=timezone.now() - 2 * HOUR)
    Delivery.objects.update(next_attempt_at=timezone.now())
    (words,) = read(sink)
    assert "Never planned." in words and "Planned." in words


def test_windows_of_long_ago_are_forgotten_and_their_messages_stay(article: Article, sink: SmtpSink) -> None:
    follow(article, article=article)
    say(article, EIGHT - HOUR, "A word.")
    close(EIGHT + LATER)
    read(sink)
    recently = timezone.now() - KEPT + HOUR
    Digest.objects.update(window_start=recently - HOUR, window_end=recently)
    assert prune_digests() == 0
    long_ago = timezone.now() - KEPT
    Digest.objects.update(window_start=long_ago - 2 * HOUR, window_end=long_ago - HOUR)
    assert prune_digests() == 1
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert Delivery.objects.get(kind="digest").digest is None


def test_erasure_waits_for_a_digest_that_tells_of_her(article: Article) -> None:
    follow(article, article=article)
    said = say(article, EIGHT - HOUR, "Hers.", author_email=ADA)
    close(EIGHT + LATER)
    Delivery.objects.update(status="sending", attempts=1, lease_until=timezone.now() + HOUR)
    person = person_of(article.site, ADA)
    assert Comment.objects.get(pk=said.pk).author_key == person.key
    assert erase_person(person, patience=0.2)["unsettled"] == 1


def test_a_reply_is_not_lost_in_a_long_thread(
    article: Article, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "LOOKED_AT", 4)
    root = make_comment(article, body="The root.")
    follow(article, comment=root)
    say(article, EIGHT - 9 * HOUR, "The only reply.", root)
    for number in range(6):
        say(article, EIGHT - 8 * HOUR + number * LATER, f"Something else {number}.")
    close(EIGHT + LATER)
    (words,) = read(sink)
    assert "The only reply." in words and "Something else" not in words


def test_too_much_of_a_thread_is_told_while_any_follow_of_it_goes_on(article: Article, sink: SmtpSink) -> None:
    article.site.mails_per_thread = 1
    article.site.save()
    root = make_comment(article, body="The root.")
    near = follow(article, frequency="immediate", comment=root)
    for minute in range(2):
        tell(article, minute, root)
    follow(article, frequency="immediate", article=article)
    tell(article, 2, None)
    end_follows(Q(pk=near.pk), door="page")
    Delivery.objects.update(expires_at=None, next_attempt_at=timezone.now())
    assert ["Word 2." in words for words in read(sink)].count(True) == 1


def tell(article: Article, minute: int, parent: Comment | None) -> None:
    said = make_comment(article, parent, body=f"Word {minute}.")
    happened(EIGHT + timedelta(minutes=minute), article, said, fanned_out=False)
    fan_out()
