"""What full-text search looks through: the words of every public comment, in a narrow table of their own."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from articles.models import Article, Site
from comments.models.comment import Comment


class SearchEntry(models.Model):
    """The words of one approved comment, and its site as a word among them.

    The database writes it: triggers on the table of comments, in the transaction of the change, so that no writer can
    forget it and nothing lags behind. It stands apart from the comment because votes rewrite that row, and with it
    every index on it.
    """

    comment = models.OneToOneField(
        Comment, primary_key=True, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    # The third migration holds the stronger rules: the comment is one of this very article and site.
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    created_at = models.DateTimeField()
    terms = SearchVectorField()

    class Meta:
        indexes: ClassVar = [
            GinIndex(fields=["terms"], name="search_terms"),
            # For walks from the newest comment back, and for counting what was written since a moment.
            models.Index(fields=["site", "-created_at", "-comment"], include=["article"], name="search_by_time"),
        ]

    def __str__(self) -> str:
        return f"words of comment {self.comment_id}"
