"""What comes back of our messages: noted once, for whom it concerns, with what follows from it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article
from comments.selectors.person import person_of
from project import metrics
from sharing.models import Consent, Delivery, Follow, MailEvent, Suppression
from sharing.reports import MAX_BYTES
from sharing.selectors.person import held_about
from sharing.services.erasure import erase_person
from sharing.services.returns import Outcome, note_bounce, note_complaint, take_in
from sharing.verp import envelope_sender
from tests.factories import BEN, CY, make_article, make_comment, make_follow, make_member, make_site
from tests.mailing import article, comment, planned, send, sink, states
from tests.returned import SAMPLES, TOKEN, sample
from tests.smtp_sink import SmtpSink

__all__ = ["article", "comment", "sink"]

BOUNCES = "bounce@bounces.example.org"
Kind = MailEvent.Kind


@pytest.fixture(autouse=True)
def bounce_address(settings: Settings) -> None:
    settings.BOUNCE_ADDRESS = BOUNCES


@pytest.fixture
def sent(article: Article, sink: SmtpSink) -> Delivery:
    """A notice that Ben got."""
    return a_notice(article)


def a_notice(article: Article, email: str = BEN) -> Delivery:
    if not Follow.objects.filter(follower__address=email, site=article.site, article=article).exists():
        make_follow(article.site, email, article=article)
    comment = make_comment(article, author_email=CY)
    planned(article, comment)
    send()
    return Delivery.objects.get(notification__comment=comment, address=email)


def id_of(delivery: Delivery) -> str:
    return f"delivery-{delivery.token}@news.example.org"


def about(delivery: Delivery, name: str = "postfix", bounce: str | None = None) -> bytes:
    return sample(name, envelope_sender(delivery.token) if bounce is None else bounce, id_of(delivery))


def suppressions() -> list[tuple[str, str]]:
    return sorted(Suppression.objects.values_list("site__slug", "kind"))


def test_each_delivery_has_an_envelope_of_its_own_and_readers_see_the_site(sent: Delivery, sink: SmtpSink) -> None:
    received = sink.messages[0]
    assert received.sender == envelope_sender(sent.token) != BOUNCES
    assert "afterword@" in str(received.message["From"])
    assert BOUNCES.partition("@")[2] not in received.message.as_string()


def test_without_an_address_for_bounces_the_envelope_is_the_sender(
    article: Article, sink: SmtpSink, settings: Settings
) -> None:
    settings.BOUNCE_ADDRESS = ""
    a_notice(article)
    assert sink.messages[0].sender == settings.MAIL_FROM


@pytest.mark.parametrize("name", ["postfix", "exchange", "gmail", "utf8"])
def test_a_hard_bounce_ends_all_mail_to_the_address_on_that_site(
    sent: Delivery, name: str, article: Article, sink: SmtpSink
) -> None:
    assert take_in(about(sent, name)) == Outcome.NOTED
    event = sent.events.get()
    assert (event.kind, event.source, event.address_key) == ("hard", "dsn", sent.target_key)
    assert suppressions() == [(article.site.slug, "hard_bounce")]
    sent.refresh_from_db()
    assert sent.status == "sent"
    assert sent.last_error.startswith("Nothing will ever reach the address: 5")
    planned(article, make_comment(article, author_email=CY))
    send()
    assert len(sink.messages) == 1
    # Her follows are hers: an owner lifts the suppression, and they go on.
    assert Follow.objects.confirmed().count() == 1


def test_the_same_address_on_another_site_is_untouched(sent: Delivery, sink: SmtpSink) -> None:
    take_in(about(sent))
    assert a_notice(make_article(make_site())).status == "sent"


def test_a_repeated_report_changes_nothing_by_whatever_way_it_comes(sent: Delivery) -> None:
    outcomes = [take_in(about(sent, name)) for name in ("postfix", "postfix", "gmail")]
    outcomes.append(note_bounce(sent.token, Kind.HARD, source="brevo"))
    assert outcomes == [Outcome.NOTED, *[Outcome.KNOWN] * 3]
    assert MailEvent.objects.count() == Suppression.objects.count() == 1


def test_a_delay_says_why_and_nothing_follows(sent: Delivery) -> None:
    assert take_in(about(sent, "postfix_delayed")) == Outcome.NOTED
    sent.refresh_from_db()
    assert "4.4.1" in sent.last_error
    assert suppressions() == []


@pytest.mark.parametrize("name", ["yahoo_complaint", "outlook_complaint"])
def test_a_complaint_ends_everything_of_the_address_on_the_site(
    sent: Delivery, name: str, article: Article, sink: SmtpSink
) -> None:
    make_follow(article.site, tag="news")
    make_follow(article.site, CY, tag="news")
    make_follow(make_site(), tag="news")
    waiting = planned(article, kind="article")
    Delivery.objects.create(
        site=article.site, kind="article", cause_key="later", target_key=sent.target_key, address=BEN
    )
    assert take_in(about(sent, name)) == Outcome.NOTED
    hers = Follow.objects.filter(follower__address=BEN)
    assert set(hers.values_list("site__slug", "status")) == {
        (article.site.slug, "unsubscribed"),
        (hers.exclude(site=article.site).get().site.slug, "confirmed"),
    }
    assert Follow.objects.get(follower__address=CY).status == "confirmed"
    assert Consent.objects.filter(event="unsubscribed", door="complaint").count() == 2
    assert suppressions() == [(article.site.slug, "complaint")]
    cancelled = Delivery.objects.get(cause_key="later")
    assert (cancelled.status, cancelled.last_error) == ("skipped", "the recipient complained")
    assert waiting.pk
    assert take_in(about(sent, name)) == Outcome.KNOWN
    send()
    assert len(sink.to(BEN)) == 1


def test_a_complaint_may_come_before_the_delivery_and_the_bounce(sent: Delivery) -> None:
    assert note_complaint(sent.token, source="amazon_ses") == Outcome.NOTED
    assert note_bounce(sent.token, Kind.SOFT, source="amazon_ses") == Outcome.NOTED
    assert note_bounce(sent.token, Kind.DELIVERED, source="amazon_ses") == Outcome.NOTED
    assert suppressions() == [(sent.site.slug, "complaint")]


def soft(delivery: Delivery, days_ago: float, status: str = "5.2.2", kind: MailEvent.Kind = Kind.SOFT) -> None:
    """A delivery of some days ago, of which this is heard only now."""
    copy = Delivery.objects.create(
        site=delivery.site,
        kind="comment",
        cause_key=f"copy:{Delivery.objects.count()}",
        target_key=delivery.target_key,
        address=delivery.address,
        status="sent",
        created_at=datetime.now(UTC).replace(hour=12) - timedelta(days=days_ago),
    )
    assert note_bounce(copy.token, kind, source="dsn", status=status) != Outcome.UNKNOWN


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_soft_bounces_on_three_days_suspend(sent: Delivery, order: tuple[int, ...]) -> None:
    soft(sent, order[0])
    soft(sent, order[0])
    soft(sent, order[1])
    assert suppressions() == []
    soft(sent, order[2])
    assert suppressions() == [(sent.site.slug, "soft_bounces")]


@pytest.mark.parametrize(
    "bounces",
    [
        [(1, "5.2.2"), (2, "5.2.2"), (15.5, "5.2.2")],
        [(1, "5.2.2"), (2, "5.7.1"), (3, "5.2.2")],
        [(1, "5.2.2"), (1, ""), (1.01, "4.4.1")],
    ],
    ids=["too long ago", "not about the mailbox", "one day"],
)
def test_fewer_soft_bounces_do_not(sent: Delivery, bounces: list[tuple[float, str]]) -> None:
    for days_ago, status in bounces:
        soft(sent, days_ago, status)
    assert suppressions() == []


@pytest.mark.parametrize("last", [True, False])
def test_what_was_delivered_since_forgives_earlier_soft_bounces(sent: Delivery, last: bool) -> None:
    soft(sent, 4)
    soft(sent, 3)
    if last:  # the news of the delivery comes after that of a later bounce
        soft(sent, 1)
        assert suppressions() == [(sent.site.slug, "soft_bounces")]
        return
    soft(sent, 2, kind=Kind.DELIVERED)
    soft(sent, 1)
    assert suppressions() == []


def test_deliveries_are_kept_only_where_they_matter(sent: Delivery) -> None:
    assert note_bounce(sent.token, Kind.DELIVERED, source="brevo") == Outcome.KNOWN
    assert not MailEvent.objects.exists()


def test_a_forged_bounce_address_changes_nothing_even_beside_a_known_id(sent: Delivery) -> None:
    forged = envelope_sender(sent.token).replace("+", "+a", 1)
    assert take_in(about(sent, bounce=forged)) == Outcome.FORGED
    other = envelope_sender(TOKEN)
    assert take_in(about(sent, bounce=other)) == Outcome.UNKNOWN
    assert take_in(about(sent), recipient=forged) == Outcome.FORGED
    assert not MailEvent.objects.exists()


def test_addresses_in_a_report_concern_nobody(sent: Delivery) -> None:
    raw = sample("postfix", "somebody@elsewhere.example", f"delivery-{TOKEN}@news.example.org")
    assert BEN.encode() in raw
    assert take_in(raw) == Outcome.UNKNOWN
    assert take_in(sample("exim_old", "fbl@example.net", id_of(sent))) == Outcome.UNKNOWN
    assert not MailEvent.objects.exists()


def test_the_id_of_a_message_is_enough_without_an_address_for_bounces(sent: Delivery, settings: Settings) -> None:
    settings.BOUNCE_ADDRESS = ""
    assert take_in(about(sent, bounce="fbl@example.net")) == Outcome.NOTED


def test_a_refusal_at_the_door_is_a_bounce_too(article: Article, sink: SmtpSink) -> None:
    sink.refuse = {BEN: "550 5.1.1 no such user", CY: "550 5.7.1 we do not like you"}
    make_follow(article.site, BEN, article=article)
    make_follow(article.site, CY, article=article)
    planned(article, make_comment(article, author_email="dora@example.org"))
    send()
    assert states() == {BEN: "failed", CY: "failed"}
    found = {event.delivery.address: (event.kind, event.source, event.status) for event in MailEvent.objects.all()}
    assert found == {BEN: ("hard", "smtp", "5.1.1"), CY: ("soft", "smtp", "5.7.1")}
    assert suppressions() == [(article.site.slug, "hard_bounce")]


def test_the_words_of_a_server_stay_short_and_plain(sent: Delivery) -> None:
    note_bounce(sent.token, Kind.SOFT, source="smtp", status="5.2.2", says="full\0\r\n\x1b[31m" + "x" * 9_000)
    sent.refresh_from_db()
    assert sent.last_error.isprintable()
    assert len(sent.last_error) <= 500


def test_nothing_is_noted_of_an_erased_address(sent: Delivery) -> None:
    Delivery.objects.update(address="")
    assert take_in(about(sent)) == Outcome.UNKNOWN
    assert not MailEvent.objects.exists()


def test_operators_see_what_came_back_without_and_with_its_site(sent: Delivery, settings: Settings) -> None:
    settled = "afterword_deliveries_settled_total"
    before = _metric(f'{settled}{{outcome="sent"}}')
    take_in(about(sent))
    a_notice(make_article(make_site()))
    assert _metric(f'{settled}{{outcome="sent"}}') == before + 1
    assert _metric('afterword_mail_events{kind="hard"}') == 1
    assert _metric('afterword_mail_events{kind="complaint"}') == 0
    assert sent.site.slug not in metrics.exposition().decode()
    settings.METRICS_PER_SITE = True
    assert _metric(f'afterword_mail_events{{kind="hard",site="{sent.site.slug}"}}') == 1
    MailEvent.objects.update(happened_at=timezone.now() - timedelta(hours=25))
    assert 'kind="hard"' not in metrics.exposition().decode()


def _metric(name: str) -> float:
    lines = metrics.exposition().decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0)


def test_owners_see_events_and_reasons_of_their_sites_alone(sent: Delivery, client: Client) -> None:
    elsewhere = make_site("elsewhere")
    for site, sees in ((sent.site, True), (elsewhere, False)):
        client.force_login(make_member(site, f"eve@{site.slug}.example", role="owner").user)
        if sees:
            take_in(about(sent))
        for page in ("mailevent/", "mailevent/?kind=hard", "delivery/?events__kind=hard"):
            answer = client.get(f"/admin/sharing/{page}")
            assert answer.status_code == 200
            assert (b"no such user here" in answer.content) == sees, page


def test_an_owner_lifts_a_suppression_and_mail_goes_on(sent: Delivery, article: Article, sink: SmtpSink) -> None:
    take_in(about(sent))
    Suppression.objects.all().delete()
    assert a_notice(article).status == "sent"


def test_a_person_is_shown_her_events_and_erased_with_them(sent: Delivery) -> None:
    take_in(about(sent))
    person = person_of(sent.site, BEN)
    held = held_about(person)["mail_events"]
    assert [(one["kind"], one["status"], one["source"]) for one in held] == [("hard", "5.1.1", "dsn")]
    receipt = erase_person(person, patience=0)
    assert receipt["rows"]["mail_events"] == 1
    assert not MailEvent.objects.exists()
    assert take_in(about(sent, "yahoo_complaint")) == Outcome.UNKNOWN
    sent.refresh_from_db()
    assert "no such user" not in sent.last_error


def test_what_came_back_goes_with_its_message_and_holds_up_nothing(sent: Delivery) -> None:
    take_in(about(sent))
    assert sent.notification is not None and sent.notification.article is not None
    sent.notification.article.delete()
    assert not MailEvent.objects.exists()
    Suppression.objects.all().delete()
    again = a_notice(make_article(sent.site))
    take_in(about(again))
    sent.site.delete()
    assert not MailEvent.objects.exists() and not Delivery.objects.exists()


Pipe = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def pipe(beside: dict[str, str]) -> Pipe:
    """Hand a message to the command, as a mail server does."""

    def run(raw: bytes, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "manage.py", "receive_mail", *arguments],
            input=raw,
            env={**beside, "BOUNCE_ADDRESS": BOUNCES, **variables},
            cwd=Path(__file__).resolve().parent.parent.parent,
            capture_output=True,
            timeout=120,
        )

    return run


@pytest.mark.live
def test_a_mail_server_hands_messages_over_by_a_pipe(transactional_db: None, sink: SmtpSink, pipe: Pipe) -> None:
    delivery = a_notice(make_article())
    forged = envelope_sender(delivery.token).replace("+", "+a", 1)
    runs: list[tuple[tuple[Any, ...], int, bytes]] = [
        ((about(delivery),), os.EX_OK, b"noted"),
        ((about(delivery),), os.EX_OK, b"known already"),
        ((about(delivery, "exim_old", ""), envelope_sender(delivery.token)), os.EX_OK, b"noted"),
        ((about(delivery, "auto_reply"),), os.EX_OK, b"ignored: it is neither"),
        ((about(delivery, "broken"),), os.EX_OK, b"ignored: "),
        ((about(delivery, bounce=forged),), os.EX_NOUSER, b"none of ours"),
        ((b"x" * (MAX_BYTES + 1),), os.EX_DATAERR, b"more than"),
        ((b"", "one", "two"), os.EX_USAGE, b"unrecognized"),
    ]
    for arguments, status, words in runs:
        ended = pipe(*arguments)
        assert (ended.returncode, words in ended.stdout + ended.stderr) == (status, True), ended
        assert b"Traceback" not in ended.stderr
    assert set(delivery.events.values_list("kind", flat=True)) == {"hard", "soft"}
    away = pipe(about(delivery), DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert (away.returncode, b"try again" in away.stderr) == (os.EX_TEMPFAIL, True), away
    nonsense = pipe(about(delivery), BOUNCE_ADDRESS="nobody")
    assert nonsense.returncode == os.EX_TEMPFAIL, nonsense


def test_every_sample_is_taken_in_twice_without_harm(sent: Delivery) -> None:
    for name in SAMPLES * 2:
        try:
            take_in(about(sent, name))
        except Exception as error:
            assert type(error).__name__ == "NotAReport"
    assert MailEvent.objects.filter(happened_at__lte=timezone.now() + timedelta(minutes=5)).count() == len(Kind)
