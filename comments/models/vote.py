"""What readers think of a comment."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from articles.models import Article, Site
from comments.models.comment import Comment


class Vote(models.Model):
    """One voter's mark on one comment; a vote that was taken back has no row.

    `voter_key` is a keyed hash of who votes, `network_key` one of the network that she votes from, empty for
    voters with an account: neither tells who she is.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    # The second migration holds the stronger rules: the comment is one of this very article and site.
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    comment = models.ForeignKey(
        Comment, on_delete=models.CASCADE, related_name="votes", db_constraint=False, db_index=False
    )
    voter_key = models.CharField(max_length=32)
    network_key = models.CharField(max_length=32, blank=True)
    value = models.SmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["comment", "voter_key"], name="one_vote_per_voter"),
            models.CheckConstraint(condition=models.Q(value__in=(-1, 1)), name="vote_is_up_or_down"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["article", "voter_key"], name="votes_of_voter"),
            models.Index(
                fields=["comment", "network_key"], condition=~models.Q(network_key=""), name="votes_from_network"
            ),
            models.Index(fields=["created_at"], condition=~models.Q(network_key=""), name="votes_with_network"),
        ]

    def __str__(self) -> str:
        return f"{self.value:+d} on {self.comment_id}"
