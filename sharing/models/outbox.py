"""The queue of record: what happened, and every message that must go out because of it."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from articles.models import Article, Site
from comments.models import Comment
from sharing.models.channel import Channel


class Notification(models.Model):
    """Something happened that people may be told of; written in the transaction of its cause.

    `cause_key` is its identity (`comment:12:published`), so that one cause is told once. `cursor` is the last
    follower that the fan-out has passed.
    """

    class Kind(models.TextChoices):
        COMMENT = "comment", "A comment was published"
        HELD = "held", "A comment waits for a moderator"
        ARTICLE = "article", "An article was published"
        SHARES = "shares", "An article was shared"
        MILESTONE = "milestone", "An article was shared so often for the first time"
        CHANGED = "changed", "A comment that is public says something else"
        REMOVED = "removed", "A comment is public no longer"

    # Site and article are looked for together with the time.
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind)
    cause_key = models.CharField(max_length=100, unique=True)
    # The first migration holds the stronger rule: the article is one of this very site.
    article = models.ForeignKey(
        Article, null=True, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    comment = models.ForeignKey(Comment, null=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now(), help_text="When the fan-out may begin.")
    cursor = models.BigIntegerField(default=0, db_default=0)
    fanned_out_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["due_at", "id"], condition=models.Q(fanned_out_at__isnull=True), name="waiting_notifications"
            ),
            models.Index(fields=["site", "created_at"], name="notifications_of_site"),
            models.Index(fields=["article", "created_at"], name="notifications_of_article"),
        ]

    def __str__(self) -> str:
        return self.cause_key


class Delivery(models.Model):
    """One message to one recipient over one channel, and how far it has come.

    Unique by (kind, cause_key, channel, target_key): whoever plans it twice plans it once. `target_key` of a mail is
    the recipient's address key; `follow_ids` are the follows that asked for it (none for authors and members). A post
    goes to a `site_channel`, whose kind and id are its channel and target; `remote` is what came of it there, and
    `doubt_at` when an answer was lost first.
    Waiting times are columns; attempts are counted when the row is claimed.
    """

    class Kind(models.TextChoices):
        CONFIRMATION = "confirmation"
        COMMENT = "comment"
        ARTICLE = "article"
        HELD = "held"
        SHARES = "shares"
        MILESTONE = "milestone"
        SIGN_IN = "sign_in"
        DIGEST = "digest"
        NOTICES = "notices", "Notices of a day, to an author or a member"
        SUMMARY = "summary", "A week of a site, to its owner"
        POST = "post", "A notification, told by a channel of the site"

    class Queue(models.TextChoices):
        CONFIRM = "confirm"
        MAIL = "mail"
        CHANNELS = "channels"

    class Status(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        AWAITING_RETRY = "awaiting_retry"
        FAILED = "failed"
        SKIPPED = "skipped", "No longer wanted or allowed when its turn came"
        UNKNOWN = "unknown", "Must not be repeated, and nobody knows whether it went out"

    class Why(models.TextChoices):
        """What the recipient is to the message; the most specific one names the reason in the mail."""

        FOLLOW = "follow"
        AUTHOR = "author"
        MEMBER = "member"
        READER = "reader"

    WAITING: ClassVar = frozenset({Status.QUEUED, Status.AWAITING_RETRY})
    # Somebody waits for it and may ask again: it is never sent twice.
    NEVER_REPEATED: ClassVar = frozenset({Kind.CONFIRMATION, Kind.SIGN_IN})

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind)
    cause_key = models.CharField(max_length=100)
    channel = models.CharField(max_length=16, default="email")
    target_key = models.CharField(max_length=64)
    notification = models.ForeignKey(Notification, null=True, on_delete=models.CASCADE, related_name="deliveries")
    # The first migration holds the stronger rule: the follower is one of this very site.
    follower = models.ForeignKey(
        "sharing.Follower", null=True, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False
    )
    digest = models.ForeignKey("sharing.Digest", null=True, on_delete=models.SET_NULL, related_name="deliveries")
    # Likewise: the channel is one of this very site.
    site_channel = models.ForeignKey(
        Channel, null=True, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False, db_index=False
    )
    follow_ids = ArrayField(models.BigIntegerField(), default=list)
    why = models.CharField(max_length=16, choices=Why, default=Why.FOLLOW)
    address = models.CharField(max_length=254, help_text="Where it goes, as typed.")
    language = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        help_text="Asked for by whoever caused it; a follower has her own.",
    )

    queue = models.CharField(max_length=16, choices=Queue, default=Queue.MAIL)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    token = models.UUIDField(default=uuid.uuid4, unique=True, help_text="Names the message for ever: Message-ID.")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, help_text="Too late to be of use after this.")
    last_error = models.CharField(max_length=500, blank=True)
    remote = models.CharField(max_length=500, blank=True, default="", db_default="")
    doubt_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "cause_key", "channel", "target_key"], name="one_delivery_per_recipient_and_cause"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["queue", "site", "next_attempt_at", "id"],
                condition=models.Q(status__in=["queued", "awaiting_retry"]),
                name="due_deliveries",
            ),
            models.Index(
                fields=["site_channel", "next_attempt_at", "id"],
                condition=models.Q(site_channel__isnull=False, status__in=["queued", "awaiting_retry"]),
                name="due_posts",
            ),
            models.Index(
                fields=["site_channel", "-id"],
                condition=models.Q(site_channel__isnull=False),
                name="posts_of_channel",
            ),
            # Rows come in the order of time, so that a few pages of this index tell those of the last day.
            BrinIndex(fields=["created_at"], name="recent_deliveries"),
            models.Index(fields=["lease_until"], condition=models.Q(status="sending"), name="leased_deliveries"),
            models.Index(
                fields=["site", "target_key", "created_at"],
                condition=models.Q(kind="sign_in"),
                name="sign_ins_of_address",
            ),
            models.Index(
                fields=["target_key", "created_at"],
                condition=models.Q(kind="confirmation"),
                name="confirmations_of_address",
            ),
            models.Index(
                fields=["site", "settled_at"],
                condition=models.Q(kind="confirmation"),
                name="confirmations_of_site",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.cause_key} ({self.status})"


class SendingPause(models.Model):
    """Nothing is sent for a site, or, without one, for any, as long as the row stands. What is planned waits."""

    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="None: all sites."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site"],
                nulls_distinct=False,
                name="one_pause_per_site",
                violation_error_message="Sending is paused already.",
            ),
        ]

    def __str__(self) -> str:
        return f"pause of {self.site.slug if self.site else 'all sites'}"
