"""Telling upper rooms about articles: the only places that send this app's signals."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from articles.models import Article
from articles.signals import article_changed, article_published, article_written


def announce(article: Article, now: datetime) -> bool:
    """Tell followers of a public article, once ever, if it is recent enough for its site; say whether they are told.

    Call it in the transaction that made or found the article public, with its row locked and `site` loaded.
    """
    if article.announced_at or not is_recent(article, now):
        return False
    article.announced_at = now
    Article.objects.filter(pk=article.pk).update(announced_at=now)
    article_published.send(Article, article=article)
    return True


def is_recent(article: Article, now: datetime) -> bool:
    """Say whether an article is public and young enough for its site to announce it."""
    if not article.is_public or article.published_at is None:
        return False
    return now - article.published_at <= timedelta(hours=article.site.announce_hours)


def tell_written(article: Article) -> None:
    """Tell that an article was written, hidden or made public, whatever changed by it; with its `site` loaded."""
    article_written.send(Article, article=article)


def tell_changed(article: Article) -> None:
    """Tell that what a thread page shows of the article has changed.

    Send it last in a transaction: the receiver locks the thread, which every writer of comments waits for.
    """
    article_changed.send(Article, article=article)


def database_now() -> datetime:
    """Return the time by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
