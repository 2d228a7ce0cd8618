"""Planning and sending in this process, through a real mail server: what tests of deliveries share."""

from __future__ import annotations

import re
from datetime import timedelta
from email.message import EmailMessage

import pytest
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article
from comments.models import Comment
from sharing.models import Delivery, Notification
from sharing.services import dispatch, outbox
from sharing.services.fan_out import plan_next_page
from tests.factories import make_article, make_comment
from tests.smtp_sink import SmtpSink

SIGNATURE = re.compile(r":\w{6}:[\w-]{43}")


def unsigned(text: str) -> str:
    """Return text without the second in which each of its links was signed, and the signature that hangs on it."""
    return SIGNATURE.sub("", text)


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


def noted(article: Article, comment: Comment | None = None, kind: str = "comment") -> Notification:
    """A notification that nobody has fanned out."""
    notification = outbox.note(
        kind=kind,
        cause_key=f"{kind}:{comment.pk if comment else article.pk}",
        site_id=article.site_id,
        article_id=article.pk,
        comment_id=comment.pk if comment else None,
    )
    assert notification is not None
    return notification


def planned(article: Article, comment: Comment | None = None, kind: str = "comment") -> Notification:
    """A notification with its deliveries."""
    notification = noted(article, comment, kind)
    while plan_next_page(notification.pk):
        pass
    return notification


def send(queue: str = "mail") -> None:
    """Send until nothing is due."""
    while dispatch.send_due(queue):
        pass


def states() -> dict[str, str]:
    """The status of each delivery by its address."""
    return dict(Delivery.objects.values_list("address", "status"))


def make_due() -> None:
    """As if every pause were over."""
    Delivery.objects.filter(status="awaiting_retry").update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def words_of(message: EmailMessage) -> str:
    """The plain part of a message."""
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())
