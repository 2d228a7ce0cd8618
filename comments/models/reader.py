"""People who have proven who they are, and the sessions in which they speak."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from articles.models import Site


class Reader(models.Model):
    """Somebody known on one site: made when an address, or a subject of the site's own sign-in, is proven.

    A guest has no row. `address_key` is the keyed hash under which an address is compared; at most one reader of a site
    has it. After erasure the row stays without anything that tells who it was.
    """

    class Role(models.TextChoices):
        STAFF = "staff", "Runs the site"
        MODERATOR = "moderator", "Moderates the site"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="readers")
    name = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=254, blank=True)
    address_key = models.CharField(max_length=64, blank=True)
    url = models.CharField(max_length=2000, blank=True)
    name_key = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="As what the name passes for, see project.names.",
    )
    role = models.CharField(
        max_length=16, choices=Role, blank=True, default="", db_default="", help_text="What she is to the site."
    )
    spread_from = models.DateTimeField(
        null=True, help_text="Since when some of her comments may show an older name or role of hers; null for none."
    )
    created_at = models.DateTimeField(db_default=Now())
    verified_at = models.DateTimeField(null=True, help_text="When she last proved who she is.")
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "id"], name="reader_of_site"),
            models.UniqueConstraint(
                fields=["site", "address_key"], condition=~models.Q(address_key=""), name="one_reader_per_address"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["site", "name_key"], condition=~models.Q(name_key=""), name="readers_by_name"),
            models.Index(
                fields=["spread_from"], condition=models.Q(spread_from__isnull=False), name="readers_to_spread"
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"reader {self.pk}"


class Identity(models.Model):
    """How a reader is known elsewhere: a subject of the site's single sign-on, of Disqus, of a social network."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # The fourth migration holds the stronger rule, here and below: the reader is one of this very site.
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="identities", db_constraint=False)
    provider = models.CharField(max_length=32)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "provider", "subject"], name="one_reader_per_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.subject}"


class ReaderSession(models.Model):
    """A bearer session, stored as the SHA-256 of its token; over when it expires or its reader ends it.

    With the method CODE it is none yet: the keyed hash of a code that opens it once, `label` the method it will have.
    """

    CODE: ClassVar = "code"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="sessions", db_constraint=False)
    digest = models.CharField(max_length=64, unique=True)
    method = models.CharField(max_length=32, help_text="How she proved who she is.")
    label = models.CharField(max_length=200, blank=True, help_text="The browser, as she may recognise it.")
    created_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["reader", "-id"], name="sessions_of_reader")]

    def __str__(self) -> str:
        return f"{self.method} session of {self.reader_id}"


class SpentToken(models.Model):
    """A token that works once and was used; forgotten when it would have expired anyway."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    purpose = models.CharField(max_length=32)
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "purpose", "digest"], name="a_token_is_spent_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="spent_tokens_by_expiry")]

    def __str__(self) -> str:
        return f"{self.purpose} until {self.expires_at}"


class Mute(models.Model):
    """A reader does not want to see what somebody says; `muted_key` is `reader:ID` or `guest:` and an author key."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="mutes", db_constraint=False)
    muted_key = models.CharField(max_length=80)
    label = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reader", "muted_key"], name="nobody_is_muted_twice"),
        ]

    def __str__(self) -> str:
        return f"{self.reader_id} mutes {self.label}"
