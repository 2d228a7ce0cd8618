"""From a comment to a follower's mailbox: the doors, a real worker process, a real broker, a mail server."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from articles.models import Article
from comments.models import Comment
from comments.services.moderation import Moderator, decide
from sharing import tasks
from sharing.models import Delivery, Follow, Notification
from tests.factories import (
    ADA,
    BEN,
    CY,
    make_api_key,
    make_article,
    make_comment,
    make_follow,
    make_member,
    make_site,
)
from tests.processes import Worker, wait_until
from tests.servers import Servers
from tests.smtp_sink import SmtpSink

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


def post(client: Client, article: Article, body: str = "Well said.", **fields: Any) -> dict[str, Any]:
    data = {"article": article.pk, "body": body, "author": {"name": "Ben", "email": BEN}, **fields}
    response = client.post("/api/v1/comments", data, content_type="application/json")
    assert response.status_code in (201, 202), response.content
    answer: dict[str, Any] = response.json()
    return answer


def ask(client: Client, email: str, **target: Any) -> None:
    response = client.post("/api/v1/follows", {"email": email, **target}, content_type="application/json")
    assert response.status_code == 202, response.content


def words_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link(message: EmailMessage, page: str) -> str:
    found = re.search(rf"{re.escape(settings.PUBLIC_URL)}(/follows/{page}/\S+)", words_of(message))
    assert found is not None, words_of(message)
    return found[1]


def settled(count: int) -> Callable[[], bool]:
    return lambda: Delivery.objects.filter(settled_at__isnull=False).count() >= count


def test_follow_confirm_hear_reply_leave(client: Client, worker: Worker, smtp_sink: SmtpSink) -> None:
    article = make_article(make_site(name="The Daily Sketch"), title="Bees of the north", author_email=ADA)

    ask(client, CY, article=article.pk)
    (question,) = smtp_sink.wait_for(1, to=CY)
    confirm = link(question, "confirm")
    assert client.get(confirm).status_code == 200
    post(client, article, "Too early for Cy.")
    smtp_sink.wait_for(1, to=ADA)
    assert client.post(confirm).status_code == 200
    comment = post(client, article, "Heard by Cy and by Ada.", follow="replies")
    heard = smtp_sink.wait_for(2, to=CY)[1]
    assert "Heard by Cy and by Ada." in words_of(heard) and f"#comment-{comment['id']}" in words_of(heard)
    assert "Heard by Cy and by Ada." in words_of(smtp_sink.wait_for(2, to=ADA)[1])

    # Ben ticked the box below the form; his confirmation is the only mail that he has got so far.
    (question,) = smtp_sink.wait_for(1, to=BEN)
    assert client.post(link(question, "confirm")).status_code == 200
    answer = {"parent": comment["id"], "author": {"name": "Cy", "email": CY}}
    post(client, article, "A reply to Ben.", **answer)
    assert "A reply to Ben." in words_of(smtp_sink.wait_for(2, to=BEN)[1])
    assert "A reply to Ben." in words_of(smtp_sink.wait_for(3, to=ADA)[2])

    leave = link(heard, "leave")
    assert leave in str(heard["List-Unsubscribe"])
    assert client.post(leave, {"List-Unsubscribe": "One-Click"}).status_code == 200
    post(client, article, "Cy has left.", author={"name": "Dee"})
    smtp_sink.wait_for(4, to=ADA)
    wait_until(lambda: not Notification.objects.filter(fanned_out_at=None).exists(), "every fan-out to end")
    assert len(smtp_sink.to(CY)) == 2
    assert len(smtp_sink.to(BEN)) == 2
    ids = [received.message["Message-ID"] for received in smtp_sink.messages]
    assert len(set(ids)) == len(ids)


def test_a_new_article_reaches_followers_of_its_site_once(client: Client, worker: Worker, smtp_sink: SmtpSink) -> None:
    site = make_site()
    make_follow(site, CY)
    make_follow(site, CY, tag="bees")
    header = {"authorization": f"Bearer {make_api_key(site)}"}
    fields = {"site": site.slug, "url": "https://news.example.org/bees", "title": "Bees", "tags": ["Bees"]}
    for _ in range(2):
        response = client.put("/api/v1/articles", fields, content_type="application/json", headers=header)
        assert response.status_code in (200, 201), response.content
    (message,) = smtp_sink.wait_for(1, to=CY)
    assert message["Subject"] == "Bees" and "you follow the tag “bees”" in words_of(message)
    wait_until(settled(1), "the delivery to be settled")
    assert Delivery.objects.count() == 1


def test_a_held_comment_reaches_members_and_followers_when_approved(
    client: Client, worker: Worker, smtp_sink: SmtpSink
) -> None:
    article = make_article(make_site(moderation="all"))
    make_member(article.site, ADA)
    make_follow(article.site, CY, article=article)
    held = post(client, article, "Wait for me.")
    (notice,) = smtp_sink.wait_for(1, to=ADA)
    assert "Wait for me." in words_of(notice) and not smtp_sink.to(CY)
    decide(article.site, held["id"], "approved", Moderator())
    assert "Wait for me." in words_of(smtp_sink.wait_for(1, to=CY)[0])
    for status in ("removed", "approved"):
        decide(article.site, held["id"], status, Moderator())
    assert Notification.objects.count() == 2


def test_the_shares_of_an_hour_are_one_mail_to_the_author(client: Client, worker: Worker, smtp_sink: SmtpSink) -> None:
    article = make_article(title="Bees", author_email=ADA)
    for network, reader in (("facebook", "one"), ("facebook", "two"), ("facebook", "two"), ("linkedin", "one")):
        answer = client.get(f"/s/{network}/{article.pk}", headers={"User-Agent": f"The browser of {reader}"})
        assert answer.status_code == 303
    notice = Notification.objects.get()
    assert notice.due_at - timezone.now() <= timedelta(hours=1)
    tasks.sweep.wake()
    # The hour ends.
    Notification.objects.update(due_at=Now())
    tasks.sweep.wake()
    (message,) = smtp_sink.wait_for(1, to=ADA)
    assert "was shared 3 times" in words_of(message)
    assert "Facebook: 2\nLinkedIn: 1" in words_of(message).replace("\r\n", "\n")
    wait_until(settled(1), "the delivery to be settled")
    assert Delivery.objects.count() == 1


def test_flushing_the_broker_loses_nothing(
    client: Client, make_worker: Callable[..., Worker], broker_url: str, smtp_sink: SmtpSink
) -> None:
    article = make_article()
    make_follow(article.site, CY, article=article)
    post(client, article)
    with redis.Redis.from_url(broker_url) as broker:
        assert broker.llen("fanout") == 1
        broker.flushall()
    make_worker()
    # Beat rings for the sweep every 15 seconds; the ring alone must be enough.
    tasks.sweep.wake()
    smtp_sink.wait_for(1, to=CY)
    wait_until(settled(1), "the delivery to be settled")


def test_flushing_the_broker_under_a_running_worker_does_not_stop_it(
    client: Client, worker: Worker, broker_url: str, smtp_sink: SmtpSink
) -> None:
    article = make_article()
    make_follow(article.site, CY, article=article)
    post(client, article, "Before.")
    smtp_sink.wait_for(1, to=CY)
    with redis.Redis.from_url(broker_url) as broker:
        broker.flushall()
    post(client, article, "After.")
    smtp_sink.wait_for(2, to=CY)


def test_a_worker_killed_in_the_middle_of_sending_costs_no_mail(
    client: Client, make_worker: Callable[..., Worker], smtp_sink: SmtpSink
) -> None:
    article = make_article()
    make_follow(article.site, CY, article=article)
    smtp_sink.silence = 30.0
    worker = make_worker()
    post(client, article)
    wait_until(lambda: smtp_sink.attempts == 1, "the worker to speak to the mail server")
    worker.kill()
    smtp_sink.silence = 0.0
    assert list(Delivery.objects.values_list("status", "attempts")) == [("sending", 1)]
    make_worker()
    tasks.sweep.wake()
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    tasks.sweep.wake()
    smtp_sink.wait_for(1, to=CY)
    wait_until(settled(1), "the delivery to be settled")
    assert [row.status for row in Delivery.objects.all()] == ["sent"]
    assert len(smtp_sink.to(CY)) == 1


def test_a_killed_confirmation_is_not_repeated(
    client: Client, make_worker: Callable[..., Worker], smtp_sink: SmtpSink
) -> None:
    article = make_article()
    smtp_sink.silence = 30.0
    worker = make_worker()
    ask(client, CY, article=article.pk)
    wait_until(lambda: smtp_sink.attempts == 1, "the worker to speak to the mail server")
    worker.kill()
    smtp_sink.silence = 0.0
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    make_worker()
    tasks.sweep.wake()
    wait_until(settled(1), "the delivery to be settled")
    assert [row.status for row in Delivery.objects.all()] == ["unknown"]
    assert not smtp_sink.messages


def test_a_temporary_refusal_becomes_one_mail_with_the_same_message_id(
    client: Client, worker: Worker, smtp_sink: SmtpSink
) -> None:
    article = make_article()
    make_follow(article.site, CY, article=article)
    smtp_sink.after_data = lambda recipients: "451 4.3.0 later" if smtp_sink.attempts == 1 else None
    post(client, article)
    wait_until(lambda: Delivery.objects.filter(status="awaiting_retry").exists(), "the first attempt to fail")
    token = Delivery.objects.get().token
    Delivery.objects.update(next_attempt_at=timezone.now())
    tasks.sweep.wake()
    (message,) = smtp_sink.wait_for(1, to=CY)
    assert message["Message-ID"].startswith(f"<delivery-{token}@")
    wait_until(settled(1), "the delivery to be settled")
    assert (Delivery.objects.get().attempts, len(smtp_sink.messages)) == (2, 1)


def test_posting_goes_on_without_a_broker_and_the_mail_waits(
    client: Client, worker: Worker, servers: Servers, smtp_sink: SmtpSink
) -> None:
    article = make_article()
    make_follow(article.site, CY, article=article)
    servers.stop_valkey()
    try:
        post(client, article)
        ask(client, ADA, article=article.pk)
    finally:
        servers.start_valkey()
    assert not smtp_sink.messages

    def sweep_heard() -> bool:
        # As beat does every 15 seconds; the worker finds the broker again by itself.
        tasks.sweep.wake()
        return len(smtp_sink.messages) == 2

    wait_until(sweep_heard, "the worker to send what waited", 60)
    assert sorted(received.recipients[0] for received in smtp_sink.messages) == [ADA, CY]


def test_no_scanner_changes_anything(client: Client, worker: Worker, smtp_sink: SmtpSink) -> None:
    article = make_article()
    make_follow(article.site, CY, article=article)
    ask(client, ADA, article=article.pk)
    post(client, article)
    smtp_sink.wait_for(1, to=ADA)
    smtp_sink.wait_for(1, to=CY)
    before = list(Follow.objects.order_by("pk").values())
    for received in smtp_sink.messages:
        for path in re.findall(rf"{re.escape(settings.PUBLIC_URL)}(/follows/\S+)", words_of(received.message)):
            assert client.get(path).status_code == client.head(path).status_code == 200
    assert list(Follow.objects.order_by("pk").values()) == before


def test_an_import_tells_nobody(db: None) -> None:
    article = make_article()
    make_follow(article.site, CY, article=article)
    make_comment(article)
    assert Comment.objects.exists() and not Notification.objects.exists()
