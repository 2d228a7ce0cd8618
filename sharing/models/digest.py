"""Digests: many notifications in one message, and when the next of them is due."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from articles.models import Site
from sharing.models.follow import Follow, Follower


class DigestClock(models.Model):
    """The digests of one frequency to a follower: where the open window began, and when it closes.

    It exists while she has a confirmed follow of that frequency.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # The migration holds the stronger rule: the follower is one of this very site.
    follower = models.ForeignKey(Follower, on_delete=models.CASCADE, related_name="clocks", db_constraint=False)
    frequency = models.CharField(max_length=16, choices=Follow.Frequency.choices)
    window_start = models.DateTimeField()
    next_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["follower", "frequency"], name="one_clock_per_frequency"),
        ]

    def __str__(self) -> str:
        return f"{self.frequency} of {self.follower_id}"


class Digest(models.Model):
    """One window of a recipient: what happened in [`window_start`, `window_end`) is told in one message.

    `scope` is a frequency, or `flood:ARTICLE` for what was too much of one thread within an hour. `since` says from
    when on each follow of its delivery counts, in the order of `Delivery.follow_ids`.

    Without a follower `scope` is `author` or `member`, the day of whoever has `address_key`, in which `since` has when
    the first of her notices was put in; or `summary`, a week of the whole site.
    """

    AUTHOR: ClassVar = "author"
    MEMBER: ClassVar = "member"
    SUMMARY: ClassVar = "summary"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # The migration holds the stronger rule: the follower is one of this very site, and the digest goes with her.
    follower = models.ForeignKey(
        Follower, null=True, on_delete=models.CASCADE, related_name="digests", db_constraint=False
    )
    address_key = models.CharField(max_length=64, blank=True, default="", db_default="")
    scope = models.CharField(max_length=32)
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    since = ArrayField(models.DateTimeField(), default=list)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["follower", "scope", "window_start"], name="one_digest_per_window"),
            models.UniqueConstraint(
                fields=["site", "address_key", "scope", "window_start"],
                condition=models.Q(follower__isnull=True),
                name="one_digest_per_address_and_window",
            ),
            models.CheckConstraint(
                condition=models.Q(window_end__gt=models.F("window_start")), name="digest_has_a_window"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} of {self.follower_id or 'no follower'} until {self.window_end:%Y-%m-%d %H:%M}"


class AuthorNotice(models.Model):
    """How often whoever has an address is told of her own articles; without a row, at once.

    That she wants nothing is a `Suppression`, here as from the leave link of a mail.
    """

    class Choice(models.TextChoices):
        IMMEDIATE = "immediate"
        DAILY = "daily"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    address_key = models.CharField(max_length=64)
    choice = models.CharField(max_length=16, choices=Choice)
    chosen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "address_key"], name="one_choice_per_author"),
        ]

    def __str__(self) -> str:
        return self.choice
