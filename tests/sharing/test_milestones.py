"""Round numbers of shares: told to the article's author, each once for ever, whatever becomes of the counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from articles.models import Article
from project.addresses import email_key
from project.visitors import Visitor
from sharing import networks, tasks
from sharing.models import AuthorNotice, Delivery, Notification, ShareCount, ShareMilestone
from sharing.services.follows import suppress
from sharing.services.milestones import milestone_below, note_milestone
from sharing.services.shares import record_share
from tests.factories import ADA, make_article, make_comment
from tests.mailing import send, sink, words_of
from tests.smtp_sink import SmtpSink

__all__ = ["sink"]
FACEBOOK = networks.NETWORKS[0]


@pytest.fixture
def article(db: None) -> Article:
    return make_article(title="Fish & Chips", author_email=ADA)


def shared(article: Article, times: int) -> None:
    ShareCount.objects.update_or_create(
        site=article.site, article=article, comment=None, network="facebook", defaults={"count": times}
    )


def told(article: Article) -> list[str]:
    of_article = Notification.objects.filter(kind="milestone", article=article)
    return list(of_article.order_by("pk").values_list("cause_key", flat=True))


@pytest.mark.parametrize(
    ("total", "milestone"),
    [
        (0, 0),
        (1, 0),
        (9, 0),
        (10, 10),
        (11, 10),
        (99, 10),
        (100, 100),
        (9_999, 1_000),
        (10_000, 10_000),
        (10**12, 10**12),
    ],
)
def test_milestones_are_powers_of_ten(total: int, milestone: int) -> None:
    assert milestone_below(total) == milestone


def test_each_is_told_once_and_none_below_one_that_was(article: Article) -> None:
    for times in (9, 10, 12, 99, 1_234, 150, 1_500, 12, 99_999, 10_000):
        shared(article, times)
        note_milestone(article)
    assert told(article) == [f"milestone:{article.pk}:{number}" for number in (10, 1_000, 10_000)]


def test_it_is_told_no_second_time_when_notifications_are_gone(article: Article) -> None:
    shared(article, 10)
    assert note_milestone(article) is not None
    Notification.objects.all().delete()
    assert note_milestone(article) is None
    assert ShareMilestone.objects.get().reached == 10


def test_shares_of_comments_are_none_of_the_articles(article: Article) -> None:
    ShareCount.objects.create(site=article.site, article=article, comment=make_comment(article), network="x", count=50)
    assert note_milestone(article) is None


def test_ten_shares_are_told_to_the_author_when_their_hour_is_over(article: Article, sink: SmtpSink) -> None:
    for number in range(10):
        record_share(article, FACEBOOK, Visitor(f"203.0.113.{number}", "Firefox"))
    tasks.fan_out()
    assert told(article) == []
    Notification.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    for _ in range(2):
        tasks.fan_out()
    assert told(article) == [f"milestone:{article.pk}:10"]
    found = Delivery.objects.filter(target_key=email_key(ADA)).order_by("pk")
    assert list(found.values_list("kind", "why")) == [("shares", "author"), ("milestone", "author")]
    send()
    words = [words_of(received.message) for received in sink.messages]
    assert "“Fish & Chips” has been shared 10 times." in words[1]


def test_an_author_who_wants_one_mail_a_day_finds_it_there(article: Article, sink: SmtpSink) -> None:
    AuthorNotice.objects.create(site=article.site, address_key=email_key(ADA), choice=AuthorNotice.Choice.DAILY)
    shared(article, 1_000)
    note_milestone(article)
    tasks.fan_out()
    assert Delivery.objects.get().kind == Delivery.Kind.NOTICES
    Delivery.objects.update(next_attempt_at=timezone.now())
    send()
    (received,) = sink.messages
    assert "“Fish & Chips” has been shared 1,000 times." in words_of(received.message)
    assert received.message["Subject"].endswith("your articles: a round number of shares")


def test_an_author_who_wants_nothing_gets_nothing(article: Article) -> None:
    suppress(article.site_id, email_key(ADA), "author")
    shared(article, 10)
    note_milestone(article)
    tasks.fan_out()
    assert not Delivery.objects.exists()


def test_what_is_rolled_back_is_told_the_next_time(article: Article) -> None:
    shared(article, 10)
    with pytest.raises(RuntimeError), transaction.atomic():
        note_milestone(article)
        raise RuntimeError
    assert told(article) == []
    assert note_milestone(article) is not None


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_tell_it_once() -> None:
    article = make_article(author_email=ADA)
    shared(article, 1_000)
    hours = [
        Notification.objects.create(
            site=article.site, article=article, kind="shares", cause_key=f"shares:{article.pk}:{hour}"
        )
        for hour in range(8)
    ]

    def work(_: Notification) -> None:
        try:
            tasks.fan_out()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(work, hours))
    assert told(article) == [f"milestone:{article.pk}:1000"]
    assert Delivery.objects.filter(kind="milestone").count() == 1
