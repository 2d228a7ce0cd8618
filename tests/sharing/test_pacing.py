"""How fast mail goes to a domain and for a site, counted in a real Valkey."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article
from project.env import EnvError, rates
from sharing.models import Delivery
from sharing.services import dispatch
from tests.factories import make_article, make_comment, make_follow, make_site
from tests.mailing import article, planned, sink
from tests.servers import Servers
from tests.smtp_sink import SmtpSink

__all__ = ["article", "sink"]


@pytest.fixture(autouse=True)
def counters(broker_url: str) -> None:
    """A broker without counts of other tests."""


def follow(article: Article, *addresses: str) -> None:
    for address in addresses:
        make_follow(article.site, address, article=article)


def plan(article: Article) -> None:
    planned(article, make_comment(article, author_email="author@example.net"))


def waiting() -> list[Delivery]:
    return list(Delivery.objects.filter(status="queued").order_by("next_attempt_at"))


def test_a_domain_gets_so_many_and_the_rest_wait_uncounted_one_behind_the_other(
    article: Article, sink: SmtpSink, settings: Settings
) -> None:
    settings.MAIL_RATES = {"domain": "2/hour"}
    follow(article, *(f"r{number}@large.example" for number in range(5)), "one@small.example")
    plan(article)
    assert dispatch.send_due("mail")
    assert not dispatch.send_due("mail")
    assert len(sink.messages) == 3 and sink.to("one@small.example")
    left = waiting()
    assert [(one.attempts, one.last_error) for one in left] == [(0, "no more than 2/hour for large.example")] * 3
    times = [one.next_attempt_at for one in left]
    assert times[0] > timezone.now() + timedelta(minutes=59)
    for before, after in pairwise(times):
        assert after - before == pytest.approx(timedelta(minutes=30), abs=timedelta(seconds=20))


def test_a_domain_of_its_own_rate_and_a_site_of_its_own(settings: Settings, sink: SmtpSink, db: None) -> None:
    settings.MAIL_RATES = {"domain": "1/hour", "own.example": "3/hour", "site": "4/hour"}
    first, second = make_article(make_site("first")), make_article(make_site("second"))
    for one in (first, second):
        follow(one, *(f"r{number}@own.example" for number in range(3)), "a@one.example", "b@two.example")
    plan(first)
    dispatch.send_due("mail")
    assert len(sink.to("a@one.example")) == 1 and len(sink.messages) == 4
    assert {one.last_error for one in waiting()} == {f"no more than 4/hour for site {first.site_id}"}
    plan(second)
    dispatch.send_due("mail")
    # What the first site sent to a domain is counted for the second, what it could not send is not.
    assert [received.recipients for received in sink.messages[4:]] == [["b@two.example"]]


def test_a_domain_that_asks_for_patience_is_left_alone_and_the_others_go_on(article: Article, sink: SmtpSink) -> None:
    follow(article, *(f"r{number}@busy.example" for number in range(4)), *(f"r{n}@free.example" for n in range(4)))
    for number in range(4):
        sink.refuse[f"r{number}@busy.example"] = "451 4.7.1 too much at once"
    plan(article)
    dispatch.send_due("mail")
    assert sink.attempts == 5, "one was tried at the busy domain"
    assert len(sink.messages) == 4
    left = waiting()
    assert [(one.attempts, one.last_error) for one in left] == [(0, "busy.example asked for patience")] * 3
    assert all(one.next_attempt_at > timezone.now() + timedelta(seconds=50) for one in left)
    assert Delivery.objects.get(status="awaiting_retry").attempts == 1


@pytest.mark.parametrize(
    "answer", ["452 4.2.2 mailbox full", "451 4.4.1 no answer", "450 not now", "421 4.3.2 closing"]
)
def test_an_answer_about_one_mailbox_holds_up_no_other(article: Article, sink: SmtpSink, answer: str) -> None:
    follow(article, "full@some.example", "other@some.example")
    sink.refuse["full@some.example"] = answer
    plan(article)
    dispatch.send_due("mail")
    assert len(sink.to("other@some.example")) == 1


def test_without_the_broker_each_process_counts_for_itself(
    article: Article, sink: SmtpSink, settings: Settings, servers: Servers
) -> None:
    settings.MAIL_RATES = {"domain": "1/hour"}
    follow(article, "a@away.example", "b@away.example")
    plan(article)
    servers.stop_valkey()
    try:
        dispatch.send_due("mail")
    finally:
        servers.start_valkey()
    assert len(sink.messages) == 1 and len(waiting()) == 1


def test_rates_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATES", " domain=20/second;1000/hour , Example.ORG=5/minute,site=1/day")
    assert rates("RATES", "domain", "site") == {
        "domain": "20/second;1000/hour",
        "example.org": "5/minute",
        "site": "1/day",
    }
    monkeypatch.delenv("RATES")
    assert rates("RATES", "domain") == {}


@pytest.mark.parametrize("value", ["domain", "domain=", "domain=0/second", "domain=5/week", "x=5/day", "a b.c=1/day"])
def test_nonsense_in_rates_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RATES", value)
    with pytest.raises(EnvError, match="RATES"):
        rates("RATES", "domain", "site")
