"""The tasks as functions: what they wake, and that a second run does nothing more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from articles.models import Article, Site
from comments.models import Comment
from sharing import tasks
from sharing.models import Delivery, Notification
from sharing.services import follows, summaries
from sharing.targets import of_article
from tests.factories import ADA, CY, make_follow, make_member
from tests.mailing import article, comment, noted, planned, sink
from tests.smtp_sink import SmtpSink

__all__ = ["article", "comment", "sink"]


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from project.doorbell import Doorbell

    rung: list[str] = []
    monkeypatch.setattr(Doorbell, "wake", lambda self, *args: rung.append(self.name.rpartition(".")[2]))
    return rung


def test_the_clock_closes_weeks_of_sites(article: Article, woken: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monday = datetime(2026, 6, 8, 8, 5, tzinfo=UTC)
    monkeypatch.setattr(summaries, "database_now", lambda: monday)
    Site.objects.update(created_at=monday - timedelta(days=30))
    make_member(article.site, ADA, role="owner")
    for _ in range(2):
        tasks.plan_digests()
    assert woken == ["deliver_mail"]
    assert [row.kind for row in Delivery.objects.all()] == ["summary"]


def test_the_sweep_finds_everything_that_nobody_was_woken_for(
    article: Article, comment: Comment, sink: SmtpSink, woken: list[str]
) -> None:
    tasks.sweep()
    assert woken == []
    make_follow(article.site, ADA, article=article)
    follows.request_follow(article.site_id, CY, of_article(article.pk), door="api")
    noted(article, comment)
    tasks.sweep()
    assert woken == ["fan_out", "deliver_confirmations"]
    for _ in range(2):
        tasks.fan_out()
        tasks.deliver_confirmations()
        tasks.deliver_mail()
    assert sorted(received.recipients[0] for received in sink.messages) == [ADA, CY]
    woken.clear()
    tasks.sweep()
    assert woken == []


def test_a_turn_that_ends_rings_again(
    article: Article, comment: Comment, sink: SmtpSink, woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_follow(article.site, ADA, article=article)
    planned(article, comment)
    monkeypatch.setattr(tasks, "TURN", -1.0)
    tasks.deliver_mail()
    assert woken == ["deliver_mail"]


def test_notifications_take_turns_and_one_that_cannot_be_planned_stays_due(
    article: Article, comment: Comment, woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    long, broken, short = noted(article, comment), noted(article), noted(article, kind="shares")
    pages = {long.pk: 3, short.pk: 1}
    looked_at: list[int] = []

    def plan(notification_id: int) -> bool:
        looked_at.append(notification_id)
        pages[notification_id] -= 1
        if pages[notification_id] == 0:
            Notification.objects.filter(pk=notification_id).update(fanned_out_at=Now())
        return pages[notification_id] > 0

    monkeypatch.setattr(tasks.planning, "plan_next_page", plan)
    tasks.fan_out()
    assert looked_at == [long.pk, broken.pk, short.pk, long.pk, long.pk]
    assert Notification.objects.get(fanned_out_at=None).pk == broken.pk


def test_planning_leaves_a_database_that_is_away_to_the_sweep(
    article: Article, woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(notification_id: int) -> bool:
        raise OperationalError("the connection is closed")

    noted(article)
    monkeypatch.setattr(tasks.planning, "plan_next_page", away)
    with pytest.raises(OperationalError):
        tasks.fan_out()


def test_tasks_about_what_is_gone_return(db: None, sink: SmtpSink, woken: list[str]) -> None:
    tasks.fan_out()
    tasks.deliver_mail()
    tasks.prune()
