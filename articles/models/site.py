"""Sites, strictly apart from one another, and who may act for them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now


class Site(models.Model):
    """One publication: the owner of articles, comments, follows and settings."""

    class Moderation(models.TextChoices):
        """Whose comments wait for a moderator before anybody sees them."""

        OPEN = "open", "Nobody's, unless a rule holds them"
        NEWCOMERS = "newcomers", "Those of authors without an approved comment"
        ALL = "all", "Everybody's"

    class Sort(models.TextChoices):
        BEST = "best"
        NEWEST = "newest"
        OLDEST = "oldest"
        HOT = "hot"
        CONTROVERSIAL = "controversial"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    moderation = models.CharField(max_length=16, choices=Moderation, default=Moderation.OPEN)
    default_sort = models.CharField(max_length=16, choices=Sort, default=Sort.BEST)
    anonymous_votes = models.BooleanField(
        default=True, db_default=True, help_text="Readers without an account may vote, each known by a token of hers."
    )
    votes_per_network = models.PositiveSmallIntegerField(
        default=3,
        db_default=3,
        help_text="Anonymous votes on one comment that may come from one network; 0 for any number.",
    )
    max_links = models.PositiveSmallIntegerField(default=3, help_text="A comment with more links than this is held.")
    max_length = models.PositiveIntegerField(
        default=10_000,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text="The longest comment, in characters.",
    )
    held_words = ArrayField(
        models.CharField(max_length=100), default=list, blank=True, help_text="A comment with one of these is held."
    )
    announce_hours = models.PositiveSmallIntegerField(
        default=48, help_text="An article older than this when we first hear of it is not announced to followers."
    )
    edit_minutes = models.PositiveSmallIntegerField(
        default=15, db_default=15, help_text="How long authors may edit and delete what they wrote; 0 for never."
    )
    hold_after_reports = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="Reports from so many different networks hold a comment until a moderator has looked; 0 for never.",
    )
    mails_per_thread = models.PositiveSmallIntegerField(
        default=5,
        db_default=5,
        help_text="Mails of one thread that a follower gets within an hour; the rest comes in one. 0 for any number.",
    )
    guests = models.BooleanField(
        default=True, db_default=True, help_text="Readers may comment without having proven who they are."
    )
    forget_networks_days = models.PositiveSmallIntegerField(
        default=30, db_default=30, help_text="Days after which the hash of a comment's network is forgotten."
    )
    send_webmentions = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Pages that articles and comments link to from now on are told so, where they want to be.",
    )
    version = models.BigIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.slug


class SiteOrigin(models.Model):
    """A host (and port) whose pages belong to a site; several sites may share one."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="origins")
    origin = models.CharField(max_length=255, help_text="Host and, where it is not a default one, port.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "origin"], name="one_origin_once_per_site")]
        indexes = [models.Index(fields=["origin", "site"])]

    def __str__(self) -> str:
        return self.origin


class ApiKey(models.Model):
    """A publisher's key: shown once, kept as a digest, limited to scopes."""

    class Scope(models.TextChoices):
        ARTICLES = "articles"
        MODERATE = "moderate"
        FOLLOWS = "follows"
        EXPORT = "export"
        ADMIN = "admin"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=16, help_text="The beginning of the key, to tell keys apart.")
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.site})"

    def allows(self, scope: str) -> bool:
        """Tell whether the key carries a scope; `admin` carries them all."""
        return scope in self.scopes or self.Scope.ADMIN in self.scopes


class SignOn(models.Model):
    """How a publisher vouches for readers: a secret shared with us, public keys, or Disqus' single sign-on.

    `secret` is encrypted with this installation's key; `keys` is a JWK set, read from `keys_url` from time to time
    where one is given.
    """

    class Kind(models.TextChoices):
        HMAC = "hmac", "JWT signed with a shared secret (HS256)"
        KEYS = "keys", "JWT signed with a private key (RS256, ES256)"
        DISQUS = "disqus", "Disqus remote_auth_s3"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="sign_ons")
    kind = models.CharField(max_length=16, choices=Kind)
    issuer = models.CharField(max_length=255, blank=True, help_text="The `iss` that tokens must carry, if any.")
    audience = models.CharField(max_length=255, blank=True, help_text="The `aud` that tokens must carry.")
    public_key = models.CharField(max_length=255, blank=True, help_text="Disqus' public key of the site, `api_key`.")
    secret = models.TextField(blank=True, editable=False)
    keys_url = models.CharField(max_length=2000, blank=True)
    keys = models.JSONField(default=dict, blank=True)
    keys_read_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} sign-on of {self.site}"


class IdempotencyRecord(models.Model):
    """The answer to a request that created something, for whoever sends the same again within a day.

    Written in the transaction of the effect. `answer` holds no token: that of a comment is derived again.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    route = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64, help_text="SHA-256 of the raw body and the credential.")
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "route", "key"], name="one_answer_per_key"),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_by_age")]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"


class Member(models.Model):
    """A person who runs or moderates a site; told of held comments by mail, and, as its owner, of each week."""

    class Role(models.TextChoices):
        OWNER = "owner"
        MODERATOR = "moderator"

    class Notice(models.TextChoices):
        IMMEDIATE = "immediate", "at once"
        DAILY = "daily", "once a day"
        NONE = "none", "nothing"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role, default=Role.MODERATOR)
    notice = models.CharField(
        max_length=16, choices=Notice, default=Notice.IMMEDIATE, help_text="How often held comments are told of."
    )
    summary = models.BooleanField(
        default=True, db_default=True, help_text="Owners get a summary of each week, unless they want no notices."
    )

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["site", "user"], name="one_membership_per_site")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role} of {self.site})"
