"""Where a site publishes: webhooks of its own, and its accounts at networks."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from articles.models import Site


class Channel(models.Model):
    """One way out of a site's own: what it is told of, in which words, and how it goes with it.

    `secret`, `old_secret` (which still signs until `old_secret_until`) and `session` are encrypted with this
    installation's key (`project.sealed`) and are shown nowhere. `busy_until` is the lease of whoever talks to it, so
    that one message at a time is under way; before `next_at` it is left alone.
    """

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"
        SLACK = "slack"
        DISCORD = "discord"
        TELEGRAM = "telegram"
        MASTODON = "mastodon"
        BLUESKY = "bluesky"

    class Event(models.TextChoices):
        ARTICLE_PUBLISHED = "article.published"
        COMMENT_PUBLISHED = "comment.published"
        COMMENT_CHANGED = "comment.changed"
        COMMENT_REMOVED = "comment.removed"
        SHARES_HOURLY = "shares.hourly"
        SHARES_MILESTONE = "shares.milestone"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=60, help_text="What people of the site call it.")
    settings = models.JSONField(default=dict, blank=True, help_text="What its kind asks for and is no secret.")
    events = ArrayField(models.CharField(max_length=32, choices=Event), help_text="What it is told of.")
    template = models.TextField(blank=True, help_text="Words of a post; blank: those of its kind.")
    is_active = models.BooleanField(default=True)

    secret = models.TextField(blank=True, editable=False)
    old_secret = models.TextField(blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, editable=False)
    session = models.TextField(blank=True, editable=False)

    next_at = models.DateTimeField(db_default=Now())
    busy_until = models.DateTimeField(null=True)
    is_slow = models.BooleanField(default=False, db_default=False)
    failures = models.PositiveIntegerField(default=0, db_default=0, help_text="In a row.")
    failing_since = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "name"], name="one_channel_per_name"),
            models.UniqueConstraint(fields=["site", "id"], name="channel_of_site"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
