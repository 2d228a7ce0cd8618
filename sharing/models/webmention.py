"""What other pages say of ours."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from articles.models import Article, Site


class Webmention(models.Model):
    """A page elsewhere that says it links to an article of ours, or to one comment of it.

    There is one row for each page and what it links to, however often it is announced, and by whichever protocol.
    `due_at` is when it is looked at next, null when nothing is to be done; moving it is also how a process claims the
    row. The comment that it became is found by its `ExternalRef`, which outlives this row.
    """

    class Protocol(models.TextChoices):
        WEBMENTION = "webmention", "Webmention"
        PINGBACK = "pingback", "Pingback"

    class State(models.TextChoices):
        WAITING = "waiting", "It will be looked at"
        TAKEN = "taken", "It became a comment"
        REFUSED = "refused", "It does not link here, or is not wanted"
        GONE = "gone", "It is there no more, and what it said was removed"
        FAILED = "failed", "It could not be read"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # The migration holds the stronger rule: the article is one of this very site.
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    # Not a foreign key: a comment that is purged leaves a mention of its article.
    about_comment = models.BigIntegerField(default=0, db_default=0, help_text="Id of the comment linked to, or 0.")
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    protocol = models.CharField(max_length=16, choices=Protocol, default=Protocol.WEBMENTION)
    source = models.CharField(max_length=2000)
    source_key = models.CharField(max_length=64, help_text="SHA-256 of the source.")
    target = models.CharField(max_length=2000, help_text="As it was sent last.")
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    says = models.CharField(max_length=300, blank=True, help_text="Why, where it was not taken.")
    kind = models.CharField(max_length=16, blank=True, help_text="reply, like, repost or mention.")
    published = models.CharField(max_length=40, blank=True, help_text="When it appeared, in its own words.")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(null=True, db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["article", "about_comment", "source_key"], name="one_mention_per_page_and_target"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="due_webmentions"),
            models.Index(fields=["site"], condition=models.Q(due_at__isnull=False), name="waiting_webmentions_of_site"),
        ]

    def __str__(self) -> str:
        return f"{self.source} ({self.state})"

    @property
    def outside_name(self) -> tuple[str, str]:
        """`source` and `external_id` of the reference by which its comment is found."""
        return f"article:{self.article_id}", f"{self.source_key}:{self.about_comment}"


class LinkingText(models.Model):
    """An article or a comment of a site that tells pages of links to them: its links are to be looked at.

    `comment` is its id, 0 for the article's own text; no foreign key, so that a row may be written before its comment.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    comment = models.BigIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(null=True, db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["article", "comment"], name="one_row_per_linking_text"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="due_linking_texts"),
        ]

    def __str__(self) -> str:
        return f"links of article {self.article_id}, comment {self.comment}"


class SentMention(models.Model):
    """A page that a text of ours links to, or did, and what its server was told of that.

    `version` is the SHA-256 of the text that is being told of, "" once the link is gone. It is told at most once: a row
    is `sending` from before the request until an answer is written, and is not taken up again by itself.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "To be told"
        SENDING = "sending", "Being told; the answer is not known if it stays so"
        TOLD = "told", "Told, and accepted"
        SILENT = "silent", "It takes no webmentions, or need not know"
        FAILED = "failed", "Refused, or not reached"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    comment = models.BigIntegerField(default=0, db_default=0)
    target = models.CharField(max_length=2000)
    target_key = models.CharField(max_length=64, help_text="SHA-256 of the target.")
    version = models.CharField(max_length=64, blank=True)
    was_told = models.BooleanField(default=False, db_default=False, help_text="It was told of the link.")
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    endpoint = models.CharField(max_length=2000, blank=True)
    says = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(null=True, db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["article", "comment", "target_key"], name="one_row_per_text_and_target"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="due_sent_mentions"),
        ]

    def __str__(self) -> str:
        return f"{self.target} ({self.state})"
