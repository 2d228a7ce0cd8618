"""What one reader has on her site: whom she muted, what she said."""

from __future__ import annotations

from typing import Final

from django.db import connection

from articles.models import Article
from comments.models import Comment, Mute, Reader

MOST_MUTED: Final = 1_000

_MUTED: Final = """
    SELECT c.id FROM comments_comment AS c
    JOIN comments_mute AS m ON m.reader_id = %s AND m.muted_key = CASE
        WHEN c.reader_id IS NOT NULL THEN 'reader:' || c.reader_id
        WHEN c.author_key <> '' THEN 'guest:' || c.author_key
        ELSE 'name:' || left(c.author_name, 70) END
    WHERE c.article_id = %s AND c.status = 'approved'
    ORDER BY c.id DESC LIMIT %s"""


def muted_comments(article: Article, reader: Reader) -> list[int]:
    """Return the ids of public comments below an article by those whom a reader has muted, the latest 1,000."""
    with connection.cursor() as cursor:
        cursor.execute(_MUTED, [reader.pk, article.pk, MOST_MUTED])
        return [row[0] for row in cursor.fetchall()]


def mutes_of(reader: Reader) -> list[Mute]:
    """Return whom a reader has muted, the latest first."""
    return list(Mute.objects.filter(reader=reader).order_by("-id"))


def comments_of(reader: Reader, *, before: int, limit: int) -> list[Comment]:
    """Return what a reader said that is public or waits, the latest first, with articles; ids below `before`."""
    hers = Comment.objects.filter(reader=reader, status__in=(Comment.Status.APPROVED, Comment.Status.PENDING))
    return list(hers.filter(pk__lt=before).select_related("article__site").order_by("-id")[:limit])
