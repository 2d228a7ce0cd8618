"""From claim to settled: every answer of a mail server, every crash, every change of mind before a message goes."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article
from comments.models import Comment
from project.addresses import email_key
from sharing import tasks
from sharing.models import Consent, Delivery, Follow, Notification, Suppression
from sharing.services import dispatch, follows, outbox
from sharing.services.fan_out import plan_next_page
from sharing.targets import of_article
from tests.factories import ADA, BEN, CY, make_article, make_comment, make_follow, make_member
from tests.processes import free_port
from tests.smtp_sink import SmtpSink


@pytest.fixture
def sink(smtp_sink: SmtpSink, settings: Settings) -> SmtpSink:
    """The mail server of this process's own sending."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", smtp_sink.port, 5
    return smtp_sink


@pytest.fixture
def article(db: None) -> Article:
    return make_article()


@pytest.fixture
def comment(article: Article) -> Comment:
    return make_comment(article)


def planned(article: Article, comment: Comment | None = None, kind: str = "comment") -> Notification:
    notification = outbox.note(
        kind=kind,
        cause_key=f"{kind}:{comment.pk if comment else article.pk}",
        site_id=article.site_id,
        article_id=article.pk,
        comment_id=comment.pk if comment else None,
    )
    assert notification is not None
    while plan_next_page(notification.pk):
        pass
    return notification


def send(queue: str = "mail") -> None:
    while dispatch.send_due(queue):
        pass


def states() -> dict[str, str]:
    return dict(Delivery.objects.values_list("address", "status"))


def words_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def make_due() -> None:
    Delivery.objects.filter(status="awaiting_retry").update(next_attempt_at=timezone.now() - timedelta(seconds=1))


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
        for _ in range(dispatch.MAX_ATTEMPTS):
            make_due()
            send()
            pauses.append((Delivery.objects.get().next_attempt_at - timezone.now()).total_seconds())
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.attempts) == ("failed", dispatch.MAX_ATTEMPTS)
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
        monkeypatch: pytest.MonkeyPatch,
        queue: str,
        state: str,
    ) -> None:
        if queue == "mail":
            self.follow_and_plan(article, comment, ADA)
        else:
            follows.request_follow(article.site_id, ADA, of_article(article.pk), door="api")
        data = smtplib.SMTP.data

        def broken(self: smtplib.SMTP, message: bytes) -> Any:
            data(self, message)
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")

        monkeypatch.setattr(smtplib.SMTP, "data", broken)
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


class Killed(BaseException):
    """Stands for SIGKILL: nothing that catches errors sees it."""


class TestCrashes:
    """A worker dies at each point; the lease ends; the sweep and another worker come."""

    def crash(self, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
        def killed(*args: Any, **kwargs: Any) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            # A killed process releases nothing either.
            patch.setattr(dispatch, "_release", lambda *args: None)
            patch.setattr(dispatch, where, killed)
            with pytest.raises(Killed):
                send("confirm" if Delivery.objects.filter(queue="confirm").exists() else "mail")

    def end_leases(self) -> None:
        assert dispatch.end_leases() == 0
        Delivery.objects.filter(status="sending").update(lease_until=timezone.now())
        dispatch.end_leases()
        dispatch.end_leases()

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
        for _ in range(dispatch.MAX_ATTEMPTS):
            self.crash(monkeypatch, "letter_of")
            self.end_leases()
        assert states() == {ADA: "failed"}

    def test_who_lost_her_lease_sends_nothing_more(self, article: Article, comment: Comment, sink: SmtpSink) -> None:
        make_follow(article.site, ADA, article=article)
        planned(article, comment)
        (delivery,) = dispatch._claim("mail")
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
    monkeypatch.setattr(dispatch, "BATCH", 7)
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


class TestTasks:
    """The tasks as functions: what they wake, and that a second run does nothing more."""

    @pytest.fixture
    def woken(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        from project.doorbell import Doorbell

        rung: list[str] = []
        monkeypatch.setattr(Doorbell, "wake", lambda self, *args: rung.append(self.name.rpartition(".")[2]))
        return rung

    def test_the_sweep_finds_everything_that_nobody_was_woken_for(
        self, article: Article, comment: Comment, sink: SmtpSink, woken: list[str]
    ) -> None:
        tasks.sweep()
        assert woken == []
        make_follow(article.site, ADA, article=article)
        follows.request_follow(article.site_id, CY, of_article(article.pk), door="api")
        notification = outbox.note(
            kind="comment", cause_key="c", site_id=article.site_id, article_id=article.pk, comment_id=comment.pk
        )
        assert notification is not None
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
        self, article: Article, comment: Comment, sink: SmtpSink, woken: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_follow(article.site, ADA, article=article)
        planned(article, comment)
        monkeypatch.setattr(tasks, "TURN", -1.0)
        tasks.deliver_mail()
        assert woken == ["deliver_mail"]

    def test_tasks_about_what_is_gone_return(self, db: None, sink: SmtpSink, woken: list[str]) -> None:
        tasks.fan_out(10**12)
        tasks.deliver_mail()
        tasks.prune()
