"""Answers by mail become comments: from the message that a follower got, through every way in, by all rules."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article
from comments.models import Comment, Reader
from comments.selectors.person import person_of
from project.addresses import email_key
from sharing.models import Delivery, Follow, MailReply, Notification, Suppression
from sharing.replies import read_reply
from sharing.selectors.person import held_about
from sharing.services.erasure import erase_person
from sharing.services.fan_out import plan_next_page
from sharing.services.replies import PER_HOUR, Outcome, prune_replies, take_reply
from tests.answers import AUTOMATIC, HTML, PLAIN, SAID
from tests.factories import (
    ADA,
    BEN,
    CY,
    make_article,
    make_comment,
    make_follow,
    make_member,
    make_reader,
    make_site,
)
from tests.mailing import article, planned, send, sink, words_of
from tests.smtp_sink import SmtpSink

__all__ = ["article", "sink"]

DORA = "dora@example.org"


@pytest.fixture(autouse=True)
def reply_address(settings: Settings) -> None:
    settings.REPLY_ADDRESS = "reply@replies.example.org"


@pytest.fixture
def told(article: Article) -> Comment:
    """A comment of Cy's."""
    return make_comment(article, author_email=CY, author_name="Cy")


@pytest.fixture
def got(article: Article, told: Comment, sink: SmtpSink) -> EmailMessage:
    """What Ben, who follows the article, was sent about it."""
    make_follow(article.site, BEN, article=article)
    return a_mail(told, sink)


def a_mail(told: Comment, sink: SmtpSink, to: str = BEN) -> EmailMessage:
    planned(told.article, told)
    send()
    return sink.to(to)[-1]


def answer(got: EmailMessage, text: str = SAID, *, html: str = "", number: int = 1, **headers: str) -> bytes:
    """What the mail program of whoever got a message makes of her answer."""
    message = EmailMessage()
    message["From"], message["To"] = f"Ben Writer <{got['To']}>", got["Reply-To"]
    message["Subject"], message["Message-ID"] = f"Re: {got['Subject']}", f"<{number}@mail.example.org>"
    message["In-Reply-To"] = message["References"] = got["Message-ID"]
    message.set_content(html or text, subtype="html" if html else "plain")
    for name, value in headers.items():
        del message[name.replace("_", "-")]
        message[name.replace("_", "-")] = value
    return message.as_bytes()


def take(raw: bytes) -> Outcome:
    return take_reply(read_reply(raw))


def posted(told: Comment) -> Comment:
    return Comment.objects.get(parent=told)


def rest_of(told: Comment) -> list[Comment]:
    return list(Comment.objects.filter(article=told.article).exclude(pk=told.pk))


def test_the_mail_can_be_answered_and_says_so(got: EmailMessage, settings: Settings) -> None:
    local, _, host = str(got["Reply-To"]).partition("@")
    assert (local[:6], len(local), host) == ("reply+", 6 + 42, "replies.example.org")
    assert "Answer this mail, and what you write is posted as a comment." in words_of(got)
    html = got.get_body(("html",))
    assert html is not None and "Answer this mail" in html.get_content()


def test_nothing_but_mails_about_comments_can_be_answered(article: Article, sink: SmtpSink) -> None:
    make_member(article.site, DORA)
    make_follow(article.site, BEN)
    planned(article, make_comment(article, status="pending", author_email=CY), kind="held")
    planned(article, kind="article")
    send()
    assert {received.message["Reply-To"] for received in sink.messages} == {None}
    assert len(sink.messages) == 2


@pytest.mark.parametrize("name", ["gmail", "outlook", "apple", "below", "japanese", "not marked at all"])
def test_an_answer_becomes_a_comment_below_the_one_it_answers(told: Comment, got: EmailMessage, name: str) -> None:
    assert take(answer(got, PLAIN[name])) == Outcome.POSTED
    comment = posted(told)
    assert (comment.source, comment.status, comment.depth) == (SAID, "approved", 1)
    assert (comment.author_name, comment.author_email, comment.reader) == ("Ben Writer", BEN, None)
    assert comment.author_key == email_key(BEN)
    assert "<strong>again</strong>" in comment.html


def test_what_the_sent_message_itself_becomes_when_it_is_quoted_is_left_out(told: Comment, got: EmailMessage) -> None:
    words = words_of(got)
    html = got.get_body(("html",))
    assert html is not None
    quoted = "\n".join(f"> {line}" for line in words.splitlines())
    attribution = "23.11.2026 10:05, Daily News <afterword@news.example.org> kirjoitti:"
    for number, text in enumerate((f"{SAID}\n\n{attribution}\n\n{words}", f"{SAID}\n\n{attribution}\n{quoted}")):
        assert read_reply(answer(got, text, number=number)).text == SAID
    said = SAID.replace("\n", "<br>")
    in_html = f"<div>{said}</div><div><b>Lähettäjä:</b> a<br><b>Aihe:</b> b</div>{html.get_content()}"
    assert read_reply(answer(got, html=in_html)).text == SAID


def test_everybody_else_is_told_of_it_and_she_is_not(told: Comment, got: EmailMessage, sink: SmtpSink) -> None:
    make_follow(told.site, DORA, article=told.article)
    assert take(answer(got, html=HTML["gmail"])) == Outcome.POSTED
    notification = Notification.objects.get(cause_key__startswith=f"comment:{posted(told).pk}:")
    while plan_next_page(notification.pk):
        pass
    send()
    assert len(sink.to(BEN)) == 1
    assert "Ben Writer" in words_of(sink.to(DORA)[-1])
    # It goes on: the next may be answered as well.
    assert take(answer(sink.to(DORA)[-1], "And I do.", From=f"Dora <{DORA}>")) == Outcome.POSTED
    assert Comment.objects.get(parent=posted(told)).author_name == "Dora"


def test_the_same_mail_is_posted_once(told: Comment, got: EmailMessage) -> None:
    raw = answer(got)
    assert [take(raw), take(raw), take(answer(got, "Other words, same mail."))] == [
        Outcome.POSTED,
        Outcome.KNOWN,
        Outcome.KNOWN,
    ]
    assert take(answer(got, "More.", number=2)) == Outcome.POSTED
    assert [comment.source for comment in rest_of(told)] == [SAID, "More."]
    nameless = answer(got, "No id.").replace(b"Message-ID: <1@mail.example.org>\n", b"")
    assert [take(nameless), take(nameless)] == [Outcome.POSTED, Outcome.KNOWN]


@pytest.mark.parametrize("name", AUTOMATIC)
def test_machines_are_not_listened_to(told: Comment, got: EmailMessage, name: str) -> None:
    header, value = AUTOMATIC[name]
    assert take(answer(got, **{header: value})) == Outcome.AUTOMATIC
    assert rest_of(told) == []


def test_an_answer_without_words_is_none(told: Comment, got: EmailMessage) -> None:
    assert take(answer(got, "> all\n> quoted\n")) == Outcome.EMPTY
    assert rest_of(told) == []


NOT_HERS = [
    CY,
    "Ben <ben@evil.example>",
    "",
    "ben",
    f"{CY}, {BEN}",
    f"{BEN}, {CY}",
    f'"{BEN}" <{CY}>',
    f"{BEN}\nFrom: {CY}",
    "M <m@x>",
]


@pytest.mark.parametrize("sender", NOT_HERS)
def test_the_token_alone_does_not_let_others_write(told: Comment, got: EmailMessage, sender: str) -> None:
    raw = answer(got).replace(f"From: Ben Writer <{BEN}>".encode(), f"From: {sender}".encode())
    assert b"Ben Writer" not in raw
    assert take(raw) == Outcome.FOREIGN
    assert rest_of(told) == []


def test_her_address_in_other_letters_is_hers(told: Comment, got: EmailMessage) -> None:
    assert take(answer(got, From=f"Ben <{BEN.upper()}>")) == Outcome.POSTED


def test_a_token_of_another_site_acts_there_alone(told: Comment, got: EmailMessage, sink: SmtpSink) -> None:
    elsewhere = make_comment(make_article(make_site()), author_email=CY)
    make_follow(elsewhere.site, BEN, article=elsewhere.article)
    assert take(answer(a_mail(elsewhere, sink))) == Outcome.POSTED
    assert rest_of(told) == []
    assert posted(elsewhere).site == elsewhere.site


def test_a_reader_writes_under_her_own_name(told: Comment, got: EmailMessage) -> None:
    reader = make_reader(told.site, BEN, name="Benedict")
    assert take(answer(got)) == Outcome.POSTED
    comment = posted(told)
    assert (comment.author_name, comment.reader, comment.author_role) == ("Benedict", reader, "verified")


def test_the_author_of_an_article_and_who_works_for_the_site_are_known(article: Article, sink: SmtpSink) -> None:
    Article.objects.filter(pk=article.pk).update(author_email=ADA, author_name="Ada")
    article.refresh_from_db()
    told = make_comment(article, author_email=CY)
    assert take(answer(a_mail(told, sink, ADA), From=f"Ada <{ADA}>")) == Outcome.POSTED
    assert (posted(told).author_role, posted(told).author_name) == ("author", "Ada")
    make_member(article.site, DORA, role="owner")
    make_follow(article.site, DORA, article=article)
    second = make_comment(article, author_email=CY)
    assert take(answer(a_mail(second, sink, DORA))) == Outcome.POSTED
    assert (posted(second).author_role, Reader.objects.count()) == ("staff", 2)


@pytest.mark.parametrize("name", ["Benedict", "=?utf-8?q??=", BEN, "a" * 99, "\u200b"])
def test_a_name_that_is_none_or_anothers_is_not_used(told: Comment, got: EmailMessage, name: str) -> None:
    make_reader(told.site, CY, name="Benedict")
    assert take(answer(got, From=f"{name} <{BEN}>" if "@" not in name else BEN)) == Outcome.POSTED
    called = posted(told).author_name
    assert called == "Reader" if len(name) < 90 else len(called) <= 60


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"moderation": "all"}, SAID),
        ({"moderation": "newcomers"}, SAID),
        ({"held_words": ["agree"]}, SAID),
        ({"max_links": 0}, "See https://x.example"),
    ],
)
def test_the_rules_of_the_site_hold_it(told: Comment, got: EmailMessage, rules: dict[str, Any], said: str) -> None:
    type(told.site).objects.filter(pk=told.site_id).update(**rules)
    assert take(answer(got, said)) == Outcome.HELD
    assert posted(told).status == "pending"


def close(told: Comment) -> None:
    Article.objects.filter(pk=told.article_id).update(comments_open=False)


def send_guests_off(told: Comment) -> None:
    type(told.site).objects.filter(pk=told.site_id).update(guests=False)


def make_it_short(told: Comment) -> None:
    type(told.site).objects.filter(pk=told.site_id).update(max_length=5)


def remove(told: Comment) -> None:
    Comment.objects.filter(pk=told.pk).update(status="removed")


def hide(told: Comment) -> None:
    Article.objects.filter(pk=told.article_id).update(visibility="hidden")


def unfollow(told: Comment) -> None:
    Follow.objects.update(status="unsubscribed")


def suppress(told: Comment) -> None:
    Suppression.objects.create(site=told.site, address_key=email_key(BEN), kind="complaint")


def wait(told: Comment) -> None:
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=30, minutes=1))


def erase(told: Comment) -> None:
    erase_person(person_of(told.site, BEN), patience=0)


def delete(told: Comment) -> None:
    Delivery.objects.all().delete()


@pytest.mark.parametrize(
    ("happens", "outcome"),
    [
        (close, Outcome.BY_THE_RULES),
        (send_guests_off, Outcome.BY_THE_RULES),
        (make_it_short, Outcome.BY_THE_RULES),
        (remove, Outcome.GONE),
        (hide, Outcome.GONE),
        (unfollow, Outcome.UNWANTED),
        (suppress, Outcome.UNWANTED),
        (wait, Outcome.TOO_LATE),
        (erase, Outcome.UNKNOWN),
        (delete, Outcome.UNKNOWN),
    ],
)
def test_what_has_changed_since_refuses_it_without_a_word_back(
    told: Comment, got: EmailMessage, sink: SmtpSink, happens: Callable[[Comment], None], outcome: Outcome
) -> None:
    happens(told)
    before = len(sink.messages)
    assert take(answer(got)) == outcome
    assert rest_of(told) == []
    assert not MailReply.objects.exists()
    send()
    assert len(sink.messages) == before


def test_a_refused_mail_may_come_again(told: Comment, got: EmailMessage) -> None:
    close(told)
    assert take(answer(got)) == Outcome.BY_THE_RULES
    Article.objects.update(comments_open=True)
    assert take(answer(got)) == Outcome.POSTED


def test_an_address_writes_twenty_an_hour(told: Comment, got: EmailMessage) -> None:
    for number in range(PER_HOUR):
        assert take(answer(got, f"Number {number}", number=number)) == Outcome.POSTED
    assert take(answer(got, "One more", number=99)) == Outcome.TOO_MANY
    MailReply.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    assert take(answer(got, "One more", number=99)) == Outcome.POSTED


def test_she_is_shown_what_is_kept_and_it_goes_with_her_and_with_time(told: Comment, got: EmailMessage) -> None:
    take(answer(got))
    person = person_of(told.site, BEN)
    assert len(held_about(person)["mail_replies"]) == 1
    assert erase_person(person, patience=0)["rows"]["mail_replies"] == 1
    assert take(answer(got, number=2)) == Outcome.UNKNOWN
    MailReply.objects.create(site=told.site, address_key="a", message_key="a")
    prune_replies()
    assert MailReply.objects.count() == 1
    MailReply.objects.update(created_at=timezone.now() - timedelta(days=31))
    prune_replies()
    assert not MailReply.objects.exists()


Pipe = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def pipe(beside: dict[str, str]) -> Pipe:
    """Hand a message to the command, as a mail server does."""

    def run(raw: bytes, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "manage.py", "receive_mail", *arguments],
            input=raw,
            env={**beside, "REPLY_ADDRESS": "reply@replies.example.org", **variables},
            cwd=Path(__file__).resolve().parent.parent.parent,
            capture_output=True,
            timeout=120,
        )

    return run


@pytest.mark.live
def test_a_mail_server_hands_answers_over_by_a_pipe(transactional_db: None, sink: SmtpSink, pipe: Pipe) -> None:
    told = make_comment(make_article(), author_email=CY)
    make_follow(told.site, BEN, article=told.article)
    got = a_mail(told, sink)
    address = str(got["Reply-To"])
    forged = address.replace("+", "+a", 1)
    large = BytesParser(policy=policy.default).parsebytes(answer(got, "With a picture.", number=3))
    large.add_attachment(b"\0" * 3_000_000, maintype="image", subtype="jpeg", filename="a.jpg")
    runs: list[tuple[tuple[Any, ...], bytes]] = [
        ((answer(got, PLAIN["german"]),), b"posted"),
        ((answer(got),), b"known already"),
        ((answer(got, "By recipient.", number=2, To="a@b.example"), address), b"posted"),
        ((large.as_bytes(),), b"posted"),
        ((answer(got, Auto_Submitted="auto-replied"),), b"a machine"),
        ((answer(got, To=forged),), b"did not make"),
        ((answer(got, From=CY),), b"another address"),
        ((b"\xff" * 2_000_000, address), b"ignored: its headers"),
    ]
    for arguments, words in runs:
        ended = pipe(*arguments)
        assert (ended.returncode, words in ended.stdout) == (os.EX_OK, True), ended
    said = {comment.source for comment in Comment.objects.filter(parent=told)}
    assert said == {SAID, "By recipient.", "With a picture."}
    away = pipe(answer(got, number=9), DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert (away.returncode, b"try again" in away.stderr) == (os.EX_TEMPFAIL, True), away
    same = pipe(answer(got), BOUNCE_ADDRESS="reply@replies.example.org")
    assert (same.returncode, b"BOUNCE_ADDRESS" in same.stderr) == (os.EX_TEMPFAIL, True), same
