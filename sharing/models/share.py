"""Share events and their counters: first-party, without knowledge of the visitor."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from articles.models import Article, Site
from comments.models import Comment


class Share(models.Model):
    """A visitor pressed the button of a network; once per article (or comment), network, visitor and UTC day.

    Folded into `ShareDay` and deleted after a month.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # The first migration holds the stronger rules, here and below: the article is one of this very site, the comment
    # one of this very article.
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="shares", db_constraint=False, db_index=False
    )
    comment = models.ForeignKey(
        Comment, null=True, on_delete=models.CASCADE, related_name="shares", db_constraint=False
    )
    network = models.CharField(max_length=32)
    day = models.DateField(help_text="In UTC, by the database's clock.")
    visitor_hash = models.CharField(max_length=64, help_text="Keyed with a salt of the day that is then forgotten.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["article", "comment", "network", "day", "visitor_hash"],
                name="one_share_per_visitor_and_day",
                nulls_distinct=False,
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["article", "created_at"]),
            models.Index(
                fields=["site", "-created_at", "-id"],
                include=["article"],
                condition=models.Q(comment__isnull=True),
                name="recent_shares",
            ),
            models.Index(fields=["site", "day"], include=["article", "network"], name="shares_by_day"),
            # Rows come in the order of time, so that a few pages of this index tell those of a month ago.
            BrinIndex(fields=["day"], name="shares_to_fold"),
        ]

    def __str__(self) -> str:
        return f"{self.network} of {self.article_id} on {self.day}"


class ShareDay(models.Model):
    """How often an article (or comment) was shared over one network on one UTC day.

    All that is kept of shares of more than a month ago.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    comment = models.ForeignKey(Comment, null=True, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    network = models.CharField(max_length=32)
    day = models.DateField()
    count = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["article", "comment", "network", "day"], name="one_share_day", nulls_distinct=False
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "-day"], name="share_days_of_site")]

    def __str__(self) -> str:
        return f"{self.network} of {self.article_id} on {self.day}: {self.count}"


class ShareSalt(models.Model):
    """The random secret of one day; without it a visitor hash says nothing. Deleted after two days."""

    day = models.DateField(primary_key=True)
    salt = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return str(self.day)


class ShareMilestone(models.Model):
    """The highest round number of shares that an article was ever told to have: 10, 100, 1,000 …

    It never falls, so that nothing is told twice when counts shrink or are made anew.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    article = models.OneToOneField(Article, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    reached = models.BigIntegerField()
    reached_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.reached} shares of {self.article_id}"


class ShareCount(models.Model):
    """Shares of an article (or comment) by network; rebuildable from `Share` and `ShareDay`.

    A row of its own, so that a viral redirect never locks a thread.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="share_counts", db_constraint=False, db_index=False
    )
    comment = models.ForeignKey(
        Comment, null=True, on_delete=models.CASCADE, related_name="share_counts", db_constraint=False
    )
    network = models.CharField(max_length=32)
    count = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["article", "comment", "network"], name="one_share_count_per_network", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.network}: {self.count}"
