"""Networks are kept as keyed hashes only, and not for long."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from articles.models import Article
from comments.models import Comment, ReaderSession, Report, SpentToken, Vote
from comments.services.reporting import report_comment, reporter_of
from comments.services.retention import forget_networks
from comments.services.sessions import offer_code
from comments.tasks import forget_networks as task
from comments.tasks import prune_sign_ins
from project.celery import BEAT, app
from project.tokens import new_voter_token
from tests.calls import FORM
from tests.dump import dump_of_database, dump_of_valkey
from tests.factories import make_article, make_comment, make_reader, make_site

CANARY = "203.0.113.77"
AUTHOR = {"name": "Dora", "email": "dora@example.org"}


@pytest.fixture
def article(db: None) -> Article:
    return make_article(make_site(forget_networks_days=30))


def visit(path: str, body: dict[str, Any], method: str = "post", **headers: str) -> int:
    client = Client(REMOTE_ADDR=CANARY, HTTP_USER_AGENT="Canary/1.0 (Mozilla)")
    send = getattr(client, method)
    return int(send(path, json.dumps(body), content_type="application/json", headers=headers).status_code)


def test_no_address_is_stored_whatever_a_visitor_does(article: Article, broker_url: str) -> None:
    site, other = article.site, make_comment(article)
    voter = {"X-Afterword-Voter": new_voter_token()}
    page = {"site": site.slug, "url": article.url}
    calls = [
        visit("/api/v1/comments", {**page, "body": "Hello.", "author": AUTHOR, "follow": "article"}),
        visit(f"/api/v1/comments/{other.pk}/vote", {"value": 1}, "put", **voter),
        visit(f"/api/v1/comments/{other.pk}/reports", {"reason": "spam"}),
        visit("/api/v1/follows", {"site": site.slug, "email": "dora@example.org", "target": "site"}),
        Client(REMOTE_ADDR=CANARY).get(f"/s/mastodon/{article.pk}?instance=mastodon.example").status_code,
        Client(REMOTE_ADDR=CANARY).get(f"/s/facebook/{article.pk}").status_code,
        Client(REMOTE_ADDR=CANARY, HTTP_SEC_FETCH_SITE="same-origin")
        .post(f"/a/{article.pk}/comments", "name=Eve&body=From+the+form.", content_type=FORM)
        .status_code,
    ]
    assert all(status < 400 for status in calls), calls
    keys = set(Comment.objects.exclude(pk=other.pk).values_list("network_key", flat=True))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    stored = dump_of_database() + dump_of_valkey(broker_url)
    assert "Dora" in stored
    assert CANARY not in stored
    assert "Canary/1.0" not in stored


def test_one_network_has_another_name_on_each_site(article: Article) -> None:
    elsewhere = make_article()
    for place in (article, elsewhere):
        page = {"site": place.site.slug, "url": place.url}
        assert visit("/api/v1/comments", {**page, "body": "Hello.", "author": AUTHOR}) == 201
    assert len(set(Comment.objects.values_list("network_key", flat=True))) == 2


def test_networks_are_forgotten_after_the_days_of_the_site(article: Article) -> None:
    brief, never = make_article(make_site(forget_networks_days=1)), make_article(make_site(forget_networks_days=9_999))
    places = (article, brief, never)
    for place in places:
        for days in (0, 2, 31):
            aged(place, days)
    task()
    left = [list(kept(place)) for place in places]
    assert left == [[0, 2], [0], [0, 2, 31]]
    assert not Vote.objects.filter(article=article, created_at__lt=past(30)).exclude(network_key="").exists()
    assert forget_networks(10) == 0


def test_sessions_that_are_over_and_spent_tokens_are_forgotten(article: Article) -> None:
    site, reader = article.site, make_reader(article.site)
    for label, days in (("old", 31), ("lately", 29), ("open", -1)):
        at = timezone.now() - timedelta(days=days)
        ReaderSession.objects.create(site=site, reader=reader, digest=label, method="email", label=label, expires_at=at)
    offer_code(reader, "email")
    ReaderSession.objects.filter(method=ReaderSession.CODE).update(expires_at=timezone.now() - timedelta(days=2))
    for purpose, minutes in (("spent", 1), ("fresh", -1)):
        at = timezone.now() - timedelta(minutes=minutes)
        SpentToken.objects.create(site=site, purpose=purpose, digest="d", expires_at=at)
    for _ in range(2):
        prune_sign_ins()
        assert set(ReaderSession.objects.values_list("label", flat=True)) == {"lately", "open"}
        assert [token.purpose for token in SpentToken.objects.all()] == ["fresh"]


def test_the_clock_asks_for_all_that_is_kept_for_a_while() -> None:
    kept_for_a_while = {
        "sharing.tasks.prune",
        "articles.tasks.purge_deleted",
        "articles.tasks.forget_answers",
        "comments.tasks.forget_networks",
        "comments.tasks.prune_orders",
        "comments.tasks.prune_sign_ins",
    }
    app.loader.import_default_modules()
    assert kept_for_a_while <= set(BEAT)
    assert kept_for_a_while <= set(app.tasks)


def test_a_forgotten_report_is_nobodys_and_stays(article: Article) -> None:
    comment = make_comment(article)
    report_comment(comment, reporter_of(article.site_id, prefix=CANARY), "spam")
    old = Report.objects.get()
    Report.objects.update(created_at=past(31))
    assert forget_networks(10) == 1
    report = Report.objects.get()
    assert (report.network_key, report.reason) == ("", "spam")
    assert report.reporter_key != old.reporter_key


def past(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


def aged(article: Article, days: int) -> None:
    """A comment, a vote and a report on it, all so many days old."""
    made = past(days)
    comment = make_comment(article, network_key="c" * 32, created_at=made)
    row = {"site_id": article.site_id, "comment": comment, "network_key": "d" * 32, "created_at": made}
    Vote.objects.create(article=article, voter_key="v", value=1, **row)
    Report.objects.create(reporter_key="r", reason="spam", **row)


def kept(article: Article) -> list[int]:
    """How many days ago the comments were written of which the network is known."""
    rows = Comment.objects.filter(article=article).exclude(network_key="").order_by("-created_at")
    days = [(timezone.now() - made).days for made in rows.values_list("created_at", flat=True)]
    for table in (Vote, Report):
        known = table.objects.filter(comment__article=article).exclude(network_key="").order_by("-created_at")
        assert [(timezone.now() - made).days for made in known.values_list("created_at", flat=True)] == days
    return days
