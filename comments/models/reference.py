"""Under which name another system knows a comment."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from articles.models import Site
from comments.models.comment import Comment, Provider


class ExternalRef(models.Model):
    """A comment's outside identity: (site, provider, source, external_id).

    `source` is the exporting blog's canonical base URL or the Disqus forum, or `article:ID` for the id that a partner
    system gave a comment of that article; of a webmention `external_id` names the page that mentions it. It is kept
    after the comment's removal, so that a second import does not bring it back; a comment may have several.
    """

    class Direction(models.TextChoices):
        IN = "in", "Came from there"
        OUT = "out", "Was sent there"

    # Without an index of its own, as that of `ArticleKey`.
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="references")
    provider = models.CharField(max_length=16, choices=Provider)
    source = models.CharField(max_length=500)
    external_id = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the text as it came.")
    direction = models.CharField(max_length=8, choices=Direction, default=Direction.IN)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "provider", "source", "external_id"], name="one_comment_per_outside_identity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.source} {self.external_id}"
