"""What the clock does: scheduled articles become public once, deleted ones are forgotten after 30 days."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from articles.models import Article
from articles.services.publishing import publish_next_due
from articles.signals import article_changed, article_published
from articles.tasks import publish_due, purge_deleted
from comments.models import Comment
from sharing.models import Notification
from tests.factories import make_article, make_comment, make_follow, make_site


@pytest.fixture
def told() -> Iterator[list[str]]:
    heard: list[str] = []

    def on_published(article: Article, **_: Any) -> None:
        heard.append(f"published {article.pk} {article.visibility}")

    def on_changed(article: Article, **_: Any) -> None:
        heard.append(f"changed {article.pk} {article.visibility}")

    article_published.connect(on_published)
    article_changed.connect(on_changed)
    yield heard
    article_published.disconnect(on_published)
    article_changed.disconnect(on_changed)


def scheduled(**ago: float) -> Article:
    return make_article(visibility="scheduled", published_at=timezone.now() - timedelta(**ago))


@pytest.mark.django_db
def test_due_articles_become_public_and_are_announced_once(told: list[str]) -> None:
    article = scheduled(hours=1)
    later = scheduled(hours=-1)
    for _ in range(2):
        publish_due()
    assert told == [f"published {article.pk} public", f"changed {article.pk} public"]
    later.refresh_from_db()
    assert later.visibility == "scheduled"
    assert Notification.objects.filter(cause_key=f"article:{article.pk}:published").count() == 1


@pytest.mark.django_db
def test_an_article_whose_hour_is_long_past_is_public_but_no_news(told: list[str]) -> None:
    article = scheduled(days=3)
    publish_due()
    assert told == [f"changed {article.pk} public"]


@pytest.mark.django_db(transaction=True)
def test_a_row_in_another_workers_hand_is_passed_over() -> None:
    first, second = scheduled(hours=2), scheduled(hours=1)
    holds, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(Article.objects.filter(pk=first.pk).select_for_update())
            holds.set()
            done.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert holds.wait(20)
    published = [publish_next_due(), publish_next_due()]
    done.set()
    holder.join()
    assert [article and article.pk for article in published] == [second.pk, None]


@pytest.mark.django_db
def test_deleted_articles_are_forgotten_with_everything_below_them_after_30_days() -> None:
    site = make_site()
    old = make_article(site, visibility="hidden", deleted_at=timezone.now() - timedelta(days=31))
    young = make_article(site, visibility="hidden", deleted_at=timezone.now() - timedelta(days=29))
    root = make_comment(old)
    for _ in range(110):  # more than one batch of Django's
        make_comment(old, root)
    make_follow(site, article=old)
    make_comment(young)
    purge_deleted()
    assert list(Article.objects.all()) == [young]
    assert Comment.objects.get().article == young
    purge_deleted()
    assert Article.objects.exists()
