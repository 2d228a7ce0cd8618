"""The life of a follow: asked for, confirmed, ended; and what a stranger can learn or cause by asking."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from articles.models import Article
from project.addresses import email_key
from project.errors import Problem
from sharing import targets, tokens
from sharing.models import Consent, Delivery, Follow, Follower, Suppression
from sharing.services import follows
from tests.factories import ADA, BEN, CY, make_article, make_comment, make_follow, make_follower, make_site

FIRST_MAIL = timedelta(hours=25)  # after this the next confirmation may go out


@pytest.fixture
def article(db: None) -> Article:
    return make_article()


def ask(article: Article, email: str = BEN, target: targets.Target | None = None) -> None:
    follows.request_follow(article.site_id, email, target or targets.of_article(article.pk), door="api")


def the_follow() -> Follow:
    return Follow.objects.select_related("follower").get()


def confirmations() -> list[Delivery]:
    return list(Delivery.objects.filter(kind="confirmation").order_by("pk"))


def make_old(**_: Any) -> None:
    """As if a day had gone since the last confirmation."""
    Follow.objects.update(confirmation_asked_at=timezone.now() - FIRST_MAIL)


class TestAsking:
    def test_a_first_request_leaves_a_follower_a_follow_a_confirmation_and_evidence(self, article: Article) -> None:
        ask(article, "Ben@Example.org")
        follow, (delivery,) = the_follow(), confirmations()
        assert (follow.status, follow.target_kind, follow.target_key) == ("unconfirmed", "article", str(article.pk))
        assert follow.follower.address == "Ben@example.org"
        assert (delivery.queue, delivery.address, delivery.follow_ids) == ("confirm", "Ben@example.org", [follow.pk])
        assert delivery.target_key == follow.follower.address_key == email_key(BEN)
        assert delivery.expires_at is not None
        assert abs(delivery.expires_at - delivery.created_at - timedelta(hours=2)) < timedelta(seconds=1)
        assert [(row.event, row.door) for row in Consent.objects.all()] == [("requested", "api")]

    def test_two_spellings_of_an_address_are_one_follower(self, article: Article) -> None:
        ask(article, "ben@EXAMPLE.org")
        ask(article, " BEN@example.org ")
        assert Follower.objects.count() == Follow.objects.count() == len(confirmations()) == 1

    def test_a_follow_is_confirmed_at_most_once_a_day(self, article: Article) -> None:
        for _ in range(3):
            ask(article)
        assert len(confirmations()) == 1
        make_old()
        ask(article)
        assert len(confirmations()) == 2

    def test_an_address_gets_at_most_five_confirmations_a_day_from_one_site(self, article: Article) -> None:
        for number in range(8):
            ask(article, target=targets.of_tag(f"tag {number}"))
        other = make_article()
        ask(other)
        assert len(confirmations()) == 6
        assert Follow.objects.count() == 9

    def test_a_confirmed_follow_is_not_asked_again_nor_changed_by_a_stranger(self, article: Article) -> None:
        follow = make_follow(article.site, article=article)
        follows.request_follow(
            article.site_id, BEN, targets.of_article(article.pk), door="api", frequency=Follow.Frequency.WEEKLY
        )
        follow.refresh_from_db()
        assert (follow.status, follow.frequency, confirmations()) == ("confirmed", "immediate", [])

    @pytest.mark.parametrize("kind", sorted(Suppression.TOTAL))
    def test_a_suppressed_address_gets_no_confirmation(self, article: Article, kind: str) -> None:
        Suppression.objects.create(site=article.site, address_key=email_key(BEN), kind=kind)
        ask(article)
        assert (Follow.objects.count(), confirmations()) == (1, [])

    def test_a_partial_suppression_does_not_stop_a_confirmation(self, article: Article) -> None:
        Suppression.objects.create(site=article.site, address_key=email_key(BEN), kind="author")
        ask(article)
        assert len(confirmations()) == 1

    def test_an_ended_follow_that_is_asked_for_begins_anew(self, article: Article) -> None:
        ask(article)
        follow = the_follow()
        assert follows.confirm_follow(follow.pk, 1, door="page")
        follows.end_follows(Q(pk=follow.pk), door="page")
        make_old()
        ask(article)
        assert (the_follow().status, the_follow().request, len(confirmations())) == ("unconfirmed", 2, 2)
        assert follows.confirm_follow(follow.pk, 1, door="page") is None
        assert follows.confirm_follow(follow.pk, 2, door="page") is not None

    @pytest.mark.parametrize(
        "address", ["", "ben", "ben@", "@example.org", "ben@example.org, cy@example.org", "b\nn@x.org"]
    )
    def test_what_is_no_address_is_refused_and_leaves_nothing(self, article: Article, address: str) -> None:
        with pytest.raises(Problem) as refused:
            ask(article, address)
        assert refused.value.code == "validation_failed"
        assert not Follower.objects.exists()

    def test_a_comment_not_yet_written_can_be_followed_in_its_transaction(self, article: Article) -> None:
        comment = make_comment(article)
        follows.follow_from_comment(comment, "replies")
        follows.follow_from_comment(comment, "article")
        found = Follow.objects.order_by("target_kind").values_list("target_kind", "target_key")
        assert list(found) == [("article", str(article.pk)), ("comment", str(comment.pk))]


class TestConfirming:
    def test_it_happens_once_and_is_recorded(self, article: Article) -> None:
        ask(article)
        follow = the_follow()
        for _ in range(2):
            confirmed = follows.confirm_follow(follow.pk, follow.request, door="page")
            assert confirmed is not None and confirmed.confirmed_at is not None
        assert list(Consent.objects.order_by("pk").values_list("event", flat=True)) == ["requested", "confirmed"]

    def test_after_leaving_an_old_confirmation_says_nothing(self, article: Article) -> None:
        follow = make_follow(article.site, article=article, status="unsubscribed")
        assert follows.confirm_follow(follow.pk, follow.request, door="page") is None
        follow.refresh_from_db()
        assert follow.status == "unsubscribed"

    def test_a_follow_that_is_gone_cannot_be_confirmed(self, db: None) -> None:
        assert follows.confirm_follow(12345, 1, door="page") is None


class TestPruning:
    def test_only_what_nobody_confirmed_for_thirty_days_goes(self, article: Article) -> None:
        ask(article, ADA)
        ask(article, BEN)
        make_follow(article.site, CY, article=article)
        month = timezone.now() - timedelta(days=31)
        Follow.objects.exclude(follower__address=ADA).update(created_at=month, confirmation_asked_at=month)
        Follower.objects.exclude(address=ADA).update(created_at=month)
        follows.prune_unconfirmed()
        follows.prune_unconfirmed()
        assert set(Follower.objects.values_list("address", flat=True)) == {ADA, CY}
        assert set(Follow.objects.values_list("follower__address", flat=True)) == {ADA, CY}
        assert Delivery.objects.filter(address=BEN).count() == 0

    def test_a_follow_asked_for_again_lately_stays(self, article: Article) -> None:
        ask(article)
        Follow.objects.update(created_at=timezone.now() - timedelta(days=300))
        follows.prune_unconfirmed()
        assert Follow.objects.count() == 1


class TestPages:
    """GET shows and changes nothing; POST acts; no cookie, no redirect."""

    def confirm_path(self, follow: Follow) -> str:
        return tokens.confirm_url(follow).removeprefix(_public_url())

    def test_confirm(self, client: Client, article: Article) -> None:
        ask(article)
        path = self.confirm_path(the_follow())
        shown = client.get(path)
        assert shown.status_code == 200 and b"<form" in shown.content and not shown.cookies
        assert the_follow().status == "unconfirmed"
        done = client.post(path)
        assert done.status_code == 200 and not done.cookies
        assert the_follow().status == "confirmed"
        assert done["Referrer-Policy"] == "no-referrer" and done["Cache-Control"] == "no-store"
        assert b"You follow" in client.get(path).content

    def test_a_confirmation_is_too_old_after_seven_days(
        self, client: Client, article: Article, time_machine: Any
    ) -> None:
        ask(article)
        path = self.confirm_path(the_follow())
        time_machine.move_to(timezone.now() + timedelta(days=7, minutes=1))
        response = client.post(path)
        assert response.status_code == 404 and b"too old" in response.content
        assert the_follow().status == "unconfirmed"

    @pytest.mark.parametrize("page", ["confirm", "not-me", "leave", "manage"])
    @pytest.mark.parametrize("method", ["get", "post"])
    @pytest.mark.parametrize("token", ["x", "a:b:c", "%F0%9F%98%80", "." * 3000])
    def test_a_forged_token_is_404(self, client: Client, db: None, page: str, method: str, token: str) -> None:
        assert getattr(client, method)(f"/follows/{page}/{token}").status_code == 404

    def test_a_token_of_one_page_opens_no_other(self, client: Client, article: Article) -> None:
        follow = make_follow(article.site, article=article)
        token = tokens.manage_url(follow.follower).rpartition("/")[2]
        assert client.post(f"/follows/leave/{token}").status_code == 404
        assert client.post(f"/follows/confirm/{token}").status_code == 404

    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize(
        "body",
        [
            {"data": {"List-Unsubscribe": "One-Click"}},
            {"data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"},
            {"data": "", "content_type": "application/x-www-form-urlencoded"},
        ],
        ids=["multipart", "urlencoded", "empty"],
    )
    def test_one_click_ends_every_matched_follow_and_answers_200_twice(
        self, client: Client, article: Article, slash: str, body: dict[str, Any]
    ) -> None:
        comment = make_comment(article)
        matched = [make_follow(article.site, article=article), make_follow(article.site, comment=comment)]
        other = make_follow(article.site)
        path = _leave_path(article, matched) + slash
        assert client.get(path).status_code == 200
        assert Follow.objects.confirmed().count() == 3
        for _ in range(2):
            response = client.post(path, **body)
            assert response.status_code == 200 and not response.cookies
        assert list(Follow.objects.confirmed()) == [other]
        assert Consent.objects.filter(event="unsubscribed").count() == 2

    def test_leaving_answers_200_after_everything_was_erased(self, client: Client, article: Article) -> None:
        path = _leave_path(article, [make_follow(article.site, article=article)])
        article.site.delete()
        assert client.get(path).status_code == client.post(path).status_code == 200

    def test_a_leave_link_reaches_no_follow_of_another_site(self, client: Client, article: Article) -> None:
        foreign = make_follow(make_site())
        delivery = Delivery(site=article.site, kind="comment", follow_ids=[foreign.pk], target_key="x")
        client.post(tokens.leave_url(delivery).removeprefix(_public_url()))
        foreign.refresh_from_db()
        assert foreign.status == "confirmed"

    def test_a_mail_with_very_many_follows_names_its_delivery_and_fits_in_a_header(
        self, client: Client, article: Article
    ) -> None:
        matched = [make_follow(article.site, comment=make_comment(article)) for _ in range(45)]
        delivery = _delivery(article, matched)
        delivery.save()
        url = tokens.leave_url(delivery)
        assert len(url) < 900
        client.post(url.removeprefix(_public_url()))
        assert not Follow.objects.confirmed().exists()

    @pytest.mark.parametrize("why", ["author", "member"])
    def test_authors_and_members_leave_by_a_suppression(self, client: Client, article: Article, why: str) -> None:
        delivery = Delivery(site=article.site, kind="comment", why=why, target_key=email_key(ADA))
        path = tokens.leave_url(delivery).removeprefix(_public_url())
        client.get(path)
        assert not Suppression.objects.exists()
        for _ in range(2):
            assert client.post(path).status_code == 200
        assert [(row.kind, row.address_key) for row in Suppression.objects.all()] == [(why, email_key(ADA))]
        article.site.delete()
        assert client.post(path).status_code == 200

    def test_manage_lists_and_ends_one_or_all(self, client: Client, article: Article) -> None:
        site = article.site
        first = make_follow(site, article=article)
        make_follow(site)
        make_follow(site, CY, article=article)
        path = tokens.manage_url(first.follower).removeprefix(_public_url())
        shown = client.get(path).content.decode()
        assert BEN in shown and article.title in shown and CY not in shown
        client.post(path, {"end": str(first.pk)})
        assert Follow.objects.confirmed().count() == 2
        client.post(path, {"end": "all"})
        assert [follow.follower.address for follow in Follow.objects.confirmed()] == [CY]

    def test_manage_says_how_often_and_when(self, client: Client, article: Article) -> None:
        first, second = make_follow(article.site, article=article), make_follow(article.site)
        url = tokens.manage_url(first.follower)
        form = {"save": "1", f"frequency-{first.pk}": "daily", f"frequency-{second.pk}": "weekly"}
        times = {"timezone": "Europe/Berlin", "hour": "18", "weekday": "4"}
        page = client.post(url, {**form, **times})
        assert page.status_code == 200 and "It is kept." in page.content.decode()
        follower = Follower.objects.get(pk=first.follower_id)
        assert (follower.timezone, follower.hour, follower.weekday) == ("Europe/Berlin", 18, 4)
        assert sorted(follower.follows.values_list("frequency", flat=True)) == ["daily", "weekly"]
        assert sorted(follower.clocks.values_list("frequency", flat=True)) == ["daily", "weekly"]
        assert client.get(url).content.decode().count(" selected") == 5

    @pytest.mark.parametrize(
        "wrong",
        [{"timezone": "Nowhere"}, {"hour": "24"}, {"hour": "-1"}, {"weekday": "7"}, {"hour": "x"}, {"timezone": ""}],
    )
    def test_manage_refuses_what_is_no_hour_or_zone(
        self, client: Client, article: Article, wrong: dict[str, str]
    ) -> None:
        follow = make_follow(article.site, article=article)
        times = {"timezone": "Europe/Berlin", "hour": "18", "weekday": "4"} | wrong
        page = client.post(tokens.manage_url(follow.follower), {"save": "1", **times})
        assert page.status_code == 400 and 'role="alert"' in page.content.decode()
        follow.follower.refresh_from_db()
        assert follow.follower.timezone == "UTC"

    def test_manage_changes_nothing_of_another_address(self, client: Client, article: Article) -> None:
        hers, other = make_follow(article.site, article=article), make_follow(article.site, CY, article=article)
        times = {"timezone": "UTC", "hour": "8", "weekday": "0"}
        form = {"save": "1", f"frequency-{other.pk}": "daily", f"frequency-{hers.pk}": "hourly", **times}
        client.post(tokens.manage_url(hers.follower), form)
        assert set(Follow.objects.values_list("frequency", flat=True)) == {"immediate"}

    def test_manage_cannot_end_what_is_another_address_s(self, client: Client, article: Article) -> None:
        mine, hers = make_follow(article.site, article=article), make_follow(article.site, CY, article=article)
        path = tokens.manage_url(mine.follower).removeprefix(_public_url())
        for end in (str(hers.pk), "-1", "0" * 30, "x", ""):
            assert client.post(path, {"end": end}).status_code == 200
        assert Follow.objects.confirmed().count() == 2

    def test_a_changed_nonce_ends_the_manage_link(self, client: Client, article: Article) -> None:
        follower = make_follower(article.site)
        path = tokens.manage_url(follower).removeprefix(_public_url())
        Follower.objects.update(manage_nonce="00000000-0000-4000-8000-000000000000")
        assert client.get(path).status_code == 404


def test_names_are_compared_folded() -> None:
    assert targets.fold("  ＳＴＲＡＳＳＥ ") == targets.fold("Straße") == "strasse"
    assert targets.fold("Open  Source") == "open source"
    assert len(targets.fold("ﷺ" * 100)) <= targets.MAX_KEY


@pytest.mark.parametrize("name", ["İstanbul", "ΌΣΟΣ", "ǰ", "ﬃ", "ᾳ"])
def test_folding_twice_changes_nothing(name: str) -> None:
    assert targets.fold(targets.fold(name)) == targets.fold(name)


def test_the_wishes_of_a_follow_are_checked_by_the_database(db: None) -> None:
    with pytest.raises(ValidationError):
        Follow(site=make_site(), target_kind="comment", target_key="1").full_clean()


def _public_url() -> str:
    from django.conf import settings

    url: str = settings.PUBLIC_URL
    return url


def _delivery(article: Article, matched: list[Follow]) -> Delivery:
    return Delivery(
        site=article.site,
        kind="comment",
        cause_key="comment:1:published",
        target_key=matched[0].follower.address_key,
        follower=matched[0].follower,
        follow_ids=[follow.pk for follow in matched],
        address=matched[0].follower.address,
    )


def _leave_path(article: Article, matched: list[Follow]) -> str:
    path = tokens.leave_url(_delivery(article, matched)).removeprefix(_public_url())
    assert re.fullmatch(r"/follows/leave/[\w:.-]+", path)
    return path
