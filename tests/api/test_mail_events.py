"""Events of mail providers, as they send them, through the API."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from sharing.models import Delivery, MailEvent, Suppression
from sharing.verp import message_id
from tests.factories import BEN, make_follow, make_follower, make_site
from tests.returned import TOKEN

SECRET = "a-secret-of-the-provider"


@pytest.fixture
def delivery(db: None) -> Delivery:
    site = make_site()
    follower = make_follower(site)
    make_follow(site)
    return Delivery.objects.create(
        site=site,
        kind="article",
        cause_key="article:1",
        target_key=follower.address_key,
        follower=follower,
        address=BEN,
        status="sent",
        token=TOKEN,
    )


@pytest.fixture(autouse=True)
def secret(settings: Settings) -> None:
    settings.MAIL_EVENTS_SECRET = SECRET


def basic(password: str, user: str = "afterword") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def tell(provider: str, body: Any, headers: dict[str, str] | None = None) -> Any:
    raw = body if isinstance(body, str | bytes) else json.dumps(body)
    path = f"/hooks/email/{provider}"
    sns = {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": "1"}
    given = {**sns, **(basic(SECRET) if headers is None else headers)}
    return Client().post(path, raw, content_type="application/json", headers=given)


ID = message_id(TOKEN, "news.example.org")


def mailgun(event: str, severity: str = "permanent", **data: Any) -> dict[str, Any]:
    message = {"headers": {"message-id": ID, "to": BEN}}
    whole = {"event": event, "severity": severity, "timestamp": 1795428000.5, "recipient": BEN, "message": message}
    return {"signature": {"token": "t", "timestamp": "1", "signature": "s"}, "event-data": {**whole, **data}}


def postmark(kind: str, **fields: Any) -> dict[str, Any]:
    return {"RecordType": kind, "MessageID": "f0e1", "Metadata": {"delivery": ID}, "Email": BEN, **fields}


def sendgrid(event: str, **fields: Any) -> dict[str, Any]:
    return {"event": event, "email": BEN, "timestamp": 1795428000, "smtp-id": f"<{ID}>", **fields}


def brevo(event: str, **fields: Any) -> dict[str, Any]:
    return {"event": event, "email": BEN, "message-id": f"<{ID}>", "ts_epoch": 1795428000000, **fields}


def ses(kind: str, details: dict[str, Any]) -> dict[str, Any]:
    mail = {"messageId": "0100", "destination": [BEN], "commonHeaders": {"messageId": f"<{ID}>"}}
    message = json.dumps({"notificationType": kind, "mail": mail, kind.lower(): details})
    return {"Type": "Notification", "MessageId": "1", "Timestamp": "2026-11-23T10:00:00.000Z", "Message": message}


def postal(**payload: Any) -> dict[str, Any]:
    message = {"id": 7, "message_id": ID, "to": BEN}
    return {"event": "MessageDeliveryFailed", "timestamp": 1795428000.1, "payload": {"message": message, **payload}}


BOUNCED = [{"emailAddress": BEN, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}]
COMPLAINED = {"complainedRecipients": [{"emailAddress": BEN}], "complaintFeedbackType": "abuse"}
EVENTS: list[tuple[str, Any, str]] = [
    ("mailgun", mailgun("failed", **{"delivery-status": {"code": 550, "message": "550 5.1.1 no such user"}}), "hard"),
    ("mailgun", mailgun("failed", **{"delivery-status": {"code": 552, "message": "552 5.2.2 full"}}), "soft"),
    ("mailgun", mailgun("failed", reason="suppress-bounce"), "hard"),
    ("mailgun", mailgun("failed", "temporary"), "delayed"),
    ("mailgun", mailgun("complained"), "complaint"),
    ("postmark", postmark("Bounce", Type="HardBounce", Details="smtp;550 5.1.1 unknown"), "hard"),
    ("postmark", postmark("Bounce", Type="HardBounce"), "hard"),
    ("postmark", postmark("Bounce", Type="SoftBounce"), "soft"),
    ("postmark", postmark("Bounce", Type="Transient"), "delayed"),
    ("postmark", postmark("SpamComplaint", Type="SpamComplaint"), "complaint"),
    ("sendgrid", [sendgrid("processed"), sendgrid("bounce", reason="550 5.1.1 unknown", type="bounce")], "hard"),
    ("sendgrid", [sendgrid("bounce", reason="550 5.7.1 blocked", type="blocked")], "soft"),
    ("sendgrid", [sendgrid("dropped", reason="Invalid")], "hard"),
    ("sendgrid", [sendgrid("spamreport")], "complaint"),
    ("brevo", brevo("hard_bounce", reason="server is down"), "hard"),
    ("brevo", brevo("soft_bounce", reason="552 5.2.2 mailbox full"), "soft"),
    ("brevo", brevo("invalid_email"), "hard"),
    ("brevo", brevo("spam"), "complaint"),
    (
        "amazon_ses",
        ses("Bounce", {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": BOUNCED}),
        "hard",
    ),
    ("amazon_ses", ses("Complaint", COMPLAINED), "complaint"),
    ("postal", postal(status="HardFail", output="550 5.1.1 no such user"), "hard"),
    ("postal", postal(status="SoftFail", output="451 4.7.1 later"), "delayed"),
]


@pytest.mark.parametrize(("provider", "body", "kind"), EVENTS)
def test_every_provider_is_understood_and_may_repeat_itself(
    delivery: Delivery, provider: str, body: Any, kind: str
) -> None:
    for _ in range(2):
        answer = tell(provider, body)
        assert (answer.status_code, answer.content) == (200, b"")
    event = MailEvent.objects.get()
    assert (event.kind, event.source, event.delivery) == (kind, provider, delivery)
    expected = {"hard": {"hard_bounce"}, "complaint": {"complaint"}}.get(kind, set())
    assert set(Suppression.objects.values_list("kind", flat=True)) == expected


def test_events_in_any_order_leave_the_same(delivery: Delivery) -> None:
    bodies = [
        [sendgrid("deferred"), sendgrid("bounce", reason="552 5.2.2")],
        [sendgrid("delivered")],
        [sendgrid("open")],
    ]
    for body in (*bodies, *reversed(bodies)):
        assert tell("sendgrid", body).status_code == 200
    assert set(MailEvent.objects.values_list("kind", flat=True)) == {"delayed", "soft", "delivered"}
    assert not Suppression.objects.exists()


def test_only_who_knows_the_secret_is_heard(delivery: Delivery) -> None:
    body = brevo("hard_bounce")
    false = [{}, basic("another"), basic(""), {"Authorization": "Basic !"}, {"Authorization": f"Bearer {SECRET}"}]
    for headers in (*false, basic("é")):
        answer = tell("brevo", body, headers)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Basic realm="mail events"')
    assert not MailEvent.objects.exists()
    assert tell("brevo", body, basic(SECRET, "anybody")).status_code == 200
    assert MailEvent.objects.exists()


def test_without_a_secret_there_is_no_door(delivery: Delivery, settings: Settings) -> None:
    settings.MAIL_EVENTS_SECRET = ""
    assert tell("brevo", brevo("hard_bounce"), basic("")).status_code == 404
    assert not MailEvent.objects.exists()


def test_an_event_names_a_message_of_ours_or_concerns_nobody(delivery: Delivery) -> None:
    other = "delivery-00000000-0000-4000-8000-000000000000@news.example.org"
    for id_ in (other, "f0e1@mail.example", ""):
        assert tell("brevo", {"event": "hard_bounce", "email": BEN, "message-id": id_}).status_code == 200
    assert not MailEvent.objects.exists()


@pytest.mark.parametrize("provider", ["amazon_ses", "brevo", "mailgun", "postal", "postmark", "sendgrid"])
@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[]", b"{}", b"null", b"7", b'"x"', b'[{"event": {}}]', b'{"Type": [], "event": {}}', b"[" * 9_000],
)
@pytest.mark.django_db
def test_nonsense_is_no_fault_of_ours(provider: str, body: bytes) -> None:
    assert tell(provider, body).status_code in {200, 400}
    assert not MailEvent.objects.exists()


@pytest.mark.django_db
def test_a_provider_that_we_do_not_know_is_told_so() -> None:
    assert tell("pigeon", {}).status_code == 404


@pytest.mark.django_db
def test_amazons_question_is_shown_to_whoever_runs_the_service(caplog: pytest.LogCaptureFixture) -> None:
    question = {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.example/confirm?token=1"}
    assert tell("amazon_ses", question).status_code == 200
    assert "https://sns.example/confirm?token=1" in caplog.text
