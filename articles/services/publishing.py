"""What the clock does to articles: scheduled ones become public, deleted ones are forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models.functions import Now

from articles.models import Article
from articles.services.news import announce, database_now, tell_changed, tell_written

KEPT: Final = timedelta(days=30)


def publish_next_due() -> Article | None:
    """Make the scheduled article that has waited longest public and announce it; None if no hour has come.

    Rows that another worker has in hand are passed over, so two sweeps at once publish each article once.
    """
    with transaction.atomic():
        waiting = Article.objects.due().select_related("site").order_by("published_at")
        article = waiting.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
        if article is None:
            return None
        article.visibility = Article.Visibility.PUBLIC
        Article.objects.filter(pk=article.pk).update(visibility=article.visibility, updated_at=Now())
        tell_written(article)
        announce(article, database_now())
        tell_changed(article)
    return article


def purge_next_deleted() -> int | None:
    """Forget one article that was deleted 30 days ago, with all that hangs on it; return its id, None if there is none.

    Rows that another worker has in hand are passed over.
    """
    with transaction.atomic():
        old = Article.objects.filter(deleted_at__lt=Now() - KEPT).order_by("deleted_at")
        article = old.select_for_update(skip_locked=True).first()
        if article is None:
            return None
        article_id = article.pk
        article.delete()
    return article_id
