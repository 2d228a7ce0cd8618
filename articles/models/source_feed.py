"""Where a site's new articles are read from."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Now

from articles.models.site import Site


class SourceFeedQuerySet(models.QuerySet["SourceFeed"]):
    def due(self) -> Self:
        """Those that are to be read now, by the database's clock."""
        return self.filter(is_active=True, next_poll_at__lte=Now())


class SourceFeed(models.Model):
    """An RSS or Atom feed, or a sitemap, whose entries become articles of a site.

    `failures` counts a reading from its begin until it has succeeded, so that one which ends its process counts too.
    `first_polled_at` is when everything that was there at first had been read: entries until then are no news.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="source_feeds")
    url = models.CharField(max_length=2000)
    is_active = models.BooleanField(default=True, db_default=True, help_text="It is read; off by itself after 410.")
    etag = models.CharField(max_length=500, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    next_poll_at = models.DateTimeField(db_default=Now())
    last_polled_at = models.DateTimeField(null=True, blank=True, help_text="When it was last read as a whole.")
    first_polled_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, db_default=0, help_text="Readings in a row that have failed.")
    skipped = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Entries of its last reading that are of none of the site's origins."
    )
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = SourceFeedQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["site", "url"], name="one_source_feed_per_address")]
        indexes: ClassVar = [
            models.Index(fields=["next_poll_at"], condition=models.Q(is_active=True), name="due_source_feeds")
        ]

    def __str__(self) -> str:
        return self.url
