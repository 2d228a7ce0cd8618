"""Who hears of what: one delivery per address and cause, whatever was followed, however often it is planned."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from articles.models import Article, Member
from comments.models import Comment
from project.addresses import email_key
from sharing.models import Delivery, Follow, Follower, Notification, Suppression
from sharing.services import fan_out, outbox
from tests.factories import ADA, BEN, CY, make_article, make_comment, make_follow, make_member, make_site

DEE = "dee@example.org"


@pytest.fixture
def article(db: None) -> Article:
    return make_article(author_name="")


def tell(kind: str, article: Article, comment: Comment | None = None) -> Notification:
    """Note it and plan it whole."""
    number = comment.pk if comment else article.pk
    comment_id = comment.pk if comment else None
    notification = outbox.note(
        kind=kind,
        cause_key=f"{kind}:{number}",
        site_id=article.site_id,
        article_id=article.pk,
        comment_id=comment_id,
    )
    assert notification is not None
    plan(notification)
    return notification


def plan(notification: Notification) -> None:
    while fan_out.plan_next_page(notification.pk):
        pass


def recipients(why: str = "follow") -> list[str]:
    return list(Delivery.objects.filter(why=why).order_by("pk").values_list("address", flat=True))


class TestComments:
    def test_followers_of_the_article_hear_of_it_and_its_author_does_not(self, article: Article) -> None:
        for email in (ADA, BEN, CY):
            make_follow(article.site, email, article=article)
        notification = tell("comment", article, make_comment(article, author_email=BEN))
        assert recipients() == [ADA, CY]
        delivery = Delivery.objects.filter(address=ADA).get()
        assert (delivery.kind, delivery.queue, delivery.status) == ("comment", "mail", "queued")
        assert delivery.expires_at is not None
        assert delivery.notification_id == notification.pk
        notification.refresh_from_db()
        assert notification.fanned_out_at is not None

    def test_a_reply_is_heard_of_by_followers_of_any_comment_above_it(self, article: Article) -> None:
        root = make_comment(article)
        middle = make_comment(article, root)
        sister = make_comment(article, root)
        leaf = make_comment(article, middle, author_email=CY)
        far, near = make_follow(article.site, BEN, comment=root), make_follow(article.site, ADA, comment=middle)
        make_follow(article.site, DEE, comment=sister)
        make_follow(article.site, CY, comment=leaf)
        tell("comment", article, leaf)
        found = dict(Delivery.objects.values_list("address", "follow_ids"))
        assert found == {BEN: [far.pk], ADA: [near.pk]}

    def test_one_address_gets_one_mail_and_the_nearest_target_names_the_reason(self, article: Article) -> None:
        root = make_comment(article)
        middle = make_comment(article, root)
        follows = [
            make_follow(article.site, ADA, article=article),
            make_follow(article.site, ADA, comment=root),
            make_follow(article.site, ADA, comment=middle),
        ]
        tell("comment", article, make_comment(article, middle))
        assert [delivery.follow_ids for delivery in Delivery.objects.all()] == [[row.pk for row in reversed(follows)]]

    def test_whoever_is_not_confirmed_or_asks_for_digests_or_left_hears_nothing(self, article: Article) -> None:
        make_follow(article.site, ADA, article=article, status="unconfirmed")
        make_follow(article.site, CY, article=article, status="unsubscribed")
        digest = make_follow(article.site, DEE, article=article)
        Follow.objects.filter(pk=digest.pk).update(frequency="daily")
        tell("comment", article, make_comment(article))
        assert recipients() == []

    def test_who_confirmed_after_the_fact_hears_nothing_of_it(self, article: Article) -> None:
        follow = make_follow(article.site, ADA, article=article)
        notification = outbox.note(
            kind="comment",
            cause_key="c",
            site_id=article.site_id,
            article_id=article.pk,
            comment_id=make_comment(article).pk,
        )
        assert notification is not None
        Follow.objects.filter(pk=follow.pk).update(confirmed_at=timezone.now())
        plan(notification)
        assert recipients() == []

    def test_followers_of_other_articles_sites_and_of_the_site_hear_nothing(self, article: Article) -> None:
        other = make_article(article.site)
        make_follow(article.site, ADA, article=other)
        make_follow(article.site, BEN)
        foreign = make_article(make_site())
        make_follow(foreign.site, CY, article=foreign)
        tell("comment", article, make_comment(article, author_email=DEE))
        assert recipients() == []

    @pytest.mark.parametrize("kind", sorted(Suppression.TOTAL))
    def test_suppressed_addresses_are_left_out(self, article: Article, kind: str) -> None:
        make_follow(article.site, ADA, article=article)
        make_follow(article.site, CY, article=article)
        Suppression.objects.create(site=article.site, address_key=email_key(CY), kind=kind)
        Suppression.objects.create(site=article.site, address_key=email_key(ADA), kind="author")
        tell("comment", article, make_comment(article))
        assert recipients() == [ADA]

    @pytest.mark.parametrize("status", ["pending", "rejected", "spam", "removed"])
    def test_nobody_is_planned_for_what_is_no_longer_public(self, article: Article, status: str) -> None:
        make_follow(article.site, ADA, article=article)
        notification = tell("comment", article, make_comment(article, status=status))
        notification.refresh_from_db()
        assert notification.fanned_out_at is not None and recipients() == []


class TestAuthors:
    def test_an_article_s_author_hears_of_comments(self, db: None) -> None:
        article = make_article(author_email="Ada@Example.org")
        tell("comment", article, make_comment(article))
        delivery = Delivery.objects.get()
        assert (delivery.why, delivery.target_key, delivery.follower) == ("author", email_key(ADA), None)

    @pytest.mark.parametrize("address", [BEN, "BEN@example.org", "not an address", ""])
    def test_not_of_her_own_and_not_without_an_address(self, db: None, address: str) -> None:
        article = make_article(author_email=address)
        tell("comment", article, make_comment(article, author_email=BEN))
        assert not Delivery.objects.exists()

    @pytest.mark.parametrize("kind", ["author", "complaint"])
    def test_not_when_she_wants_none(self, db: None, kind: str) -> None:
        article = make_article(author_email=ADA)
        Suppression.objects.create(site=article.site, address_key=email_key(ADA), kind=kind)
        tell("comment", article, make_comment(article))
        assert not Delivery.objects.exists()

    def test_one_mail_where_she_follows_too(self, db: None) -> None:
        article = make_article(author_email=ADA)
        make_follow(article.site, ADA, article=article)
        tell("comment", article, make_comment(article))
        assert [delivery.why for delivery in Delivery.objects.all()] == ["follow"]

    def test_she_hears_of_shares(self, db: None) -> None:
        article = make_article(author_email=ADA)
        make_follow(article.site, CY, article=article)
        tell("shares", article)
        assert [(row.why, row.kind, row.address) for row in Delivery.objects.all()] == [("author", "shares", ADA)]


class TestMembers:
    def test_members_who_want_to_hear_of_held_comments(self, article: Article) -> None:
        make_member(article.site, ADA)
        make_member(article.site, CY, is_active=False)
        silent = make_member(article.site, DEE)
        Member.objects.filter(pk=silent.pk).update(notice="none")
        make_member(make_site(), "other@example.org")
        make_follow(article.site, CY, article=article)
        tell("held", article, make_comment(article, status="pending"))
        assert [(row.why, row.address) for row in Delivery.objects.all()] == [("member", ADA)]

    def test_one_mailbox_of_two_members_gets_one(self, article: Article) -> None:
        make_member(article.site, ADA)
        make_member(article.site, "ADA@example.org")
        tell("held", article, make_comment(article, status="pending"))
        assert Delivery.objects.count() == 1

    @pytest.mark.parametrize("kind", ["member", "manual"])
    def test_not_when_she_wants_none(self, article: Article, kind: str) -> None:
        make_member(article.site, ADA)
        Suppression.objects.create(site=article.site, address_key=email_key(ADA), kind=kind)
        tell("held", article, make_comment(article, status="pending"))
        assert not Delivery.objects.exists()

    def test_not_once_it_was_decided(self, article: Article) -> None:
        make_member(article.site, ADA)
        tell("held", article, make_comment(article))
        assert not Delivery.objects.exists()


class TestArticles:
    def test_followers_of_site_tag_and_author_hear_of_it_once(self, db: None) -> None:
        article = make_article(author_name=" Ada  LOVELACE", tags=["Straße", "ＯＰＥＮ", "open"])
        site = article.site
        everything = make_follow(site, ADA)
        tag = make_follow(site, ADA, tag="strasse")
        make_follow(site, BEN, tag="open")
        make_follow(site, CY, author="ada lovelace")
        make_follow(site, DEE, tag="other")
        make_follow(site, DEE, article=article)
        make_follow(make_site(), DEE)
        tell("article", article)
        found = {row.address: row.follow_ids for row in Delivery.objects.all()}
        assert set(found) == {ADA, BEN, CY}
        assert found[ADA] == [tag.pk, everything.pk]

    def test_articles_without_an_author_are_nobody_s(self, article: Article) -> None:
        make_follow(article.site, ADA, author="")
        tell("article", article)
        assert not Delivery.objects.exists()

    def test_hidden_again_nobody_hears(self, article: Article) -> None:
        make_follow(article.site, ADA)
        Article.objects.update(visibility="hidden")
        tell("article", article)
        assert not Delivery.objects.exists()


class TestPages:
    @pytest.fixture
    def crowd(self, article: Article, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """25 followers by several ways, on pages of four."""
        monkeypatch.setattr(fan_out, "PAGE", 4)
        root = make_comment(article, author_email="")
        emails = [f"reader{number}@example.org" for number in range(25)]
        for number, email in enumerate(emails):
            if number % 3 != 0:
                make_follow(article.site, email, article=article)
            if number % 2 == 0 or number % 3 == 0:
                make_follow(article.site, email, comment=root)
        self.reply = make_comment(article, root, author_email="")
        return emails

    def test_nobody_is_passed_over_or_planned_twice(self, article: Article, crowd: list[str]) -> None:
        tell("comment", article, self.reply)
        assert sorted(recipients()) == sorted(crowd)

    @pytest.mark.parametrize("done", range(7))
    def test_a_crash_after_any_page_loses_and_repeats_nothing(
        self, article: Article, crowd: list[str], done: int
    ) -> None:
        notification = self.noted(article)
        for _ in range(done):
            fan_out.plan_next_page(notification.pk)
        # The page's rows came through and the cursor did not: worse than any crash can be.
        Notification.objects.update(cursor=0)
        plan(notification)
        plan(notification)
        assert sorted(recipients()) == sorted(crowd)

    def test_what_is_done_not_due_or_gone_is_left_alone(self, article: Article, crowd: list[str]) -> None:
        notification = self.noted(article)
        Notification.objects.update(due_at=timezone.now() + timezone.timedelta(hours=1))
        assert not fan_out.plan_next_page(notification.pk)
        assert not fan_out.plan_next_page(10**9)
        assert not Delivery.objects.exists()

    def noted(self, article: Article) -> Notification:
        values: dict[str, Any] = {"site_id": article.site_id, "article_id": article.pk}
        notification = outbox.note(kind="comment", cause_key="c", comment_id=self.reply.pk, **values)
        assert notification is not None
        return notification


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_plan_each_delivery_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "PAGE", 7)
    article = make_article()
    comment = make_comment(article, author_email="")
    for number in range(60):
        make_follow(article.site, f"reader{number}@example.org", article=article)
    notification = outbox.note(
        kind="comment", cause_key="c", site_id=article.site_id, article_id=article.pk, comment_id=comment.pk
    )
    assert notification is not None

    def work(_: int) -> None:
        try:
            plan(notification)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    plan(notification)
    assert Delivery.objects.count() == Follower.objects.count() == 60
