"""The comment and its place in the tree."""

from __future__ import annotations

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Now

from articles.models import Article, Site


class Provider(models.TextChoices):
    """Where a comment came from; each has a tab and a counter of its own."""

    NATIVE = "native", "Comments"
    WORDPRESS = "wordpress", "WordPress"
    DISQUS = "disqus", "Disqus"
    WEBMENTION = "webmention", "Webmentions"
    MASTODON = "mastodon", "Mastodon"
    BLUESKY = "bluesky", "Bluesky"


class CommentQuerySet(models.QuerySet["Comment"]):
    def of(self, article: Article) -> Self:
        return self.filter(article=article)

    def approved(self) -> Self:
        """Those that the public may read."""
        return self.filter(status=Comment.Status.APPROVED)

    def shown(self) -> Self:
        """Those that stand in the public tree: approved ones, and tombstones above them."""
        return self.filter(Comment.SHOWN)


class Comment(models.Model):
    """What somebody said below an article.

    The tree is `parent`, `root` (its own id for a root) and `depth` (0 for a root), written once.
    `shown_replies` counts direct replies that are approved or tombstones; `reply_count` is what the API calls it:
    of a root the approved comments of its branch, of a reply its approved direct replies.
    `changed_version` is the version of the thread in which the public last saw the comment change,
    `shown_version` the one in which it last became visible.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        SPAM = "spam"
        REMOVED = "removed"

    SHOWN: ClassVar = models.Q(status="approved") | models.Q(shown_replies__gt=0)

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    # The first migration holds the stronger rules: the article is one of this very site, parent and root are
    # comments of this very article.
    article = models.ForeignKey(
        Article, on_delete=models.CASCADE, related_name="comments", db_constraint=False, db_index=False
    )
    parent = models.ForeignKey(
        "self", on_delete=models.DO_NOTHING, null=True, related_name="replies", db_constraint=False, db_index=False
    )
    root = models.ForeignKey(
        "self", on_delete=models.DO_NOTHING, related_name="branch", db_constraint=False, db_index=False
    )
    depth = models.PositiveIntegerField()
    provider = models.CharField(max_length=16, choices=Provider, default=Provider.NATIVE)

    # Null for a guest.
    reader = models.ForeignKey(
        "comments.Reader",
        null=True,
        on_delete=models.SET_NULL,
        related_name="comments",
        db_constraint=False,
        db_index=False,
    )
    author_name = models.CharField(max_length=200)
    author_email = models.CharField(max_length=254, blank=True)
    author_url = models.CharField(max_length=2000, blank=True)
    author_key = models.CharField(
        max_length=64, blank=True, help_text="Keyed hash of the author's address, to tell authors apart."
    )
    author_role = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        help_text="What her reader is to this article: author, staff, moderator or verified; empty for a guest.",
    )
    voter_key = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",
        help_text="As whom the author votes: never on this comment.",
    )

    network_key = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",
        help_text="Keyed hash of the author's network, kept for some weeks.",
    )

    source = models.TextField()
    html = models.TextField()
    text = models.TextField()
    renderer = models.PositiveSmallIntegerField()
    revision = models.PositiveIntegerField(default=1, db_default=1)
    nonce = models.UUIDField(default=uuid.uuid4)

    status = models.CharField(max_length=16, choices=Status)
    reason = models.CharField(max_length=64, blank=True, help_text="Which rule or whose decision gave the status.")
    created_at = models.DateTimeField(db_default=Now())
    published_at = models.DateTimeField(null=True)
    edited_at = models.DateTimeField(null=True)
    pinned_at = models.DateTimeField(null=True)

    up = models.PositiveIntegerField(default=0, db_default=0)
    down = models.PositiveIntegerField(default=0, db_default=0)
    best = models.FloatField(default=0, db_default=0)
    hot = models.FloatField(default=0, db_default=0)
    controversial = models.FloatField(default=0, db_default=0)
    reply_count = models.PositiveIntegerField(default=0, db_default=0)
    shown_replies = models.PositiveIntegerField(default=0, db_default=0)
    changed_version = models.BigIntegerField(default=0, db_default=0)
    shown_version = models.BigIntegerField(null=True)

    objects = CommentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["article", "id"], name="comment_of_article"),
            models.CheckConstraint(
                condition=models.Q(parent__isnull=True, depth=0, root=models.F("id"))
                | models.Q(parent__isnull=False, depth__gt=0),
                name="root_comment_is_its_own_root",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="approved") | models.Q(published_at__isnull=False),
                name="approved_comment_was_published",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["article", "created_at", "id"],
                condition=models.Q(parent__isnull=True) & (models.Q(status="approved") | models.Q(shown_replies__gt=0)),
                name="shown_roots",
            ),
            models.Index(
                fields=["parent", "created_at", "id"],
                condition=models.Q(status="approved") | models.Q(shown_replies__gt=0),
                name="shown_replies",
            ),
            # Roots by score, ties newest first; read backwards from the end, so that no column needs its own direction.
            *(
                models.Index(
                    fields=["article", score, "created_at", "id"],
                    condition=models.Q(parent__isnull=True)
                    & (models.Q(status="approved") | models.Q(shown_replies__gt=0)),
                    name=f"{score}_roots",
                )
                for score in ("best", "hot", "controversial")
            ),
            models.Index(fields=["reader", "-id"], condition=models.Q(reader__isnull=False), name="comments_of_reader"),
            models.Index(fields=["site", "author_key"], condition=~models.Q(author_key=""), name="comments_of_address"),
            models.Index(fields=["created_at"], condition=~models.Q(network_key=""), name="comments_with_network"),
            models.Index(fields=["article", "changed_version"], name="comment_changes"),
            models.Index(
                fields=["article", "-pinned_at", "-id"],
                condition=models.Q(pinned_at__isnull=False),
                name="pinned_roots",
            ),
            # For the database's own cascade from parent to reply.
            models.Index(fields=["article", "parent"], name="comment_parent", condition=models.Q(parent__isnull=False)),
            models.Index(fields=["root"], name="comment_root"),
            models.Index(
                fields=["site", "status", "id"], condition=~models.Q(status="approved"), name="moderators_queue"
            ),
            models.Index(
                fields=["site", "-created_at", "-id"], condition=models.Q(status="approved"), name="recent_comments"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.author_name}: {self.text[:40]}"

    @property
    def is_approved(self) -> bool:
        return self.status == self.Status.APPROVED

    @property
    def fragment(self) -> str:
        """The anchor of the comment on its page."""
        return f"#comment-{self.pk}"
