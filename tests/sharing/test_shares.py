"""Counting shares: once for each article, network, visitor and day; exact; and the author's hourly notice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F, Sum
from django.utils import timezone

from articles.models import Article
from project.visitors import Visitor
from sharing import networks
from sharing.models import Delivery, Notification, Share, ShareCount, ShareDay, ShareSalt
from sharing.networks import Network
from sharing.references import reference
from sharing.selectors.reach import reach_of
from sharing.selectors.shares import most_shared, share_counts, share_links, shareable
from sharing.services.fan_out import plan_next_page
from sharing.services.salts import prune_salts
from sharing.services.shares import SHARE_DAYS, fold_shares, rebuild_counts, record_share
from tests.factories import ADA, make_article, make_comment, make_site

READER = Visitor("203.0.113.7", "Mozilla/5.0 Firefox/140.0")
OTHER_BROWSER = Visitor("203.0.113.7", "Mozilla/5.0 Chrome/140.0")
OTHER_HOME = Visitor("203.0.113.8", "Mozilla/5.0 Firefox/140.0")


def network(key: str) -> Network:
    found = networks.find(key)
    assert found is not None
    return found


FACEBOOK, REDDIT = network("facebook"), network("reddit")


@pytest.fixture
def article(db: None) -> Article:
    return make_article()


def test_one_visitor_counts_once_a_day(article: Article) -> None:
    assert record_share(article, FACEBOOK, READER)
    assert not record_share(article, FACEBOOK, READER)
    assert share_counts(article) == {"facebook": 1}
    assert Share.objects.count() == 1


def test_other_browser_address_network_article_and_comment_count_apart(article: Article) -> None:
    comment, other_article = make_comment(article), make_article(article.site)
    for visitor in (READER, OTHER_BROWSER, OTHER_HOME):
        assert record_share(article, FACEBOOK, visitor)
    assert record_share(article, REDDIT, READER)
    assert record_share(other_article, FACEBOOK, READER)
    assert record_share(article, FACEBOOK, READER, comment)
    assert not record_share(article, FACEBOOK, READER, comment)
    assert share_counts(article) == {"facebook": 3, "reddit": 1}
    assert share_counts(article, comment) == {"facebook": 1}
    assert share_counts(other_article) == {"facebook": 1}


def test_next_day_counts_again(article: Article) -> None:
    record_share(article, FACEBOOK, READER)
    Share.objects.update(day=timezone.now().astimezone(UTC).date() - timedelta(days=1))
    assert record_share(article, FACEBOOK, READER)
    assert share_counts(article) == {"facebook": 2}


def test_automatic_clients_do_not_count(article: Article) -> None:
    assert not record_share(article, FACEBOOK, Visitor(READER.prefix, "Twitterbot/1.0", is_automatic=True))
    assert share_counts(article) == {}
    assert not Notification.objects.exists()


def test_nothing_that_is_stored_names_the_visitor(article: Article) -> None:
    record_share(article, FACEBOOK, READER)
    stored = Share.objects.values_list("visitor_hash", flat=True).get()
    ShareSalt.objects.update(salt=b"another")
    assert record_share(article, FACEBOOK, READER)  # without the day's salt the hash says nothing
    assert len(stored) == 64
    assert "203.0.113" not in stored


def test_same_visitor_has_another_hash_for_every_article(article: Article) -> None:
    for page in (article, make_article(article.site)):
        record_share(page, FACEBOOK, READER)
    assert Share.objects.values("visitor_hash").distinct().count() == 2


def test_day_and_salt_are_the_databases(article: Article) -> None:
    record_share(article, FACEBOOK, READER)
    with connection.cursor() as cursor:
        cursor.execute("SELECT (now() AT TIME ZONE 'UTC')::date")
        today = cursor.fetchone()[0]
    assert Share.objects.get().day == today
    salt = ShareSalt.objects.get()
    assert (salt.day, len(bytes(salt.salt))) == (today, 32)


def test_salts_are_forgotten_after_two_days(article: Article) -> None:
    record_share(article, FACEBOOK, READER)
    today = ShareSalt.objects.get().day
    for age in (1, 2, 30):
        ShareSalt.objects.create(day=today - timedelta(days=age), salt=b"x" * 32)
    assert prune_salts() == 2
    assert prune_salts() == 0
    assert set(ShareSalt.objects.values_list("day", flat=True)) == {today, today - timedelta(days=1)}


def test_counters_can_be_told_from_events(article: Article) -> None:
    for number in range(20):
        record_share(article, (FACEBOOK, REDDIT)[number % 2], Visitor(f"203.0.113.{number % 7}", "Firefox"))
    for key, count in share_counts(article).items():
        assert count == Share.objects.filter(article=article, network=key).count()


def test_counters_are_made_anew_from_the_shares_themselves(article: Article) -> None:
    comment = make_comment(article)
    for number in range(12):
        about = comment if number % 3 == 0 else None
        record_share(article, (FACEBOOK, REDDIT)[number % 2], Visitor(f"203.0.113.{number}", "Firefox"), about)
    fields = ("article_id", "comment_id", "network", "count")
    truth = set(ShareCount.objects.values_list(*fields))
    assert rebuild_counts() == 0
    first, second = ShareCount.objects.order_by("pk")[:2]
    ShareCount.objects.filter(pk=first.pk).update(count=77)
    ShareCount.objects.filter(pk=second.pk).delete()
    ShareCount.objects.create(site=article.site, article=article, network="line", count=5)
    assert rebuild_counts() == 3
    assert set(ShareCount.objects.filter(count__gt=0).values_list(*fields)) == truth
    assert share_counts(article).get("line") is None
    assert rebuild_counts() == 0


def age_shares(days: int) -> None:
    Share.objects.update(day=F("day") - timedelta(days=days), created_at=F("created_at") - timedelta(days=days))


def make_old_shares(article: Article, number: int) -> None:
    comment = make_comment(article)
    for one in range(number):
        about = comment if one % 3 == 0 else None
        record_share(article, (FACEBOOK, REDDIT)[one % 2], Visitor(f"203.0.113.{one}", "Firefox"), about)
    age_shares(SHARE_DAYS)


def test_shares_of_a_month_ago_become_numbers_and_no_number_changes(article: Article) -> None:
    make_old_shares(article, 12)
    for one in range(3):
        record_share(article, FACEBOOK, Visitor(f"198.51.100.{one}", "Firefox"))

    def seen() -> object:
        reports = [reach_of(article.site, days=days).total.shares for days in (SHARE_DAYS, SHARE_DAYS + 1)]
        lists = [
            [(one.article.pk, one.recent, one.total) for one in most_shared(article.site, days=days, limit=5)]
            for days in (SHARE_DAYS - 1, SHARE_DAYS + 2)
        ]
        counters = set(ShareCount.objects.values_list("comment_id", "network", "count"))
        return share_counts(article), counters, reports, lists

    before = seen()
    assert fold_shares() == 12
    assert (Share.objects.count(), ShareDay.objects.aggregate(Sum("count"))["count__sum"]) == (3, 12)
    assert seen() == before
    assert rebuild_counts() == 0
    assert fold_shares() == 0
    ShareCount.objects.all().delete()
    assert rebuild_counts() == 4
    assert seen() == before


def test_a_share_is_known_singly_for_a_month(article: Article) -> None:
    make_old_shares(article, 1)
    age_shares(-1)
    assert fold_shares() == 0
    age_shares(1)
    assert fold_shares() == 1


def test_a_day_that_was_folded_takes_what_comes_late(article: Article) -> None:
    for one in range(2):
        record_share(article, FACEBOOK, Visitor(f"203.0.113.{one}", "Firefox"))
        age_shares(SHARE_DAYS)
        assert fold_shares() == 1
    assert ShareDay.objects.get().count == 2
    assert rebuild_counts() == 0


@pytest.mark.django_db(transaction=True)
def test_workers_that_fold_at_once_count_each_share_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sharing.services.shares.PAGE", 5)
    article = make_article()
    make_old_shares(article, 60)

    def work(_: int) -> int:
        try:
            return fold_shares()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=4) as pool:
        folded = list(pool.map(work, range(4)))
    assert sum(folded) == 60
    assert not Share.objects.exists()
    assert rebuild_counts() == 0
    assert sum(ShareDay.objects.values_list("count", flat=True)) == 60


def test_first_share_and_later_ones_cost_the_same_few_statements(
    article: Article, django_assert_num_queries: Callable[[int], Any]
) -> None:
    article.author_email = ADA
    record_share(article, FACEBOOK, OTHER_HOME)
    with django_assert_num_queries(5):  # savepoint, salt, share with counter, note, release
        assert record_share(article, FACEBOOK, READER)
    with django_assert_num_queries(4):
        assert not record_share(article, FACEBOOK, READER)


@pytest.mark.django_db
def test_shares_of_one_hour_join_one_notice() -> None:
    article = make_article(author_email=ADA)
    for visitor in (READER, OTHER_BROWSER, OTHER_HOME):
        record_share(article, FACEBOOK, visitor)
    record_share(article, REDDIT, READER, make_comment(article))
    notice = Notification.objects.get()
    hour = notice.created_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    assert notice.kind == Notification.Kind.SHARES
    assert notice.cause_key == f"shares:{article.pk}:{hour:%Y-%m-%dT%H}"
    assert notice.due_at == hour + timedelta(hours=1)
    assert (notice.site_id, notice.article_id) == (article.site_id, article.pk)


def test_article_without_an_address_of_its_author_is_noted_for_channels_and_mails_nobody(article: Article) -> None:
    record_share(article, FACEBOOK, READER)
    Notification.objects.update(due_at=timezone.now())
    assert not plan_next_page(Notification.objects.get().pk)
    assert not Delivery.objects.exists()


def test_a_share_that_is_rolled_back_leaves_nothing(article: Article) -> None:
    article.author_email = ADA
    with pytest.raises(RuntimeError), transaction.atomic():
        record_share(article, FACEBOOK, READER)
        raise RuntimeError
    assert not Share.objects.exists() and not ShareCount.objects.exists() and not Notification.objects.exists()


def test_links_of_an_article_take_one_query_and_name_every_network(
    article: Article, django_assert_num_queries: Callable[[int], Any], settings: Any
) -> None:
    record_share(article, FACEBOOK, READER)
    record_share(article, REDDIT, READER)
    record_share(article, REDDIT, OTHER_HOME)
    with django_assert_num_queries(1):
        answer = share_links(article)
    links = {link["network"]: link for link in answer["links"]}
    assert list(links) == [each.key for each in networks.listed()]
    assert links["facebook"]["url"] == f"{settings.PUBLIC_URL}/s/facebook/{article.pk}"
    assert links["mastodon"]["target"] == f"{settings.PUBLIC_URL}/s/mastodon/{article.pk}"
    copied = f"{article.url}?aw_ref={reference(article.pk, network('copy'))}"
    assert links["copy"] == {"network": "copy", "label": "Copy link", "url": None, "target": copied}
    assert links["print"]["target"] == article.url
    assert answer["counts"] == {"reddit": 2, "facebook": 1}
    assert answer["total"] == 3


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "not an address", "https://"])
@pytest.mark.django_db
def test_article_without_a_web_address_is_shared_by_our_page(url: str, settings: Any) -> None:
    article = make_article()
    article.url = url
    assert shareable(article).url == f"{settings.PUBLIC_URL}/a/{article.pk}"
    assert share_links(article)["links"]


def test_comment_is_shared_by_the_page_that_has_its_card(article: Article) -> None:
    comment = make_comment(article, body="Well *said*.")
    shared = shareable(article, comment)
    assert shared.url == f"{article.page_url}?comment={comment.pk}#comment-{comment.pk}"
    assert shared.title == f"Ben: {article.title}"
    assert shared.summary.strip() == "Well said."


@pytest.mark.django_db(transaction=True)
def test_hundred_at_once_count_once_each() -> None:
    site = make_site()
    article = make_article(site, author_email=ADA)
    same = [READER] * 50
    different = [Visitor(f"198.51.100.{number}", "Firefox") for number in range(50)]

    def press(visitor: Visitor) -> bool:
        try:
            return record_share(article, FACEBOOK, visitor)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=20) as pool:
        counted = list(pool.map(press, same + different))
    assert sum(counted[:50]) == 1
    assert sum(counted[50:]) == 50
    assert share_counts(article) == {"facebook": 51}
    assert Share.objects.count() == 51
    assert ShareSalt.objects.count() == 1
    assert Notification.objects.count() <= 2  # two where the hour turned
