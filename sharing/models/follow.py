"""Followers, what they follow, and the record of their consent."""

from __future__ import annotations

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from articles.models import Article, Site
from comments.models import Comment


class Follower(models.Model):
    """An address on one site; never a user account.

    `address` is kept as typed, for sending; `address_key` is the keyed hash of its canonical form
    (`project.addresses.email_key`), by which it is found.
    """

    # Without an index of its own, as that of `ArticleKey`.
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    address = models.CharField(max_length=254)
    address_key = models.CharField(max_length=64)
    language = models.CharField(max_length=16, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    hour = models.PositiveSmallIntegerField(default=8, db_default=8, help_text="When her digests come, in her zone.")
    weekday = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Of weekly ones; 0 is Monday.")
    manage_nonce = models.UUIDField(default=uuid.uuid4)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "address_key"], name="one_follower_per_address"),
            models.UniqueConstraint(fields=["site", "id"], name="follower_of_site"),
            models.CheckConstraint(condition=models.Q(hour__lte=23, weekday__lte=6), name="digests_have_an_hour"),
        ]

    def __str__(self) -> str:
        return f"follower {self.pk} of {self.site_id}"


class FollowQuerySet(models.QuerySet["Follow"]):
    def confirmed(self) -> Self:
        return self.filter(status=Follow.Status.CONFIRMED)


class Follow(models.Model):
    """An address asked to be told of something.

    `target_key` names the target within the site: "" for the site, the id of an article or comment as text, or
    the folded tag or author name.
    """

    class Target(models.TextChoices):
        SITE = "site"
        TAG = "tag"
        AUTHOR = "author"
        ARTICLE = "article"
        COMMENT = "comment"

    class Status(models.TextChoices):
        UNCONFIRMED = "unconfirmed"
        CONFIRMED = "confirmed"
        UNSUBSCRIBED = "unsubscribed"

    class Frequency(models.TextChoices):
        IMMEDIATE = "immediate", _("at once")
        DAILY = "daily", _("once a day")
        WEEKLY = "weekly", _("once a week")

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # The first migration holds the stronger rules: follower and article are of this very site, the comment is one of
    # this very article.
    follower = models.ForeignKey(
        Follower, on_delete=models.CASCADE, related_name="follows", db_constraint=False, db_index=False
    )
    target_kind = models.CharField(max_length=16, choices=Target)
    target_key = models.CharField(max_length=200, blank=True)
    article = models.ForeignKey(
        Article, null=True, on_delete=models.CASCADE, related_name="follows", db_constraint=False
    )
    comment = models.ForeignKey(
        Comment, null=True, on_delete=models.CASCADE, related_name="follows", db_constraint=False
    )
    frequency = models.CharField(max_length=16, choices=Frequency, default=Frequency.IMMEDIATE)
    status = models.CharField(max_length=16, choices=Status, default=Status.UNCONFIRMED)
    request = models.PositiveIntegerField(
        default=1, help_text="Rises when an ended follow is asked for again; an older confirmation then says nothing."
    )
    confirmation_asked_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    unsubscribed_at = models.DateTimeField(null=True)
    frequency_since = models.DateTimeField(null=True, help_text="When she last changed it, if she has.")
    immediate_until = models.DateTimeField(
        null=True, help_text="When she last changed it from immediate: what happened before is told singly."
    )
    reference = models.CharField(
        max_length=26,
        blank=True,
        db_default="",
        help_text="Of the shared address after which it was asked for; forgotten when it is confirmed.",
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = FollowQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["follower", "target_kind", "target_key"], name="one_follow_per_target_and_follower"
            ),
            models.CheckConstraint(
                condition=~models.Q(status="confirmed") | models.Q(confirmed_at__isnull=False),
                name="confirmed_follow_has_a_date",
            ),
            models.CheckConstraint(
                condition=models.Q(target_kind="comment", comment__isnull=False, article__isnull=False)
                | models.Q(target_kind="article", comment__isnull=True, article__isnull=False)
                | models.Q(target_kind__in=["site", "tag", "author"], comment__isnull=True, article__isnull=True),
                name="follow_points_at_its_target",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["site", "target_kind", "target_key", "follower"],
                condition=models.Q(status="confirmed"),
                name="confirmed_follows",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target_kind}:{self.target_key} ({self.status})"


class Consent(models.Model):
    """One step in the life of a follow, as evidence; append-only, and without the address itself."""

    class Event(models.TextChoices):
        REQUESTED = "requested"
        CONFIRMATION_SENT = "confirmation_sent"
        CONFIRMED = "confirmed"
        UNSUBSCRIBED = "unsubscribed"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    address_key = models.CharField(max_length=64)
    target_kind = models.CharField(max_length=16, choices=Follow.Target)
    target_key = models.CharField(max_length=200, blank=True)
    event = models.CharField(max_length=32, choices=Event)
    door = models.CharField(max_length=32, help_text="Where it happened: api, page, comment-form, one-click, mail …")
    wording = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the words that were shown or sent.")
    language = models.CharField(
        max_length=16, blank=True, default="", db_default="", help_text="In which those words were."
    )
    happened_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["site", "address_key", "id"])]

    def __str__(self) -> str:
        return f"{self.event} {self.target_kind}:{self.target_key}"


class Suppression(models.Model):
    """An address that is not mailed: at all, or not about one kind of thing."""

    class Kind(models.TextChoices):
        HARD_BOUNCE = "hard_bounce"
        SOFT_BOUNCES = "soft_bounces"
        COMPLAINT = "complaint"
        MANUAL = "manual"
        REFUSED = "refused", "Was asked for a follow in her name, and wants to be asked no more"
        AUTHOR = "author", "Wants no notices about her own articles"
        MEMBER = "member", "Wants no notices about held comments"
        SUMMARY = "summary", "Wants no summary of each week"

    # What silences every message to an address; the others silence their own kind only.
    TOTAL: ClassVar = frozenset({Kind.HARD_BOUNCE, Kind.SOFT_BOUNCES, Kind.COMPLAINT, Kind.MANUAL})
    # What keeps strangers from having an address asked whether it wants to follow.
    NO_CONFIRMATION: ClassVar = TOTAL | {Kind.REFUSED}

    # Without an index of its own, as that of `ArticleKey`.
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    address_key = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=Kind)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "address_key", "kind"], name="one_suppression_per_kind"),
        ]

    def __str__(self) -> str:
        return self.kind
