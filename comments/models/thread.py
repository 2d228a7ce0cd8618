"""The anchor of a conversation: its version and its counters."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from articles.models import Article, Site


class Thread(models.Model):
    """All comments of one article.

    `version` rises by one in each transaction that changes what the public sees, as the last
    statement before COMMIT (`comments.services.versions`): so it is commit order. Whether comments are
    open is the article's own field.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # The first migration holds the stronger rule, here and below: the article is one of this very site.
    article = models.OneToOneField(Article, on_delete=models.CASCADE, related_name="thread", db_constraint=False)
    version = models.BigIntegerField(default=0, db_default=0)
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"thread of {self.article_id} at {self.version}"


class ThreadCount(models.Model):
    """Public comments of one provider in one thread; exact after commit."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="comment_counts", db_constraint=False, db_index=False
    )
    provider = models.CharField(max_length=16)
    count = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["article", "provider"], name="one_count_per_provider"),
            models.CheckConstraint(condition=models.Q(count__gte=0), name="count_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.count}"


class ThreadOrder(models.Model):
    """The ranked order of a thread's roots as it was at one version, so that its pages do not move under a reader.

    `ids` are those of the first 1,000 visible roots, with a `provider` of those that came from there. Pinned ones
    stand where they rank: how many of them a first page shows ahead of the order depends on its length. Pruned an hour
    after there is a newer order of the same roots.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    sort = models.CharField(max_length=16)
    provider = models.CharField(max_length=16, blank=True, default="", db_default="")
    version = models.BigIntegerField()
    ids = ArrayField(models.BigIntegerField())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["article", "sort", "provider", "version"], name="one_order_per_version"),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="orders_by_age")]

    def __str__(self) -> str:
        return f"{self.sort} of {self.article_id} at {self.version}"
