"""Arrivals through shared addresses, and the comments and follows that are credited to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from articles.models import Article, Site
from comments.models import Comment
from comments.services.posting import Author, Draft, post_comment
from project.visitors import Visitor
from sharing import networks, targets
from sharing.models import CreditedComment, Follow, ReachDay, Visit
from sharing.references import Referral, reference
from sharing.selectors.reach import Numbers, reach_of
from sharing.services import follows
from sharing.services.salts import prune_salts
from sharing.services.shares import record_share
from sharing.services.visits import fold_visits, record_visit
from tests.factories import BEN, CY, make_article, make_reader, make_site

READER = Visitor("203.0.113.7", "Mozilla/5.0 Firefox/140.0")
FACEBOOK, PINTEREST = networks.NETWORKS[0], networks.NETWORKS[1]
DAY = timedelta(days=1)


@pytest.fixture
def article(db: None) -> Article:
    return make_article()


def arrive(article: Article, network: networks.Network = FACEBOOK, visitor: Visitor = READER) -> bool:
    return record_visit(Referral(article.pk, network.key), article, visitor)


def came(article: Article, days: int = 7) -> Numbers:
    return reach_of(article.site, days=days, article=article).total


def say(article: Article, ref: str, body: str = "Well said.", **fields: object) -> Comment:
    return post_comment(article, Draft(body, Author("Ben", BEN), ref=ref, **fields)).comment  # type: ignore[arg-type]


def ask(article: Article, ref: str, target: targets.Target | None = None, *, proven: bool = False) -> Follow:
    wish = target or targets.of_article(article.pk)
    follows.request_follow(article.site_id, BEN, wish, door="api", ref=ref, proven=proven)
    return Follow.objects.get(target_kind=wish.kind, target_key=wish.key)


class TestArrivals:
    def test_a_visitor_counts_once_a_day_for_each_article_and_network(self, article: Article) -> None:
        other = make_article(article.site)
        assert arrive(article) and arrive(article, PINTEREST) and arrive(other)
        assert not arrive(article)
        assert came(article) == Numbers(visits=2)
        Visit.objects.update(day=F("day") - DAY)
        assert arrive(article)

    def test_neither_robots_nor_hidden_articles_count(self, article: Article) -> None:
        assert not arrive(article, visitor=Visitor("203.0.113.7", "Twitterbot/1.0", is_automatic=True))
        article.visibility = Article.Visibility.HIDDEN
        assert not arrive(article)
        assert not Visit.objects.exists()

    def test_single_visits_go_with_the_salt_and_their_number_stays(self, article: Article) -> None:
        for number in range(5):
            arrive(article, visitor=Visitor(f"203.0.113.{number}", "Firefox"))
        assert fold_visits() == 0
        for age, kept in ((1, 5), (2, 0)):
            Visit.objects.update(day=F("day") - DAY)
            before = came(article, days=30)
            fold_visits()
            assert Visit.objects.count() == kept, age
            assert came(article, days=30) == before == Numbers(visits=5)
        assert fold_visits() == 0
        assert prune_salts() == 0

    def test_what_arrives_late_for_a_folded_day_joins_its_number(self, article: Article) -> None:
        for prefix in ("203.0.113.1", "203.0.113.2"):
            arrive(article, visitor=Visitor(prefix, "Firefox"))
            Visit.objects.update(day=F("day") - 3 * DAY)
            fold_visits()
        assert ReachDay.objects.get().visits == 2

    def test_the_hash_of_a_visit_is_known_for_a_day_only(self, article: Article) -> None:
        arrive(article)
        stored = Visit.objects.values_list("visitor_hash", flat=True).get()
        assert len(stored) == 64 and READER.prefix not in stored
        arrive(make_article(article.site))
        assert Visit.objects.values("visitor_hash").distinct().count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_fold_at_once_count_everything_once() -> None:
    article = make_article()
    for number in range(40):
        arrive(article, visitor=Visitor(f"203.0.113.{number}", "Firefox"))
    Visit.objects.update(day=F("day") - 3 * DAY)

    def fold(_: int) -> int:
        try:
            return fold_visits()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert sum(pool.map(fold, range(4))) == 40
    assert came(article) == Numbers(visits=40)


@pytest.mark.django_db(transaction=True)
def test_fifty_arrivals_of_one_visitor_at_once_are_one() -> None:
    article = make_article()

    def come(_: int) -> bool:
        try:
            return arrive(article)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=10) as pool:
        assert sum(pool.map(come, range(50))) == 1


class TestComments:
    def test_a_comment_is_credited_while_it_is_public(self, article: Article) -> None:
        comment = say(article, reference(article.pk, PINTEREST))
        credit = CreditedComment.objects.get()
        assert (credit.comment_id, credit.network, credit.site_id) == (comment.pk, "pinterest", article.site_id)
        assert came(article) == Numbers(comments=1)
        Comment.objects.update(status=Comment.Status.SPAM)
        assert came(article) == Numbers()
        Comment.objects.update(status=Comment.Status.APPROVED)
        assert came(article) == Numbers(comments=1)

    def test_one_that_waits_counts_when_it_is_let_through(self, article: Article) -> None:
        article.site.moderation = Site.Moderation.ALL
        comment = say(article, reference(article.pk, PINTEREST))
        assert comment.status == Comment.Status.PENDING
        assert came(article) == Numbers()
        Comment.objects.filter(pk=comment.pk).update(status=Comment.Status.APPROVED, published_at=Now())
        assert came(article) == Numbers(comments=1)

    @pytest.mark.parametrize("ref", ["", "forged", "c.0123456789ab", "\0", "x" * 100])
    def test_a_bad_reference_is_no_error(self, article: Article, ref: str) -> None:
        assert say(article, ref).pk
        assert not CreditedComment.objects.exists()

    def test_another_articles_reference_credits_nothing(self, article: Article) -> None:
        for other in (make_article(article.site), make_article(make_site())):
            say(article, reference(other.pk, FACEBOOK), body=f"After {other.pk}.")
        assert not CreditedComment.objects.exists()

    def test_a_comment_that_is_rolled_back_leaves_no_credit(self, article: Article) -> None:
        with pytest.raises(RuntimeError), transaction.atomic():
            say(article, reference(article.pk, FACEBOOK))
            raise RuntimeError
        assert not CreditedComment.objects.exists()


class TestFollows:
    def test_a_follow_counts_when_it_is_confirmed_and_then_forgets_where_it_came_from(self, article: Article) -> None:
        follow = ask(article, reference(article.pk, FACEBOOK))
        assert came(article) == Numbers()
        for _ in range(2):
            assert follows.confirm_follow(follow.pk, follow.request, door="page")
        assert came(article) == Numbers(follows=1)
        follow.refresh_from_db()
        assert follow.reference == ""

    def test_a_proven_one_counts_at_once_and_only_once(self, article: Article) -> None:
        for _ in range(2):
            ask(article, reference(article.pk, FACEBOOK), proven=True)
        assert came(article) == Numbers(follows=1)

    def test_a_follow_of_the_site_is_credited_to_the_article_that_was_shared(self, article: Article) -> None:
        ask(article, reference(article.pk, FACEBOOK), targets.of_site(), proven=True)
        assert came(article) == Numbers(follows=1)

    def test_neither_another_article_nor_another_site_is_credited(self, article: Article) -> None:
        elsewhere = make_article(make_site())
        assert ask(article, reference(elsewhere.pk, FACEBOOK)).reference == ""
        ask(article, reference(elsewhere.pk, FACEBOOK), targets.of_site(), proven=True)
        assert not ReachDay.objects.exists()

    def test_asking_again_without_a_reference_keeps_the_first_and_a_stranger_changes_no_confirmed_one(
        self, article: Article
    ) -> None:
        ref = reference(article.pk, FACEBOOK)
        ask(article, ref)
        assert ask(article, "").reference == ref
        follow = ask(article, "", proven=True)
        follow.refresh_from_db()
        assert follow.reference == ""
        assert ask(article, ref).reference == ""

    def test_the_wish_that_comes_with_a_comment_carries_it_too(self, article: Article) -> None:
        say(article, reference(article.pk, PINTEREST), follow="replies", reader=make_reader(article.site, CY))
        assert came(article) == Numbers(comments=1, follows=1)

    def test_an_article_that_has_gone_is_no_hindrance(self, article: Article) -> None:
        follow = ask(article, reference(10**9, FACEBOOK), targets.of_site())
        assert follows.confirm_follow(follow.pk, follow.request, door="page")
        assert not ReachDay.objects.exists()


def test_the_way_from_share_to_follow_is_told_by_article_and_network(article: Article) -> None:
    other = make_article(article.site)
    for number in range(3):
        record_share(article, FACEBOOK, Visitor(f"203.0.113.{number}", "Firefox"))
        arrive(article, FACEBOOK, Visitor(f"198.51.100.{number}", "Firefox"))
    record_share(other, PINTEREST, READER)
    say(article, reference(article.pk, FACEBOOK))
    ask(article, reference(article.pk, FACEBOOK), proven=True)
    arrive(make_article(make_site()))
    found = reach_of(article.site, days=1)
    assert [(one.article.pk, one.numbers) for one in found.articles] == [
        (article.pk, Numbers(3, 3, 1, 1)),
        (other.pk, Numbers(shares=1)),
    ]
    assert [(one.network, one.label, one.numbers) for one in found.networks] == [
        ("facebook", "Facebook", Numbers(3, 3, 1, 1)),
        ("pinterest", "Pinterest", Numbers(shares=1)),
    ]
    assert found.total == Numbers(4, 3, 1, 1)
    assert found.since == found.until


def test_older_days_are_left_out(article: Article) -> None:
    arrive(article)
    Visit.objects.update(day=F("day") - 7 * DAY)
    assert came(article, days=7) == Numbers()
    assert came(article, days=8) == Numbers(visits=1)
    fold_visits()
    assert came(article, days=7) == Numbers()
    assert came(article, days=8) == Numbers(visits=1)
