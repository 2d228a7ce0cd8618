"""Workers that die at every point of sending, stop in the middle, or work side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from articles.models import Article
from comments.models import Comment
from sharing.models import Delivery
from sharing.services import claims, dispatch, follows
from sharing.targets import of_article
from tests.factories import ADA, CY, make_article, make_comment, make_follow
from tests.mailing import article, comment, planned, send, sink, states
from tests.smtp_sink import SmtpSink

__all__ = ["article", "comment", "sink"]


class Killed(BaseException):
    """Stands for SIGKILL: nothing that catches errors sees it."""


class TestCrashes:
    """A worker dies at each point; the lease ends; the sweep and another worker come."""

    def crash(self, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
        def killed(*args: Any, **kwargs: Any) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            # A killed process releases nothing either.
            patch.setattr(dispatch, "release", lambda *args: None)
            patch.setattr(dispatch, where, killed)
            with pytest.raises(Killed):
                send("confirm" if Delivery.objects.filter(queue="confirm").exists() else "mail")

    def end_leases(self) -> None:
        assert claims.end_leases() == 0
        Delivery.objects.filter(status="sending").update(lease_until=timezone.now())
        claims.end_leases()
        claims.end_leases()

    @pytest.mark.parametrize(
        ("where", "mails"), [("_follows_of", 1), ("_last_check", 1), ("letter_of", 1), ("_sent", 2), ("_settle", 2)]
    )
    def test_a_notice_arrives_and_a_repeat_is_the_same_message(
        self,
        article: Article,
        comment: Comment,
        sink: SmtpSink,
        monkeypatch: pytest.MonkeyPatch,
        where: str,
        mails: int,
    ) -> None:
        make_follow(article.site, ADA, article=article)
        planned(article, comment)
        self.crash(monkeypatch, where)
        assert states() == {ADA: "sending"}
        send()
        self.end_leases()
        send()
        assert states() == {ADA: "sent"}
        assert len(sink.messages) == mails
        assert len({message["Message-ID"] for message in sink.to(ADA)}) == 1

    @pytest.mark.parametrize(("where", "mails"), [("_last_check", 0), ("_sent", 1)])
    def test_a_confirmation_is_never_repeated(
        self, article: Article, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch, where: str, mails: int
    ) -> None:
        follows.request_follow(article.site_id, ADA, of_article(article.pk), door="api")
        self.crash(monkeypatch, where)
        self.end_leases()
        send("confirm")
        assert (states(), len(sink.messages)) == ({ADA: "unknown"}, mails)

    def test_a_message_that_kills_its_workers_ends(
        self, article: Article, comment: Comment, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_follow(article.site, ADA, article=article)
        planned(article, comment)
        for _ in range(claims.MAX_ATTEMPTS):
            self.crash(monkeypatch, "letter_of")
            self.end_leases()
        assert states() == {ADA: "failed"}

    def test_who_lost_her_lease_sends_nothing_more(self, article: Article, comment: Comment, sink: SmtpSink) -> None:
        make_follow(article.site, ADA, article=article)
        planned(article, comment)
        (delivery,) = claims.claim("mail")
        Delivery.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
        look = dispatch._look_again(delivery)
        assert look is not None and not look.mine

    def test_a_worker_that_is_told_to_stop_gives_back_what_it_did_not_begin(
        self, article: Article, comment: Comment, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for email in (ADA, CY, "dee@example.org"):
            make_follow(article.site, email, article=article)
        planned(article, comment)
        sent = dispatch._sent

        def stopped(*args: Any) -> None:
            sent(*args)
            raise SystemExit

        monkeypatch.setattr(dispatch, "_sent", stopped)
        with pytest.raises(SystemExit):
            send()
        assert sorted(Delivery.objects.values_list("status", "attempts")) == [("queued", 0), ("queued", 0), ("sent", 1)]


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_send_each_message_once(sink: SmtpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "BATCH", 7)
    article = make_article()
    for number in range(60):
        make_follow(article.site, f"reader{number}@example.org", article=article)
    planned(article, make_comment(article))

    def work(_: int) -> None:
        try:
            send()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(sink.messages) == len({received.recipients[0] for received in sink.messages}) == 60
    assert set(states().values()) == {"sent"}
