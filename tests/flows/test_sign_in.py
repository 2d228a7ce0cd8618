"""From the wish to sign in to a session: the doors, a real worker process, a real broker, a mail server."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.test import Client

from comments.models import ReaderSession
from sharing.models import Delivery
from tests.factories import BEN, make_article
from tests.mailing import words_of
from tests.processes import Worker, wait_until
from tests.smtp_sink import SmtpSink

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


def test_link_in_the_mail_signs_in_once(client: Client, worker: Worker, smtp_sink: SmtpSink) -> None:
    article = make_article()
    wish = {"site": article.site.slug, "email": BEN, "article": article.pk}
    for _ in range(3):
        assert client.post("/api/v1/sign-in", wish, content_type="application/json").status_code == 202
    (mail,) = smtp_sink.wait_for(1, to=BEN)
    assert mail["List-Unsubscribe"] is None and mail["Auto-Submitted"] == "auto-generated"
    found = re.search(rf"{re.escape(settings.PUBLIC_URL)}(/sign-in/\S+)", words_of(mail))
    assert found is not None
    assert client.get(found[1]).status_code == 200
    page = client.post(found[1]).content.decode()
    code = page.partition('data-code="')[2].partition('"')[0]
    opened = client.post(
        "/api/v1/sign-in/code", {"site": article.site.slug, "code": code}, content_type="application/json"
    ).json()
    headers = {"Authorization": f"Bearer {opened['session']}"}
    assert client.get("/api/v1/readers/me", headers=headers).json()["email"] == BEN
    assert client.post(found[1]).status_code == 404
    wait_until(lambda: Delivery.objects.get().status == "sent", "the delivery to be settled")
    assert ReaderSession.objects.count() == len(smtp_sink.messages) == 1
