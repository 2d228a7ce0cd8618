"""Whoever is asked for a follow that she does not want can say so once, and is asked no more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from articles.models import Article
from project.addresses import email_key
from sharing import targets, tokens
from sharing.models import Consent, Delivery, Follow, Suppression
from sharing.services import dispatch, follows
from tests.factories import BEN, make_article, make_follow, make_site
from tests.mailing import sink, unsigned
from tests.smtp_sink import SmtpSink

__all__ = ["sink"]


@pytest.fixture
def article(db: None) -> Article:
    return make_article()


def ask(article: Article, target: targets.Target | None = None, **options: Any) -> None:
    follows.request_follow(article.site_id, BEN, target or targets.of_article(article.pk), door="api", **options)


def path_of(follow: Follow) -> str:
    return tokens.not_me_url(follow).removeprefix(settings.PUBLIC_URL)


def refusals() -> list[tuple[int, str]]:
    return list(Suppression.objects.filter(kind="refused").values_list("site_id", "address_key"))


@pytest.mark.parametrize("slash", ["", "/"])
def test_get_shows_and_post_ends_it_for_good(client: Client, article: Article, slash: str) -> None:
    ask(article)
    follow = Follow.objects.get()
    path = path_of(follow) + slash
    shown = client.get(path)
    assert shown.status_code == 200 and b"<form" in shown.content and not shown.cookies
    assert Follow.objects.get().status == "unconfirmed" and not refusals()
    for _ in range(2):
        done = client.post(path)
        assert done.status_code == 200 and b"<form" not in done.content and not done.cookies
        assert done["Referrer-Policy"] == "no-referrer" and "default-src 'none'" in done["Content-Security-Policy"]
    assert Follow.objects.get().status == "unsubscribed"
    assert refusals() == [(article.site_id, email_key(BEN))]
    assert [(row.event, row.door) for row in Consent.objects.order_by("pk")] == [
        ("requested", "api"),
        ("unsubscribed", "not-me"),
    ]
    assert follows.confirm_follow(follow.pk, follow.request, door="page") is None


def test_then_strangers_cannot_have_her_asked_here_and_elsewhere_they_can(article: Article, client: Client) -> None:
    ask(article)
    client.post(path_of(Follow.objects.get()))
    Follow.objects.update(confirmation_asked_at=timezone.now() - timedelta(days=2))
    ask(article)
    ask(article, targets.of_site())
    assert Delivery.objects.count() == 1
    ask(make_article())
    assert Delivery.objects.count() == 2


def test_a_confirmation_that_waits_is_not_sent_then(article: Article, client: Client, sink: SmtpSink) -> None:
    ask(article)
    ask(article, targets.of_site())
    client.post(path_of(Follow.objects.get(target_kind="article")))
    while dispatch.send_due("confirm"):
        pass
    assert sink.messages == []
    assert set(Delivery.objects.values_list("status", flat=True)) == {"skipped"}


def test_what_she_follows_goes_on(article: Article, client: Client) -> None:
    kept = make_follow(article.site)
    ask(article)
    client.post(path_of(Follow.objects.get(target_kind="article")))
    assert list(Follow.objects.confirmed()) == [kept]


def test_her_own_word_lifts_it(article: Article, client: Client) -> None:
    ask(article)
    ask(article, targets.of_site())
    refused, other = Follow.objects.order_by("pk")
    client.post(path_of(refused))
    assert follows.confirm_follow(other.pk, other.request, door="page") is not None
    assert not refusals()
    client.post(path_of(refused))
    assert refusals()
    ask(article, proven=True)
    assert not refusals() and Follow.objects.confirmed().count() == 2


def test_what_she_confirmed_is_not_refused_by_an_old_mail(article: Article, client: Client) -> None:
    ask(article)
    follow = Follow.objects.get()
    path = path_of(follow)
    follows.confirm_follow(follow.pk, follow.request, door="page")
    answer = client.post(path)
    assert answer.status_code == 200 and b"has been confirmed" in answer.content
    assert Follow.objects.get().status == "confirmed" and not refusals()


def test_it_works_after_the_request_was_pruned_and_the_site_erased(article: Article, client: Client) -> None:
    ask(article)
    path = path_of(Follow.objects.get())
    Follow.objects.all().delete()
    assert client.post(path).status_code == 200
    assert refusals() == [(article.site_id, email_key(BEN))]
    article.site.delete()
    assert client.get(path).status_code == client.post(path).status_code == 200


def test_it_reaches_no_request_of_another_site_and_none_that_came_later(article: Article, client: Client) -> None:
    ask(article)
    follow = Follow.objects.get()
    Follow.objects.update(request=2)
    client.post(path_of(follow))
    assert Follow.objects.get().status == "unconfirmed"
    follow.site_id, follow.request = make_site().pk, 2
    client.post(path_of(follow))
    assert Follow.objects.get().status == "unconfirmed"


def test_the_page_that_confirms_leads_there(article: Article, client: Client) -> None:
    ask(article)
    follow = Follow.objects.get()
    page = client.get(tokens.confirm_url(follow).removeprefix(settings.PUBLIC_URL))
    assert unsigned(tokens.not_me_url(follow)) in unsigned(page.content.decode())
