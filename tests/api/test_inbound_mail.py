"""Answers that mail providers hand us, in the form of each."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from comments.models import Comment
from project.middleware import MAIL_LIMIT
from sharing.models import Delivery
from sharing.replies import MAX_BYTES
from sharing.verp import reply_address
from tests.answers import AUTOMATIC, PLAIN, SAID
from tests.factories import BEN, CY, make_article, make_comment, make_follow
from tests.mailing import noted

SECRET = "a-secret-of-the-provider"
TEXT = PLAIN["outlook, german"]


@pytest.fixture(autouse=True)
def service(settings: Settings) -> None:
    settings.MAIL_EVENTS_SECRET, settings.REPLY_ADDRESS = SECRET, "reply@replies.example.org"


@pytest.fixture
def delivery(db: None) -> Delivery:
    """Ben was told of a comment of Cy's."""
    comment = make_comment(make_article(), author_email=CY)
    follow = make_follow(comment.site, BEN, article=comment.article)
    return Delivery.objects.create(
        site=comment.site,
        kind="comment",
        cause_key="comment",
        target_key=follow.follower.address_key,
        follower=follow.follower,
        follow_ids=[follow.pk],
        notification=noted(comment.article, comment),
        address=BEN,
        status="sent",
    )


def headers_of(delivery: Delivery, **more: str) -> dict[str, str]:
    own = {"From": f"Ben Writer <{BEN}>", "To": reply_address(delivery.token), "Message-ID": "<1@mail.example.org>"}
    return own | {"Subject": "Re: A story"} | {name.replace("_", "-"): value for name, value in more.items()}


def raw(headers: dict[str, str], text: str = TEXT) -> str:
    head = {**headers, "Content-Type": 'text/plain; charset="utf-8"', "Content-Transfer-Encoding": "base64"}
    body = base64.encodebytes(text.encode()).decode()
    return "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "\r\n" + body


def listed(headers: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in headers.items()]


def postmark(headers: dict[str, str], text: str = TEXT) -> tuple[Any, bool]:
    mailbox = {"Email": BEN, "Name": "Ben Writer"}
    to = [{"Email": headers["To"], "Name": ""}]
    rest = {name: value for name, value in headers.items() if name not in {"From", "To", "Subject"}}
    return {
        "FromFull": mailbox,
        "ToFull": to,
        "OriginalRecipient": headers["To"],
        "Subject": "Re: A story",
        "Headers": listed({"Return-Path": f"<{BEN}>", **rest}),
        "TextBody": text,
        "HtmlBody": "",
        "Attachments": [],
    }, True


def postmark_raw(headers: dict[str, str], text: str = TEXT) -> tuple[Any, bool]:
    return {**postmark(headers)[0], "RawEmail": raw(headers, text)}, True


def mailgun(headers: dict[str, str], text: str = TEXT) -> tuple[Any, bool]:
    return {
        "recipient": headers["To"],
        "sender": BEN,
        "timestamp": "1795428000",
        "token": "t",
        "signature": "s",
        "message-headers": json.dumps([*headers.items()]),
        "body-plain": text,
    }, False


def mailgun_raw(headers: dict[str, str], text: str = TEXT) -> tuple[Any, bool]:
    return {
        "recipient": headers["To"],
        "sender": BEN,
        "timestamp": "1795428000",
        "body-mime": raw(headers, text),
    }, False


def sendgrid(headers: dict[str, str], text: str = TEXT) -> tuple[Any, bool]:
    envelope = json.dumps({"to": [headers["To"]], "from": BEN})
    block = "".join(f"{name}: {value}\n" for name, value in headers.items())
    return {"headers": block, "text": text, "envelope": envelope, "charsets": '{"text": "UTF-8"}'}, False


def brevo(headers: dict[str, str], text: str = TEXT) -> tuple[Any, bool]:
    attached = [{"Name": "a.jpg", "ContentType": "image/jpeg", "ContentLength": 9, "DownloadToken": "t"}]
    item = {"Uuid": ["1"], "Headers": headers, "RawTextBody": text, "RawHtmlBody": None, "Attachments": attached}
    return {"items": [item]}, True


def postal(headers: dict[str, str], text: str = TEXT) -> tuple[Any, bool]:
    message = base64.b64encode(raw(headers, text).encode()).decode()
    return {"id": 1, "rcpt_to": headers["To"], "mail_from": BEN, "message": message, "base64": True}, True


def amazon_ses(headers: dict[str, str], text: str = TEXT) -> tuple[Any, bool]:
    receipt = {"recipients": [headers["To"]], "action": {"type": "SNS", "encoding": "UTF-8"}}
    mail = {"source": BEN, "messageId": "1", "timestamp": "2026-11-23T10:00:00.000Z"}
    message = {"notificationType": "Received", "mail": mail, "receipt": receipt, "content": raw(headers, text)}
    return {"Type": "Notification", "MessageId": "1", "Message": json.dumps(message)}, True


RAW = [postmark_raw, mailgun_raw, postal, amazon_ses]
FORMS = [postmark, postmark_raw, mailgun, mailgun_raw, sendgrid, brevo, postal, amazon_ses]


def hand_in(form: Any, headers: dict[str, str], *, password: str = SECRET, text: str = TEXT) -> Any:
    body, is_json = form(headers, text)
    return post(form.__name__.removesuffix("_raw"), body, is_json=is_json, password=password)


def post(provider: str, body: Any, *, is_json: bool = True, password: str = SECRET) -> Any:
    sns = {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": "1"}
    basic = "Basic " + base64.b64encode(f"afterword:{password}".encode()).decode()
    given: dict[str, Any] = {"headers": {**sns, "Authorization": basic}}
    if is_json:
        given["content_type"] = "application/json"
    return Client().post(f"/hooks/email/{provider}/inbound", body, **given)


def written() -> list[str]:
    return list(Comment.objects.filter(parent__isnull=False).values_list("source", flat=True))


@pytest.mark.parametrize("form", FORMS)
def test_every_provider_is_understood_and_may_repeat_itself(delivery: Delivery, form: Any) -> None:
    for _ in range(2):
        answer = hand_in(form, headers_of(delivery))
        assert (answer.status_code, answer.content) == (200, b""), answer.content
    comment = Comment.objects.get(parent__isnull=False)
    assert (comment.source, comment.author_name, comment.author_email) == (SAID, "Ben Writer", BEN)
    assert delivery.notification is not None and comment.parent == delivery.notification.comment


@pytest.mark.parametrize("form", FORMS)
def test_machines_and_strangers_are_passed_over_and_answered_alike(delivery: Delivery, form: Any) -> None:
    header, value = AUTOMATIC["a vacation notice"]
    address = reply_address(delivery.token)
    for headers in (
        headers_of(delivery, **{header: value}),
        headers_of(delivery, To=address.replace("+", "+a", 1)),
        headers_of(delivery, To="info@replies.example.org"),
    ):
        assert hand_in(form, headers).status_code == 200
    if form is not postmark:
        assert hand_in(form, headers_of(delivery, From=CY)).status_code == 200
    assert written() == []


def test_the_secret_opens_the_door_and_nothing_else_does(delivery: Delivery, settings: Settings) -> None:
    refused = hand_in(postmark, headers_of(delivery), password="guessed")
    assert (refused.status_code, "WWW-Authenticate" in refused.headers) == (401, True)
    assert post("nobody", {}).status_code == 404
    settings.REPLY_ADDRESS = ""
    assert hand_in(postmark, {"To": "a@b.example"}).status_code == 404
    settings.REPLY_ADDRESS, settings.MAIL_EVENTS_SECRET = "reply@replies.example.org", ""
    assert hand_in(postmark, headers_of(delivery)).status_code == 404
    assert written() == []


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", "null", '{"items": 1}', '{"message": 5}', '{"Message": "{}"}', "\x00"]
)
def test_what_is_no_mail_of_a_provider_is_a_bad_request_or_nothing(delivery: Delivery, body: str) -> None:
    for form in FORMS:
        provider = form.__name__.removesuffix("_raw")
        for is_json in (True, False):
            sent: Any = body if is_json else {"message-headers": body, "timestamp": body, "headers": body}
            assert post(provider, sent, is_json=is_json).status_code in {200, 400}
    assert written() == []


HEAVY = "text/plain; " + "a*0=b;" * 20_000


@pytest.mark.parametrize("form", FORMS)
def test_headers_that_would_cost_seconds_are_not_parsed(
    delivery: Delivery, form: Any, caplog: pytest.LogCaptureFixture
) -> None:
    inner = f"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: {HEAVY}\r\n\r\nhi\r\n--a--"
    own = headers_of(delivery)
    headers = {**own, "Subject": f"a\r\n{inner}"} if form in RAW else {**own, "Content-Type": HEAVY}
    with caplog.at_level("INFO"):
        assert hand_in(form, headers).status_code == 200
    assert "its headers are too long" in caplog.text
    assert written() == []


def test_a_mail_may_have_two_mebibytes(delivery: Delivery) -> None:
    body, _ = postmark(headers_of(delivery))
    content = base64.b64encode(b"\0" * MAX_BYTES).decode()
    attached = {"ContentType": "image/png", "Content": content, "Name": "a.png"}
    assert post("postmark", {**body, "Attachments": [attached]}).status_code == 200
    assert written() == [SAID]
    assert post("postmark", {**body, "StrippedTextReply": "x" * MAIL_LIMIT}).status_code == 413


def test_amazon_asks_first_and_is_answered_by_people(delivery: Delivery, caplog: pytest.LogCaptureFixture) -> None:
    asked = {"Type": "SubscriptionConfirmation", "MessageId": "1", "SubscribeURL": "https://sns.example/?token=1"}
    assert post("amazon_ses", asked).status_code == 200
    assert "https://sns.example/?token=1" in caplog.text
