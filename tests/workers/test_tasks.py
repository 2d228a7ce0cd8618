"""The tasks as functions: what they wake, and that a second run does nothing more."""

from __future__ import annotations

import pytest

from articles.models import Article
from comments.models import Comment
from sharing import tasks
from sharing.services import follows
from sharing.targets import of_article
from tests.factories import ADA, CY, make_follow
from tests.mailing import article, comment, noted, planned, sink
from tests.smtp_sink import SmtpSink

__all__ = ["article", "comment", "sink"]


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from project.doorbell import Doorbell

    rung: list[str] = []
    monkeypatch.setattr(Doorbell, "wake", lambda self, *args: rung.append(self.name.rpartition(".")[2]))
    return rung


def test_the_sweep_finds_everything_that_nobody_was_woken_for(
    article: Article, comment: Comment, sink: SmtpSink, woken: list[str]
) -> None:
    tasks.sweep()
    assert woken == []
    make_follow(article.site, ADA, article=article)
    follows.request_follow(article.site_id, CY, of_article(article.pk), door="api")
    notification = noted(article, comment)
    tasks.sweep()
    assert woken == ["fan_out", "deliver_confirmations"]
    for _ in range(2):
        tasks.fan_out(notification.pk)
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


def test_tasks_about_what_is_gone_return(db: None, sink: SmtpSink, woken: list[str]) -> None:
    tasks.fan_out(10**12)
    tasks.deliver_mail()
    tasks.prune()
