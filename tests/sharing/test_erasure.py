"""Whoever asks to be forgotten is forgotten everywhere; whoever asks what is known of her is told all of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, IdempotencyRecord, Site
from comments.models import Comment, Identity, Mute, Reader, ReaderSession, Report, Revision, Vote
from comments.selectors import read_thread
from comments.selectors.person import person_of
from project.addresses import email_key
from project.mailbox import EmailBackend
from project.tokens import new_voter_token
from sharing.models import Consent, Delivery, Follow, Follower, Suppression
from sharing.services import dispatch
from sharing.services.erasure import erase_person
from sharing.services.fan_out import plan_next_page
from tests.comments.invariants import check_site
from tests.dump import dump_of_database, dump_of_valkey
from tests.factories import ADA, CY, make_article, make_comment, make_follow, make_site
from tests.mailing import article, comment, noted, planned, send, sink, words_of
from tests.smtp_sink import SmtpSink

__all__ = ["article", "comment", "sink"]

WHO, SAYS = "zq7who", "zq7says"
EMAIL = f"Ben.{WHO}@example.org"
RETRY = "a-key-of-the-canary"


def call(method: str, path: str, body: Any, **headers: str) -> dict[str, Any]:
    answer = Client().generic(method, path, json.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code < 300, answer.content
    return dict(json.loads(answer.content)) if answer.content else {}


def post(article: Article, body: str, **headers: str) -> dict[str, Any]:
    author = {"name": f"Name {WHO}", "email": EMAIL, "url": f"https://{WHO}.example/"}
    page = {"site": article.site.slug, "url": article.url}
    return call("POST", "/api/v1/comments", {**page, "body": body, "author": author, "follow": "article"}, **headers)


def make_person(article: Article, other: Comment) -> Comment:
    """Somebody of whom everything is known that can be known; all of it has WHO in it, her texts SAYS."""
    voter = {"X-Afterword-Voter": new_voter_token()}
    posted = post(article, f"First {SAYS}.", **voter, **{"Idempotency-Key": RETRY})
    token = {"Authorization": f"Bearer {posted['edit_token']}"}
    call("PATCH", f"/api/v1/comments/{posted['id']}", {"body": f"Second {SAYS}."}, **token)
    call("PUT", f"/api/v1/comments/{other.pk}/vote", {"value": 1}, **voter)
    call("POST", f"/api/v1/comments/{other.pk}/reports", {"reason": "other", "detail": f"I am {WHO}."}, **voter)
    site = article.site
    texts = {f.name: WHO for f in Reader._meta.concrete_fields if isinstance(f, (models.CharField, models.TextField))}
    reader = Reader.objects.create(site=site, **texts | {"address": EMAIL, "address_key": email_key(EMAIL)})
    Identity.objects.create(site=site, reader=reader, provider="sso", subject=WHO)
    soon = timezone.now()
    ReaderSession.objects.create(site=site, reader=reader, digest="d", method="mail", label=WHO, expires_at=soon)
    Mute.objects.create(site=site, reader=reader, muted_key="guest:x", label=f"noise {WHO}")
    stranger = Reader.objects.create(site=site, name="Cy")
    Mute.objects.create(site=site, reader=stranger, muted_key=f"guest:{email_key(EMAIL)}", label=WHO)
    comment = Comment.objects.get(pk=posted["id"])
    make_comment(article, author_name=WHO, author_email="", reader=reader, body=SAYS)
    kind = ContentType.objects.get_for_model(Comment)
    staff = stranger_account()
    LogEntry.objects.create(
        user=staff, content_type=kind, object_id=comment.pk, object_repr=str(comment), action_flag=CHANGE
    )
    failed = Delivery(site=site, kind="comment", cause_key="old", target_key=email_key(EMAIL), address=EMAIL)
    failed.status, failed.last_error = "failed", f"550 {EMAIL} is unknown"
    failed.save()
    return comment


def stranger_account() -> Any:
    from django.contrib.auth.models import User

    return User.objects.create(username="staff")


def erase(site: Site, *options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("erase_person", EMAIL.upper(), "--site", site.slug, *options, stdout=out)
    return dict(json.loads(out.getvalue()))


def export(site: Site) -> dict[str, Any]:
    out = StringIO()
    call_command("export_person", EMAIL, "--site", site.slug, stdout=out)
    return dict(json.loads(out.getvalue()))


def lines_with(word: str) -> list[str]:
    return [line for line in dump_of_database().lower().splitlines() if word in line]


def tables_with(word: str) -> set[str]:
    return {line.partition(" ")[0] for line in lines_with(word)}


PLACES = {
    "articles_idempotencyrecord",
    "comments_comment",
    "comments_identity",
    "comments_mute",
    "comments_reader",
    "comments_readersession",
    "comments_report",
    "django_admin_log",
    "sharing_delivery",
    "sharing_follower",
}


class TestErasure:
    def test_nothing_is_left_of_her(
        self, article: Article, comment: Comment, broker_url: str, settings: Settings, tmp_path: Path
    ) -> None:
        settings.EMAIL_FILE_PATH = tmp_path
        make_person(article, comment)
        EmailBackend().send_messages([EmailMessage("Hello", "Words", "a@example.org", [EMAIL])])
        assert tables_with(WHO) == PLACES
        assert {"comments_comment", "comments_revision", "comments_searchentry"} <= tables_with(SAYS)
        receipt = erase(article.site, "--texts")
        assert lines_with(WHO) == []
        assert lines_with(SAYS) == []
        assert "zq7" not in dump_of_valkey(broker_url)
        assert list(tmp_path.iterdir()) == []
        # Her keyed hash is evidence of consent, keeps mail away, and names messages that were planned once.
        assert tables_with(email_key(EMAIL)) <= {"sharing_consent", "sharing_delivery", "sharing_suppression"}
        assert WHO not in json.dumps(receipt)
        assert (receipt["address_key"], receipt["texts"], receipt["unsettled"]) == (email_key(EMAIL), "erased", 0)
        expected = {"comments": 2, "revisions": 2, "votes": 1, "reports": 1, "readers": 1, "sessions": 1, "follows": 1}
        assert expected.items() <= receipt["rows"].items()
        check_site(article.site)

    def test_what_she_wrote_stays_without_a_name(self, article: Article, comment: Comment, broker_url: str) -> None:
        make_person(article, comment)
        version = read_thread(article).version
        erase(article.site)
        assert lines_with(WHO) == []
        shown = Comment.objects.filter(text__contains=SAYS)
        assert {(c.author_name, c.status, c.reader_id, c.network_key, c.voter_key) for c in shown} == {
            ("Former reader", "approved", None, "", "")
        }
        assert Revision.objects.filter(source__contains=SAYS).count() == 2
        # Both comments say so at once, whatever was kept of the thread.
        page = read_thread(article)
        assert page.version == version + 2
        assert [branch.comment.author_name for branch in page.branches].count("Former reader") == 2
        comment.refresh_from_db()
        assert (comment.up, Vote.objects.count(), Report.objects.get().detail) == (1, 1, "")
        check_site(article.site)

    def test_her_tokens_and_keys_open_nothing_any_more(
        self, article: Article, comment: Comment, broker_url: str
    ) -> None:
        posted = post(article, SAYS, **{"Idempotency-Key": RETRY})
        erase(article.site)
        token = {"Authorization": f"Bearer {posted['edit_token']}"}
        answer = Client().delete(f"/api/v1/comments/{posted['id']}", headers=token)
        assert answer.status_code == 403
        again = post(article, SAYS, **{"Idempotency-Key": RETRY})
        assert (again["id"], again["author"], "edit_token" in again) == (posted["id"], None, False)
        assert IdempotencyRecord.objects.count() == 1

    def test_a_second_run_finds_nothing_more(self, article: Article, comment: Comment, broker_url: str) -> None:
        make_person(article, comment)
        erase(article.site, "--texts")
        before = dump_of_database()
        receipt = erase(article.site, "--texts")
        assert not any(receipt["rows"].values()), receipt
        assert dump_of_database() == before

    def test_others_and_other_sites_keep_what_is_theirs(
        self, article: Article, comment: Comment, broker_url: str
    ) -> None:
        elsewhere = make_article()
        post(elsewhere, SAYS)
        make_follow(article.site, CY, article=article)
        make_person(article, comment)
        erase(article.site, "--texts")
        comment.refresh_from_db()
        assert (comment.author_name, comment.status) == ("Ben", "approved")
        assert Follower.objects.filter(site=article.site).get().address == CY
        assert Comment.objects.get(article=elsewhere).author_email.lower() == EMAIL.lower()
        assert Follower.objects.filter(site=elsewhere.site).exists()

    def test_what_belongs_to_the_publisher_is_counted(self, article: Article, comment: Comment) -> None:
        make_article(article.site, author_email=EMAIL)
        assert erase(article.site)["left"] == {"articles": 1, "members": 0}

    @pytest.mark.parametrize("arguments", [("nobody", "--site", "{slug}"), (ADA, "--site", "nowhere")])
    @pytest.mark.parametrize("command", ["erase_person", "export_person"])
    def test_no_address_and_no_site_are_refused(
        self, article: Article, command: str, arguments: tuple[str, ...]
    ) -> None:
        with pytest.raises(CommandError) as refused:
            call_command(command, *(part.format(slug=article.site.slug) for part in arguments))
        assert refused.value.returncode == 2


class TestExport:
    def test_it_has_everything_and_no_secret(self, article: Article, comment: Comment, broker_url: str) -> None:
        make_person(article, comment)
        held = export(article.site)
        empty = {name for name, value in held.items() if not value}
        assert empty == {"digests", "mail_events", "mail_replies", "notices", "suppressions"}
        assert held["reader"]["name"] == WHO
        assert [[r["source"] for r in c["revisions"]] for c in held["comments"]] == [
            [f"First {SAYS}.", f"Second {SAYS}."],
            [],
        ]
        assert [vote["comment_id"] for vote in held["votes"]] == [comment.pk]
        assert held["reports"][0]["detail"] == f"I am {WHO}."
        assert [step["event"] for step in held["consents"]] == ["requested"]
        assert len(held["deliveries"]) == 2
        written = json.dumps(held)
        digests = [email_key(EMAIL), *Comment.objects.exclude(voter_key="").values_list("voter_key", flat=True)]
        assert not [digest for digest in digests if digest in written]

    def test_after_erasure_it_is_empty(self, article: Article, comment: Comment, broker_url: str) -> None:
        make_person(article, comment)
        erase(article.site)
        held = export(article.site)
        assert WHO not in json.dumps(held).replace(EMAIL.lower(), "")
        assert not held["comments"]
        assert not held["votes"]
        assert [row["kind"] for row in held["suppressions"]] == ["manual"]

    def test_a_file_is_made_for_its_owner_only_and_never_written_over(self, article: Article, tmp_path: Path) -> None:
        file = tmp_path / "person.json"
        call_command("export_person", EMAIL, "--site", article.site.slug, "--output", str(file))
        assert json.loads(file.read_text())["site"] == article.site.slug
        assert file.stat().st_mode & 0o777 == 0o600
        with pytest.raises(CommandError):
            call_command("export_person", EMAIL, "--site", article.site.slug, "--output", str(file))


class TestMailMeanwhile:
    def test_what_was_planned_is_not_sent(self, article: Article, comment: Comment, sink: SmtpSink) -> None:
        make_follow(article.site, EMAIL, article=article)
        planned(article, comment)
        receipt = erase_person(person_of(article.site, EMAIL))
        send()
        assert sink.messages == []
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.address, receipt["rows"]["cancelled"]) == ("skipped", "", 1)

    def test_what_is_planned_later_is_not_sent(self, article: Article, comment: Comment, sink: SmtpSink) -> None:
        article.author_email = EMAIL
        article.save()
        make_follow(article.site, EMAIL, article=article)
        notification = noted(article, comment)
        erase_person(person_of(article.site, EMAIL))
        while plan_next_page(notification.pk):
            pass
        send()
        assert sink.messages == []
        assert not Delivery.objects.exists()

    def test_a_batch_that_was_claimed_before_does_not_name_her(
        self, article: Article, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The comment was read with the batch; she is erased before the first message of it is begun."""
        hers = make_comment(article, author_name=WHO, author_email=EMAIL)
        make_follow(article.site, CY, article=article)
        planned(article, hers)
        claim = dispatch.claim

        def erased_meanwhile(queue: str) -> list[Delivery]:
            batch = claim(queue)
            if batch:
                assert erase_person(person_of(article.site, EMAIL), patience=0)["unsettled"] == 1
            return batch

        monkeypatch.setattr(dispatch, "claim", erased_meanwhile)
        send()
        (message,) = sink.to(CY)
        assert "Former reader" in words_of(message)
        assert all(WHO not in part.get_content() for part in message.iter_parts())
        assert WHO not in str(message.items())


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.django_db(transaction=True)
class TestBesideOthers:
    """Real connections, each in its own transaction."""

    def test_a_message_on_its_way_is_waited_for(self, sink: SmtpSink) -> None:
        article = make_article()
        comment = make_comment(article)
        make_follow(article.site, EMAIL, article=article)
        planned(article, comment)
        asked, told = threading.Event(), threading.Event()

        def slow(_: list[str]) -> str | None:
            asked.set()
            told.wait(10)
            return None

        sink.after_data = slow
        sender = beside(send)
        assert asked.wait(10)
        receipts: list[dict[str, Any]] = []
        eraser = beside(lambda: receipts.append(erase_person(person_of(article.site, EMAIL))))
        eraser.join(1)
        assert not receipts
        told.set()
        sender.join(20)
        eraser.join(20)
        assert (receipts[0]["unsettled"], Delivery.objects.get().status) == (0, "sent")
        assert lines_with(WHO) == []

    def test_a_fan_out_that_saw_her_leaves_no_address(self) -> None:
        """It plans for many; she goes while it does, whichever of the two is first."""
        article = make_article(make_site(mails_per_thread=0))
        for round_ in range(6):
            comment = make_comment(article)
            for number in range(40):
                make_follow(article.site, f"r{number}@example.org", article=article) if round_ == 0 else None
            make_follow(article.site, EMAIL, article=article)
            notification = noted(article, comment)
            begin = threading.Barrier(2)

            def plan(pk: int = notification.pk, begin: threading.Barrier = begin) -> None:
                begin.wait(10)
                plan_next_page(pk)

            def erase_her(begin: threading.Barrier = begin) -> None:
                begin.wait(10)
                erase_person(person_of(article.site, EMAIL))

            workers = [beside(plan), beside(erase_her)]
            for worker in workers:
                worker.join(20)
            Suppression.objects.all().delete()
            # One that met her absence in the middle is done again by the sweep.
            while plan_next_page(notification.pk):
                pass
            assert lines_with(WHO) == []
            others = Delivery.objects.filter(notification=notification).exclude(target_key=email_key(EMAIL))
            assert others.filter(why="follow").count() == 40
        assert Follow.objects.filter(status="confirmed").count() == 40
        assert Consent.objects.filter(door="erased", event="unsubscribed").count() == 6


def beside(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread
