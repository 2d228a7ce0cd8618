"""Noting what happened: in the transaction of its cause, once, and by whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from articles.models import Article
from articles.signals import article_published
from comments.services.moderation import Moderator, decide
from comments.services.posting import Author, Draft, post_comment
from sharing.models import Delivery, Follow, MailEvent, Notification
from sharing.selectors.outbox import due_notifications, due_queues, outbox_health
from sharing.selectors.sending import waiting_deliveries
from sharing.services import outbox
from sharing.tokens import MAX_NAMED_FOLLOWS
from tests.factories import BEN, make_article, make_comment, make_follow, make_site


@pytest.fixture
def article(db: None) -> Article:
    return make_article()


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...]]]:
    """Tasks that a door woke after its commit; nothing is sent to a broker."""
    from project.doorbell import Doorbell

    rung: list[tuple[str, tuple[Any, ...]]] = []
    monkeypatch.setattr(Doorbell, "wake", lambda self, *args: rung.append((self.name, args)))
    return rung


def draft(body: str = "Well said.", **fields: Any) -> Draft:
    return Draft(body, Author("Ben", BEN), **fields)


def noted() -> list[tuple[str, str, int | None]]:
    return list(Notification.objects.order_by("pk").values_list("kind", "cause_key", "comment_id"))


def test_the_same_cause_is_noted_once(article: Article) -> None:
    values = {"kind": "article", "cause_key": "article:1:published", "site_id": article.site_id}
    first = outbox.note(**values, article_id=article.pk)
    assert first is not None and first.pk == Notification.objects.get().pk
    assert outbox.note(**values, article_id=article.pk) is None


def test_a_note_goes_with_its_cause(article: Article) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        outbox.note(kind="article", cause_key="x", site_id=article.site_id, article_id=article.pk)
        raise ZeroDivisionError
    assert not Notification.objects.exists()


def test_a_note_cannot_cross_sites(article: Article) -> None:
    from django.db import IntegrityError

    with pytest.raises(IntegrityError), transaction.atomic():
        outbox.note(kind="article", cause_key="x", site_id=make_site().pk, article_id=article.pk)


def test_a_published_comment_is_noted_and_a_worker_woken_after_commit(
    article: Article, woken: list[Any], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        comment = post_comment(article, draft()).comment
        assert woken == []
    assert noted() == [("comment", f"comment:{comment.pk}:published", comment.pk)]
    assert woken == [("sharing.tasks.fan_out", ())]


def test_a_held_comment_is_noted_for_members_and_for_followers_when_it_is_approved_once(
    article: Article, woken: list[Any]
) -> None:
    article.site.moderation = "all"
    article.site.save()
    comment = post_comment(article, draft()).comment
    held = ("held", f"comment:{comment.pk}:held", comment.pk)
    assert noted() == [held]
    for status in ("approved", "removed", "approved"):
        decide(article.site, comment.pk, status, Moderator())
    assert noted() == [held, ("comment", f"comment:{comment.pk}:published", comment.pk)]


@pytest.mark.parametrize("wish", ["replies", "article"])
@pytest.mark.parametrize("moderation", ["open", "all"])
def test_the_box_below_the_form_asks_for_a_follow_in_the_transaction_of_the_post(
    article: Article,
    woken: list[Any],
    django_capture_on_commit_callbacks: Callable[..., Any],
    wish: str,
    moderation: str,
) -> None:
    article.site.moderation = moderation
    article.site.save()
    with django_capture_on_commit_callbacks(execute=True):
        comment = post_comment(article, draft(follow=wish)).comment
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    follow = Follow.objects.get()
    assert (follow.target_kind, follow.comment_id) in {("comment", comment.pk), ("article", None)}
    assert follow.status == "unconfirmed"
    assert Delivery.objects.get().kind == "confirmation"
    assert ("sharing.tasks.deliver_confirmations", ()) in woken


def test_a_wish_without_an_address_is_no_follow(article: Article) -> None:
    post_comment(article, Draft("Well said.", Author("Ben"), follow="replies"))
    assert not Follow.objects.exists()


def test_a_published_article_is_noted(article: Article, woken: list[Any]) -> None:
    for _ in range(2):
        article_published.send(Article, article=article)
    assert noted() == [("article", f"article:{article.pk}:published", None)]


def test_health_names_the_oldest_due_work(article: Article) -> None:
    assert outbox_health() == {"oldest_due_seconds": None}
    hour = timedelta(hours=1)
    values = {"kind": "article", "site_id": article.site_id, "article_id": article.pk}
    outbox.note(**values, cause_key="later", due_at=timezone.now() + hour)
    assert outbox_health()["oldest_due_seconds"] is None
    assert due_notifications(10) == []
    late = outbox.note(**values, cause_key="late", due_at=timezone.now() - hour)
    assert late is not None
    assert outbox_health()["oldest_due_seconds"] == pytest.approx(3600, abs=30)
    assert due_notifications(10) == [late.pk]
    Notification.objects.update(fanned_out_at=timezone.now())
    make_delivery(article, next_attempt_at=timezone.now() + hour)
    assert outbox_health() == {"oldest_due_seconds": None}
    assert waiting_deliveries(per_site=False) == [([], 1)]
    make_delivery(article, next_attempt_at=timezone.now() - 2 * hour, queue="confirm")
    health = outbox_health()
    assert health["oldest_due_seconds"] == pytest.approx(7200, abs=30)
    assert waiting_deliveries(per_site=True) == [([article.site.slug], 2)]
    assert due_queues() == ["confirm"]


def make_delivery(article: Article, **fields: Any) -> Delivery:
    comment = make_comment(article)
    defaults = {"kind": "comment", "cause_key": f"comment:{comment.pk}:published", "target_key": "k", "address": BEN}
    return Delivery.objects.create(site=article.site, **(defaults | fields))


def test_messages_of_long_ago_are_forgotten_page_by_page(article: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PAGE", 2)
    notification = outbox.note(kind="article", cause_key="x", site_id=article.site_id, article_id=article.pk)
    follow = make_follow(article.site, BEN)
    old = timezone.now() - outbox.KEPT

    def planned(at: datetime, status: str, ids: list[int]) -> int:
        return Delivery.objects.create(
            site=article.site,
            kind="article",
            cause_key="x",
            target_key=f"{Delivery.objects.count()}",
            notification=notification,
            follower=follow.follower,
            follow_ids=ids,
            status=status,
            created_at=at,
        ).pk

    gone = [planned(old, status, [follow.pk]) for status in ("sent", "failed", "skipped", "unknown", "sent")]
    kept = [planned(old, status, [follow.pk]) for status in ("queued", "sending", "awaiting_retry")]
    kept.append(planned(old + timedelta(minutes=1), "sent", [follow.pk]))
    kept.append(planned(old, "sent", [follow.pk] * (MAX_NAMED_FOLLOWS + 1)))
    MailEvent.objects.create(site=article.site, delivery_id=gone[0], kind="soft", source="dsn", planned_at=old)
    assert outbox.prune_deliveries() == len(gone)
    assert set(Delivery.objects.values_list("pk", flat=True)) == set(kept)
    assert not MailEvent.objects.exists()
    assert Notification.objects.exists()
    assert outbox.prune_deliveries() == 0
