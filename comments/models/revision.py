"""The texts that a comment had, and what readers reported about it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from articles.models import ApiKey, Site
from comments.models.comment import Comment
from comments.models.reader import Reader


class Revision(models.Model):
    """One text of a comment that was edited; the first one is written with the first edit.

    `number` is the `revision` of the comment while it had this text. Append-only; erasure empties `source`.
    """

    class Editor(models.TextChoices):
        AUTHOR = "author"
        MODERATOR = "moderator"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    source = models.TextField()
    text_hash = models.CharField(max_length=64, help_text="SHA-256 of the source.")
    editor = models.CharField(max_length=16, choices=Editor)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["comment", "number"], name="one_text_per_revision"),
        ]

    def __str__(self) -> str:
        return f"revision {self.number} of {self.comment_id}"


class Report(models.Model):
    """A reader asks a moderator to look at a comment; once per reader, whoever she says she is."""

    class Reason(models.TextChoices):
        SPAM = "spam", "Spam or advertising"
        ABUSE = "abuse", "Abuse of somebody"
        OFF_TOPIC = "off_topic", "Off topic"
        PRIVACY = "privacy", "Somebody's privacy"
        ILLEGAL = "illegal", "Against the law"
        OTHER = "other", "Something else"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="reports")
    # The fourth migration holds the stronger rule: the reader is one of this very site.
    reader = models.ForeignKey(Reader, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False)
    reporter_key = models.CharField(max_length=32, help_text="Keyed hash of who reports: a reader, voter or network.")
    reason = models.CharField(max_length=16, choices=Reason)
    network_key = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",
        help_text="Keyed hash of the reporter's network: whoever has many tokens has few networks.",
    )
    detail = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["comment", "reporter_key"], name="one_report_per_reader"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["site", "comment", "-id"], condition=models.Q(resolved_at=None), name="open_reports"),
            models.Index(fields=["created_at"], condition=~models.Q(network_key=""), name="reports_with_network"),
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.comment_id}"
