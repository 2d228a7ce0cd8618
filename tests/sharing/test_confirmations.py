"""List-bombing: how many confirmations strangers can cause, to one address, from one network, and from one site."""

from __future__ import annotations

import json
import random
import re
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from articles.models import Article, Site
from project import throttling
from project.addresses import email_key
from project.throttling import InProcess, InValkey
from sharing import targets
from sharing.models import Consent, Delivery, Follow, Suppression
from sharing.services import claims, confirmations, dispatch
from sharing.services.follows import request_follow
from tests.factories import BEN, CY, make_article, make_follow, make_follower, make_site
from tests.mailing import sink
from tests.smtp_sink import SmtpSink

__all__ = ["sink"]

LIMIT = confirmations.UNANSWERED_PER_HOUR


@pytest.fixture
def article(db: None) -> Article:
    return make_article()


def asked() -> int:
    return Delivery.objects.filter(kind="confirmation").count()


class TestPerAddress:
    def test_ten_a_day_over_all_sites(self, db: None) -> None:
        for _ in range(12):
            request_follow(make_site().pk, BEN, targets.of_site(), door="api")
        request_follow(make_site().pk, CY, targets.of_site(), door="api")
        assert (Delivery.objects.filter(address=BEN).count(), asked()) == (10, 11)
        assert Consent.objects.filter(event="requested").count() == 11
        Delivery.objects.update(created_at=timezone.now() - timedelta(hours=25))
        request_follow(make_site().pk, BEN, targets.of_site(), door="api")
        assert Delivery.objects.filter(address=BEN).count() == 11


@pytest.mark.django_db(transaction=True)
def test_requests_at_many_sites_at_once_do_not_slip_past_the_number() -> None:
    sites = [make_site() for _ in range(16)]
    start = threading.Barrier(4)

    def ask(mine: list[Site]) -> None:
        start.wait()
        try:
            for site in mine:
                request_follow(site.pk, BEN, targets.of_site(), door="api")
        finally:
            connection.close()

    bombers = [threading.Thread(target=ask, args=(sites[number::4],)) for number in range(4)]
    for bomber in bombers:
        bomber.start()
    for bomber in bombers:
        bomber.join()
    assert asked() == 10
    assert Follow.objects.count() == 16


class TestSameForAll:
    """Whoever asks learns nothing: not from the answer, and not from what it takes."""

    def test_one_answer_and_the_same_statements_for_every_address(self, client: Client, article: Article) -> None:
        site = article.site
        make_follower(site, "new@example.org")
        make_follow(site, "confirmed@example.org", article=article)
        make_follow(site, "pending@example.org", article=article, status="unconfirmed")
        Follow.objects.filter(status="unconfirmed").update(confirmation_asked_at=timezone.now())
        make_follow(site, "ended@example.org", article=article, status="unsubscribed")
        for kind in sorted(Suppression.NO_CONFIRMATION):
            make_follower(site, f"{kind}@example.org")
            Suppression.objects.create(site=site, address_key=email_key(f"{kind}@example.org"), kind=kind)
        for number in range(10):
            Delivery.objects.create(
                site=site, kind="confirmation", target_key=email_key("busy@example.org"), cause_key=str(number)
            )
        seen = set()
        names = ["new", "confirmed", "pending", "ended", "busy", *sorted(Suppression.NO_CONFIRMATION)]
        for name in names:
            with CaptureQueriesContext(connection) as queries:
                answer = post(client, article, f"{name}@example.org")
            kinds = tuple(query["sql"].split()[0] for query in queries)
            seen.add((answer.status_code, answer.content, kinds))
        assert len(seen) == 1
        planned = Delivery.objects.filter(queue="confirm").values_list("address", flat=True)
        assert sorted(planned) == ["ended@example.org", "new@example.org"]


class TestTrap:
    """A field that people do not see, in the page's form and in the API."""

    def test_who_fills_it_gets_the_same_answer_and_causes_no_mail(self, client: Client, article: Article) -> None:
        answers = set()
        for number, homepage in enumerate(["", "https://spam.example/", "x" * 5000]):
            answer = post(client, article, f"api{number}@example.org", homepage)
            answers.add((answer.status_code, answer.content))
            answer = post_form(client, article, f"form{number}@example.org", homepage)
            answers.add((answer.status_code, answer["Location"]))
        assert len(answers) == 2
        planned = Delivery.objects.values_list("address", flat=True)
        assert sorted(planned) == ["api0@example.org", "form0@example.org"]

    def test_nobody_sees_it_and_no_key_leads_there(self, client: Client, article: Article) -> None:
        page = client.get(f"/a/{article.pk}").content.decode()
        (field,) = re.findall(r'<p class="visually-hidden" aria-hidden="true">.*?name="homepage".*?</p>', page)
        assert 'tabindex="-1"' in field and 'autocomplete="off"' in field and "required" not in field


class TestPerNetwork:
    @pytest.fixture(autouse=True)
    def limits(self, settings: Any, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.RATE_LIMITS = True
        settings.REDIS_URL = broker_url
        monkeypatch.setattr(throttling, "valkey", InValkey())
        monkeypatch.setattr(throttling, "here", InProcess())
        scope = throttling.Scope("30/minute", site="1000/hour", network="3/hour")
        monkeypatch.setitem(throttling.SCOPES, "follows", scope)

    @pytest.mark.parametrize(
        ("inside", "outside"),
        [("198.51.{}.{}", "203.0.{}.1"), ("2001:db8:{}:{}::1", "2001:db8:1{}::1")],
        ids=["IPv4 /24", "IPv6 /48"],
    )
    def test_neighbours_share_a_number_and_see_no_difference(
        self, client: Client, article: Article, inside: str, outside: str
    ) -> None:
        answers, network = set(), _anything()
        for number in range(1, 7):
            answer = post(client, article, f"n{number}@example.org", REMOTE_ADDR=inside.format(network, number))
            answers.add((answer.status_code, answer.content))
        assert len(answers) == 1 and asked() == 3
        assert Follow.objects.count() == 6
        post(client, article, CY, REMOTE_ADDR=outside.format(_anything()))
        assert asked() == 4

    def test_form_and_api_count_together(self, client: Client, article: Article) -> None:
        client.defaults["REMOTE_ADDR"] = f"198.18.{_anything()}.1"
        for number in range(4):
            post(client, article, f"n{number}@example.org")
        answer = post_form(client, article, CY)
        assert (answer.status_code, asked()) == (303, 3)

    def test_a_comment_is_no_way_around_it(self, client: Client, article: Article) -> None:
        client.defaults["REMOTE_ADDR"] = f"198.19.{_anything()}.1"
        answers = set()
        for number in range(5):
            author = {"name": "Ben", "email": f"n{number}@example.org"}
            said = {"article": article.pk, "body": f"Number {number}.", "author": author, "follow": "replies"}
            answer = client.post("/api/v1/comments", json.dumps(said), content_type="application/json")
            answers.add((answer.status_code, tuple(answer.json())))
        assert len(answers) == 1 and asked() == 3
        post(client, article, CY)
        assert asked() == 3

    def test_limits_that_are_off_are_off(self, client: Client, article: Article, settings: Any) -> None:
        settings.RATE_LIMITS = False
        for number in range(5):
            post(client, article, f"n{number}@example.org")
        assert asked() == 5


class TestBreaker:
    """A site whose confirmations nobody answers sends few of them; whoever waits is written to later."""

    @pytest.fixture
    def site(self, db: None) -> Site:
        return make_site()

    def test_an_ordinary_site_is_left_alone(self, site: Site) -> None:
        plan(site, LIMIT)
        assert confirmations.hold_surplus() == 0

    def test_a_burst_that_nobody_can_have_answered_waits(self, site: Site) -> None:
        plan(site, LIMIT + 50)
        plan(make_site(), 5)
        assert confirmations.hold_surplus() == 50
        assert confirmations.hold_surplus() == 0
        waiting = Delivery.objects.filter(next_attempt_at__gt=timezone.now())
        assert {delivery.site_id for delivery in waiting} == {site.pk}
        assert {delivery.last_error for delivery in waiting} == {confirmations.HELD}
        for delivery in waiting:
            assert delivery.status == "queued" and delivery.expires_at == delivery.created_at + timedelta(hours=24)

    def test_whoever_asks_now_has_her_turn_before_those_who_wait(self, site: Site) -> None:
        plan(site, LIMIT + 1)
        make_older(timedelta(minutes=1))
        honest = plan(site, 1)
        confirmations.hold_surplus()
        assert Delivery.objects.filter(next_attempt_at__gt=timezone.now()).count() == 2
        assert Delivery.objects.get(pk=honest[0].pk).next_attempt_at <= timezone.now()

    def test_what_is_asked_for_between_the_look_and_the_claim_waits_too(self, site: Site) -> None:
        plan(site, LIMIT + 50)
        allowed, claimed = [], 0
        while batch := claims.claim("confirm"):
            claimed += len(batch)
            allowed += confirmations.give_back_surplus(batch)
        assert (len(allowed), claimed) == (LIMIT, LIMIT + 50)
        back = Delivery.objects.exclude(status="sending")
        assert set(back.values_list("status", "attempts", "last_error")) == {("queued", 0, confirmations.HELD)}
        assert back.filter(next_attempt_at__gt=timezone.now()).count() == 50

    @pytest.mark.parametrize(("confirmed", "held"), [(9, 30), (10, 0)])
    def test_one_answer_in_twenty_opens_it(self, site: Site, confirmed: int, held: int) -> None:
        send_and_answer(site, LIMIT, confirmed, ago=timedelta(minutes=11))
        plan(site, 30)
        assert confirmations.hold_surplus() == held

    def test_what_was_sent_a_minute_ago_says_nothing_yet(self, site: Site) -> None:
        send_and_answer(site, LIMIT, LIMIT, ago=timedelta(minutes=9))
        plan(site, 3)
        assert confirmations.hold_surplus() == 3

    def test_each_hour_has_its_own_number(self, site: Site) -> None:
        send_and_answer(site, LIMIT, 0, ago=timedelta(minutes=61))
        plan(site, LIMIT + 1)
        assert confirmations.hold_surplus() == 1

    def test_the_answers_of_another_site_do_not_count(self, site: Site) -> None:
        send_and_answer(make_site(), LIMIT, LIMIT, ago=timedelta(minutes=20))
        send_and_answer(site, LIMIT, 0, ago=timedelta(minutes=20))
        plan(site, 1)
        assert confirmations.hold_surplus() == 1

    def test_only_confirmations_wait_and_they_go_out_when_it_closes(self, site: Site, sink: SmtpSink) -> None:
        send_and_answer(site, LIMIT, 0, ago=timedelta(minutes=20))
        request_follow(site.pk, BEN, targets.of_site(), door="api")
        assert not dispatch.send_due("confirm")
        assert sink.messages == []
        Follow.objects.filter(status="unconfirmed").exclude(follower__address=BEN).update(
            status="confirmed", confirmed_at=timezone.now()
        )
        Delivery.objects.filter(address=BEN).update(next_attempt_at=timezone.now())
        assert dispatch.send_due("confirm")
        assert len(sink.to(BEN)) == len(sink.messages) == 1


def _anything() -> int:
    """A number of a network that no other run has counted."""
    return random.randrange(200)


def post_form(client: Client, article: Article, email: str, homepage: str = "") -> Any:
    form, own = urlencode({"email": email, "homepage": homepage}), {"Origin": settings.PUBLIC_URL}
    kind = "application/x-www-form-urlencoded"
    return client.post(f"/a/{article.pk}/follow", form, content_type=kind, headers=own)


def post(client: Client, article: Article, email: str, homepage: str = "", **request: str) -> Any:
    body = json.dumps({"article": article.pk, "email": email, "homepage": homepage})
    return client.post("/api/v1/follows", body, content_type="application/json", **request)


def plan(site: Site, count: int) -> list[Delivery]:
    now = Delivery.objects.count()
    return Delivery.objects.bulk_create(
        Delivery(site=site, kind="confirmation", queue="confirm", target_key="k", cause_key=f"{site.pk}:{number}")
        for number in range(now, now + count)
    )


def make_older(by: timedelta) -> None:
    Delivery.objects.update(created_at=timezone.now() - by)


def send_and_answer(site: Site, count: int, confirmed: int, *, ago: timedelta) -> None:
    """As if so many confirmations had been sent a while ago, and so many of them answered."""
    then = timezone.now() - ago
    for number, delivery in enumerate(plan(site, count)):
        status = "confirmed" if number < confirmed else "unconfirmed"
        follow = make_follow(site, f"r{number}@example.org", status=status)
        Delivery.objects.filter(pk=delivery.pk).update(status="sent", settled_at=then, follow_ids=[follow.pk])
