"""What mail providers tell us by webhook, events and mails, in our words; django-anymail knows their many forms.

Only its readers of requests are used: no signal, no setting, no backend of it. Who may speak is asked at the door. A
provider's event concerns the delivery whose message id stands in it; the addresses in it are not looked at. A mail is
an answer to one of ours (`sharing.replies`), or nothing; nothing that hangs on it is fetched.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias
from uuid import UUID

from anymail.signals import EventType, RejectReason
from anymail.webhooks.amazon_ses import AmazonSESInboundWebhookView, AmazonSESTrackingWebhookView
from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.brevo import BrevoInboundWebhookView, BrevoTrackingWebhookView
from anymail.webhooks.mailgun import MailgunInboundWebhookView, MailgunTrackingWebhookView
from anymail.webhooks.postal import PostalInboundWebhookView, PostalTrackingWebhookView
from anymail.webhooks.postmark import PostmarkInboundWebhookView, PostmarkTrackingWebhookView
from anymail.webhooks.sendgrid import SendGridInboundWebhookView, SendGridTrackingWebhookView
from django.http import HttpRequest

from project.errors import Problem
from sharing.heavy import holds_heavy
from sharing.replies import NotAReply, Reply, reply_in
from sharing.reports import Kind
from sharing.statuses import is_hard, status_in
from sharing.verp import token_in

log = logging.getLogger(__name__)

KINDS: Final[dict[str, Kind]] = {
    EventType.COMPLAINED: "complaint",
    EventType.DELIVERED: "delivered",
    EventType.DEFERRED: "delayed",
}
REFUSALS: Final = frozenset({EventType.BOUNCED, EventType.FAILED, EventType.REJECTED})
# How providers call an address that is no good, where they quote no status code.
HARD_WORDS: Final = frozenset(
    {
        *("hard_bounce", "invalid_email"),  # Brevo
        *("HardBounce", "BadEmailAddress"),  # Postmark
        *("Permanent: General", "Permanent: NoEmail", "Permanent: Suppressed"),  # Amazon SES
        *("Permanent: OnAccountSuppressionList", "suppress-bounce"),  # Amazon SES, Mailgun
    }
)


@dataclass(frozen=True)
class ProviderEvent:
    """One event about one of our deliveries; `says` is untrusted, for people."""

    kind: Kind
    token: UUID
    status: str
    says: str


class _AmazonSES(AmazonSESTrackingWebhookView):  # type: ignore[misc]
    """Its own beginning wants Amazon's client, with which it would confirm subscriptions by itself."""

    def __init__(self, **options: Any) -> None:
        self.auto_confirm_enabled = False
        AnymailBaseWebhookView.__init__(self, **options)


class _AmazonSESInbound(AmazonSESInboundWebhookView):  # type: ignore[misc]
    """As above; mails come with Amazon's notice or not at all, for we have no key to where else they may lie."""

    def __init__(self, **options: Any) -> None:
        self.auto_confirm_enabled = False
        AnymailBaseWebhookView.__init__(self, **options)


class _BrevoInbound(BrevoInboundWebhookView):  # type: ignore[misc]
    """Attachments would be fetched from the provider, with a key."""

    def __init__(self, **options: Any) -> None:
        AnymailBaseWebhookView.__init__(self, **options)

    def esp_to_anymail_event(self, esp_event: dict[str, Any]) -> Any:
        return super().esp_to_anymail_event({**esp_event, "Attachments": []})


Named: TypeAlias = tuple[type[Any], tuple[str, ...]]

# What they want to be given by which to check who speaks; `parse_events`, all that we use, never looks at it.
UNUSED: Final = dict.fromkeys(("webhook_secret", "webhook_signing_key", "webhook_key"), "-")
READERS: Final[dict[str, Named]] = {
    "amazon_ses": (_AmazonSES, ("webhook_secret",)),
    "brevo": (BrevoTrackingWebhookView, ("webhook_secret",)),
    "mailgun": (MailgunTrackingWebhookView, ("webhook_secret", "webhook_signing_key")),
    "postal": (PostalTrackingWebhookView, ("webhook_secret", "webhook_key")),
    "postmark": (PostmarkTrackingWebhookView, ("webhook_secret",)),
    "sendgrid": (SendGridTrackingWebhookView, ("webhook_secret",)),
}

INBOUND: Final[dict[str, Named]] = {
    "amazon_ses": (_AmazonSESInbound, ("webhook_secret",)),
    "brevo": (_BrevoInbound, ("webhook_secret",)),
    "mailgun": (MailgunInboundWebhookView, ("webhook_secret", "webhook_signing_key")),
    "postal": (PostalInboundWebhookView, ("webhook_secret", "webhook_key")),
    "postmark": (PostmarkInboundWebhookView, ("webhook_secret",)),
    "sendgrid": (SendGridInboundWebhookView, ("webhook_secret",)),
}


def read_mails(provider: str, request: HttpRequest) -> list[Reply | NotAReply]:
    """Return the mails in an authenticated request of a provider, those that are no answers as the reason why.

    Problem: as `read_events`.
    """
    if provider not in INBOUND:
        raise Problem("not_found")
    try:
        if holds_heavy(json.loads(request.body) if _is_json(request) else dict(request.POST.lists())):
            return [NotAReply("its headers are too long")]
        messages = [event.message for event in _reader(INBOUND[provider]).parse_events(request)]
    except Exception as error:  # as below
        raise Problem("bad_request", f"This is no mail from {provider}.") from error
    if provider == "amazon_ses" and not messages:
        _show_subscription(request)
    return [_mail(message) for message in messages]


def _is_json(request: HttpRequest) -> bool:
    """Amazon calls its JSON text."""
    return request.content_type not in {"multipart/form-data", "application/x-www-form-urlencoded"}


def _mail(message: Any) -> Reply | NotAReply:
    try:
        return reply_in(message, message.envelope_recipient or "", message.envelope_sender)
    except NotAReply as reason:
        return reason


def read_events(provider: str, request: HttpRequest) -> list[ProviderEvent]:
    """Return what an authenticated request of a provider tells of messages of ours, in its order.

    Problem: `not_found` for a provider that we do not know, `bad_request` for a body that is none of its.
    """
    if provider not in READERS:
        raise Problem("not_found")
    try:
        events = _reader(READERS[provider]).parse_events(request)
        found = [_event(event) for event in events]
    except Exception as error:  # the library's readers fail in any way on a body of another shape
        raise Problem("bad_request", f"This is no event of {provider}.") from error
    if provider == "amazon_ses" and not events:
        _show_subscription(request)
    return [event for event in found if event is not None]


@cache
def _reader(named: Named) -> Any:
    reader, wanted = named
    return reader(**{name: UNUSED[name] for name in wanted})


def _event(event: Any) -> ProviderEvent | None:
    token = token_in(json.dumps(event.esp_event))
    says = str(event.mta_response or event.description or "")[:2_000]
    status = status_in(says)
    kind = KINDS.get(event.event_type)
    if event.event_type in REFUSALS:
        kind = "hard" if _is_hard(event, status) else "soft"
    if token is None or kind is None:
        return None
    return ProviderEvent(kind, token, status, says)


def _is_hard(event: Any, status: str) -> bool:
    if status and not status.endswith(".0.0"):
        return is_hard(status)
    raw = event.esp_event
    inner = raw.get("event-data") or {}
    words = {raw.get("event"), raw.get("Type"), event.description, inner.get("reason")}
    return event.reject_reason == RejectReason.INVALID or bool(words & HARD_WORDS)


def _show_subscription(request: HttpRequest) -> None:
    """Amazon asks once whether its topic may write to us; whoever runs the service answers by opening the address."""
    message = json.loads(request.body)
    if message.get("Type") == "SubscriptionConfirmation":
        log.warning("Amazon SNS waits for you to open %s", str(message.get("SubscribeURL"))[:1_000])
