"""From claim to settled: every answer of a mail server, and every change of mind before a message goes."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article
from comments.models import Comment
from project.addresses import email_key
from sharing.models import Consent, Delivery, Follow, Suppression
from sharing.services import claims, dispatch, follows
from sharing.targets import of_article
from tests.factories import ADA, BEN, CY, make_article, make_comment, make_follow, make_member
from tests.mailing import article, comment, make_due, planned, send, sink, states, words_of
from tests.processes import free_port
from tests.smtp_sink import SmtpSink

__all__ = ["article", "comment", "sink"]


class TestSending:
    def test_each_recipient_gets_one_message(self, article: Article, comment: Comment, sink: SmtpSink) -> None:
        for email in (ADA, CY):
            make_follow(article.site, email, article=article)
        planned(article, comment)
        send()
        send()
        assert sorted(received.recipients[0] for received in sink.messages) == [ADA, CY]
        assert states() == {ADA: "sent", CY: "sent"}
        delivery = Delivery.objects.get(address=ADA)
        assert (delivery.attempts, delivery.lease_until, delivery.settled_at is not None) == (1, None, True)
        assert sink.to(ADA)[0]["Message-ID"].startswith(f"<delivery-{delivery.token}@")

    def test_one_connection_carries_a_batch(
        self, article: Article, comment: Comment, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[int] = []
        connect = smtplib.SMTP.connect
        monkeypatch.setattr(smtplib.SMTP, "connect", lambda *a, **k: opened.append(1) or connect(*a, **k))
        for number in range(12):
            make_follow(article.site, f"reader{number}@example.org", article=article)
        planned(article, comment)
        send()
        assert (len(sink.messages), len(opened)) == (12, 1)

    def test_the_queues_do_not_touch_one_another(self, article: Article, comment: Comment, sink: SmtpSink) -> None:
        make_follow(article.site, ADA, article=article)
        planned(article, comment)
        follows.request_follow(article.site_id, CY, of_article(article.pk), door="api")
        send("confirm")
        assert [received.recipients for received in sink.messages] == [[CY]]
        assert states() == {ADA: "queued", CY: "sent"}

    def test_a_sent_confirmation_is_evidence(self, article: Article, sink: SmtpSink) -> None:
        follows.request_follow(article.site_id, CY, of_article(article.pk), door="api")
        send("confirm")
        row = Consent.objects.get(event="confirmation_sent")
        assert (row.address_key, row.target_kind, row.door, len(row.wording)) == (email_key(CY), "article", "mail", 64)

    def test_what_is_not_due_waits(self, article: Article, comment: Comment, sink: SmtpSink) -> None:
        make_follow(article.site, ADA, article=article)
        planned(article, comment)
        Delivery.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=1))
        send()
        assert not sink.messages


class TestLastCheck:
    """Whatever changed between planning and sending."""

    CHANGES: dict[str, Callable[[Article, Comment], object]] = {
        "unsubscribed": lambda article, comment: Follow.objects.update(status="unsubscribed"),
        "erased": lambda article, comment: Follow.objects.all().delete(),
        "suppressed": lambda article, comment: Suppression.objects.create(
            site=article.site, address_key=email_key(ADA), kind="complaint"
        ),
        "comment removed": lambda article, comment: Comment.objects.update(status="removed"),
        "article hidden": lambda article, comment: Article.objects.update(visibility="hidden"),
        "too late": lambda article, comment: Delivery.objects.update(expires_at=timezone.now()),
    }

    @pytest.mark.parametrize("change", CHANGES)
    def test_it_is_skipped(self, article: Article, comment: Comment, sink: SmtpSink, change: str) -> None:
        make_follow(article.site, ADA, article=article)
        planned(article, comment)
        self.CHANGES[change](article, comment)
        send()
        assert not sink.messages
        assert states() == {ADA: "skipped"}
        assert Delivery.objects.get().last_error

    def test_a_second_follow_keeps_it_wanted_and_gives_the_reason(
        self, article: Article, comment: Comment, sink: SmtpSink
    ) -> None:
        near = make_follow(article.site, ADA, comment=comment)
        make_follow(article.site, ADA, article=article)
        planned(article, make_comment(article, comment))
        Follow.objects.filter(pk=near.pk).update(status="unsubscribed")
        send()
        assert "you follow the comments on this article" in words_of(sink.to(ADA)[0])

    def test_edited_words_are_sent_as_they_are_now(self, article: Article, comment: Comment, sink: SmtpSink) -> None:
        make_follow(article.site, ADA, article=article)
        planned(article, comment)
        Comment.objects.update(text="Corrected.", html="<p>Corrected.</p>", revision=2)
        send()
        assert "Corrected." in words_of(sink.to(ADA)[0])

    def test_members_and_authors(self, sink: SmtpSink, db: None) -> None:
        article = make_article(author_email=ADA)
        held = make_comment(article, status="pending", author_email="")
        member = make_member(article.site, CY)
        planned(article, held, "held")
        planned(article, make_comment(article))
        member.delete()
        article.author_email = BEN
        article.save()
        send()
        assert (states(), sink.messages) == ({ADA: "skipped", CY: "skipped"}, [])

    def test_a_decided_comment_is_no_news_to_members(self, article: Article, sink: SmtpSink) -> None:
        held = make_comment(article, status="pending")
        make_member(article.site, CY)
        planned(article, held, "held")
        Comment.objects.update(status="rejected")
        send()
        assert (states(), sink.messages) == ({CY: "skipped"}, [])

    def test_a_confirmation_after_the_follow_was_confirmed_or_ended(self, article: Article, sink: SmtpSink) -> None:
        follows.request_follow(article.site_id, CY, of_article(article.pk), door="api")
        Follow.objects.update(status="confirmed", confirmed_at=timezone.now())
        send("confirm")
        assert (states(), sink.messages) == ({CY: "skipped"}, [])


class TestAnswers:
    def follow_and_plan(self, article: Article, comment: Comment, *emails: str) -> None:
        for email in emails:
            make_follow(article.site, email, article=article)
        planned(article, comment)

    def test_a_recipient_refused_for_ever(self, article: Article, comment: Comment, sink: SmtpSink) -> None:
        sink.refuse[ADA] = "550 5.1.1 unknown"
        self.follow_and_plan(article, comment, ADA, CY)
        send()
        make_due()
        send()
        assert states() == {ADA: "failed", CY: "sent"}
        assert "550" in Delivery.objects.get(address=ADA).last_error

    def test_a_temporary_refusal_is_tried_again_with_the_same_message_id(
        self, article: Article, comment: Comment, sink: SmtpSink
    ) -> None:
        answers = ["451 4.3.0 later", None]
        sink.after_data = lambda recipients: answers.pop(0)
        self.follow_and_plan(article, comment, ADA)
        send()
        waiting = Delivery.objects.get()
        assert (waiting.status, waiting.attempts, len(sink.messages)) == ("awaiting_retry", 1, 0)
        pause = waiting.next_attempt_at - timezone.now()
        assert timedelta(seconds=10) < pause <= timedelta(seconds=30)
        send()
        assert not sink.messages
        make_due()
        send()
        assert states() == {ADA: "sent"}
        assert sink.to(ADA)[0]["Message-ID"].startswith(f"<delivery-{waiting.token}@")

    def test_pauses_grow_and_end(self, article: Article, comment: Comment, sink: SmtpSink) -> None:
        sink.refuse[ADA] = "450 4.2.0 busy"
        self.follow_and_plan(article, comment, ADA)
        pauses = []
        for _ in range(claims.MAX_ATTEMPTS):
            make_due()
            send()
            pauses.append((Delivery.objects.get().next_attempt_at - timezone.now()).total_seconds())
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.attempts) == ("failed", claims.MAX_ATTEMPTS)
        assert pauses[0] <= 30 and pauses[4] > 200 and max(pauses) <= dispatch.LONGEST_PAUSE

    def test_a_server_that_hangs_up_is_called_again_for_the_next(
        self, article: Article, comment: Comment, sink: SmtpSink
    ) -> None:
        sink.refuse[ADA] = "421 4.3.2 closing"
        self.follow_and_plan(article, comment, ADA, CY)
        send()
        assert states() == {ADA: "awaiting_retry", CY: "sent"}

    def test_an_unreachable_server_loses_nothing_and_counts_no_attempts(
        self, article: Article, comment: Comment, sink: SmtpSink, settings: Settings
    ) -> None:
        self.follow_and_plan(article, comment, ADA, CY)
        settings.EMAIL_PORT = free_port()
        for _ in range(3):
            assert dispatch.send_due("mail") is False
        assert set(Delivery.objects.values_list("status", "attempts")) == {("queued", 0)}
        settings.EMAIL_PORT = sink.port
        send()
        assert states() == {ADA: "sent", CY: "sent"}

    @pytest.mark.parametrize(("queue", "state"), [("mail", "awaiting_retry"), ("confirm", "unknown")])
    def test_a_line_that_breaks_in_the_middle(
        self,
        article: Article,
        comment: Comment,
        sink: SmtpSink,
        queue: str,
        state: str,
    ) -> None:
        if queue == "mail":
            self.follow_and_plan(article, comment, ADA)
        else:
            follows.request_follow(article.site_id, ADA, of_article(article.pk), door="api")
        sink.hangs_up = True
        send(queue)
        assert states() == {ADA: state}
        assert len(sink.messages) == 1

    def test_a_message_that_cannot_be_written_does_not_stop_the_others(
        self, article: Article, comment: Comment, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.follow_and_plan(article, comment, ADA, CY)
        write = dispatch.letter_of

        def fails_for_ada(delivery: Delivery, *args: Any) -> Any:
            if delivery.address == ADA:
                raise ValueError("a fault of ours")
            return write(delivery, *args)

        monkeypatch.setattr(dispatch, "letter_of", fails_for_ada)
        send()
        assert states() == {ADA: "awaiting_retry", CY: "sent"}
