"""What came of shares: arrivals through shared addresses, and what was said and followed after them.

Nothing here leads from one visitor to another day, page or network.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from articles.models import Article, Site
from comments.models import Comment


class Visit(models.Model):
    """Somebody arrived through a shared address; once per article, network, visitor and UTC day.

    Folded into `ReachDay` and deleted when the day's salt goes.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # The migration holds the stronger rules, here and below: the article is one of this very site, the comment one of
    # this very article.
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    network = models.CharField(max_length=32)
    day = models.DateField(help_text="In UTC, by the database's clock.")
    visitor_hash = models.CharField(max_length=64, help_text="Keyed with a salt of the day that is then forgotten.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["article", "network", "day", "visitor_hash"], name="one_visit_per_visitor_and_day"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["day"], name="visits_by_day")]

    def __str__(self) -> str:
        return f"through {self.network} to {self.article_id} on {self.day}"


class ReachDay(models.Model):
    """What one network brought to one article on one UTC day, in numbers: all that is kept of past visits.

    `visits` are those of days that have been folded; `follows` are counted when they are confirmed.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    network = models.CharField(max_length=32)
    day = models.DateField()
    visits = models.BigIntegerField(default=0, db_default=0)
    follows = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["article", "network", "day"], name="one_reach_per_day"),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "day"], name="reach_by_day")]

    def __str__(self) -> str:
        return f"{self.network} for {self.article_id} on {self.day}"


class CreditedComment(models.Model):
    """A comment that was written after an arrival; it counts for as long as it is public."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    comment = models.OneToOneField(Comment, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    network = models.CharField(max_length=32)
    day = models.DateField(help_text="Of its writing, in UTC.")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["site", "day"], name="credits_by_day"),
            models.Index(fields=["article"], name="credits_of_article"),
        ]

    def __str__(self) -> str:
        return f"comment {self.comment_id} through {self.network}"
