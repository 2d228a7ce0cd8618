"""Which Disqus forums are read beside a site's own comments."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Now

from articles.models import Site


class DisqusForumQuerySet(models.QuerySet["DisqusForum"]):
    def due(self) -> Self:
        """Those that are to be read now, by the database's clock."""
        return self.filter(is_active=True, next_at__lte=Now())


class DisqusForum(models.Model):
    """A forum whose posts become comments of a site and follow what Disqus makes of them; we only read there.

    Three places in the forum's posts, each a cursor of Disqus' ("" for the beginning): `cursor` follows what is new,
    `recent_cursor` goes again and again through what was written since `recent_since`, `whole_cursor` rarely through
    everything. `failures` counts a reading from its begin until it has succeeded; `next_at` is its lease as well.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="disqus_forums")
    forum = models.CharField(max_length=100, help_text="Its short name at Disqus.")
    keys = models.TextField(editable=False, help_text="Secret key and access token, sealed.")
    is_active = models.BooleanField(default=True, db_default=True, help_text="It is read.")
    cursor = models.CharField(max_length=200, blank=True, editable=False)
    is_caught_up = models.BooleanField(default=False, db_default=False, help_text="Its newest posts have been read.")
    recent_cursor = models.CharField(max_length=200, blank=True, editable=False)
    recent_since = models.DateTimeField(null=True, blank=True, editable=False)
    whole_cursor = models.CharField(max_length=200, blank=True, editable=False)
    whole_read_at = models.DateTimeField(null=True, blank=True, help_text="When everything was last read again.")
    next_at = models.DateTimeField(db_default=Now())
    last_read_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, db_default=0, help_text="Readings in a row that have failed.")
    last_error = models.CharField(max_length=300, blank=True)
    taken = models.PositiveBigIntegerField(default=0, db_default=0, help_text="Comments that were new.")
    followed = models.PositiveBigIntegerField(default=0, db_default=0, help_text="Changes that were taken over.")
    skipped = models.PositiveBigIntegerField(default=0, db_default=0, help_text="Posts that could not be read.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = DisqusForumQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["site", "forum"], name="one_disqus_forum_per_name")]
        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=models.Q(is_active=True), name="due_disqus_forums")
        ]

    def __str__(self) -> str:
        return self.forum
