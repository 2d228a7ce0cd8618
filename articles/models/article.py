"""Articles and all the addresses under which they are known."""

from __future__ import annotations

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from articles.models.site import Site


class ArticleQuerySet(models.QuerySet["Article"]):
    def of(self, site: Site) -> Self:
        return self.filter(site=site)

    def public(self) -> Self:
        """Those whose page and thread anybody may see."""
        return self.filter(visibility=Article.Visibility.PUBLIC)

    def due(self) -> Self:
        """Scheduled ones whose hour has come, by the database's clock."""
        return self.filter(visibility=Article.Visibility.SCHEDULED, published_at__lte=Now())


class Article(models.Model):
    """A page that is commented on, shared and followed.

    `html` has been sanitised. `url` is the address as the publisher spells it; what is compared are
    the canonical forms in `ArticleKey`. A page known only because a reader wrote below it has a title at most.
    """

    class Visibility(models.TextChoices):
        PUBLIC = "public"
        SCHEDULED = "scheduled"
        HIDDEN = "hidden"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="articles")
    visibility = models.CharField(max_length=16, choices=Visibility, default=Visibility.PUBLIC)
    state = models.CharField(
        max_length=32, blank=True, help_text="What an import called its state: draft, private, trash, deleted …"
    )
    title = models.CharField(max_length=500, blank=True)
    url = models.CharField(max_length=2000, blank=True)
    identifier = models.CharField(max_length=500, blank=True)
    summary = models.TextField(blank=True)
    html = models.TextField(blank=True)
    author_name = models.CharField(max_length=200, blank=True)
    author_email = models.CharField(max_length=254, blank=True)
    image = models.CharField(max_length=2000, blank=True)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    source_name = models.CharField(max_length=200, blank=True)
    source_author = models.CharField(max_length=200, blank=True)
    source_title = models.CharField(max_length=500, blank=True)
    source_url = models.CharField(max_length=2000, blank=True)
    comments_open = models.BooleanField(default=True)
    published_at = models.DateTimeField(null=True, blank=True)
    announced_at = models.DateTimeField(
        null=True, blank=True, help_text="When followers were told of it, or when it was decided that they are not."
    )
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ArticleQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # The target of every composite foreign key that keeps sites apart.
            models.UniqueConstraint(fields=["site", "id"], name="article_of_site"),
            models.CheckConstraint(
                condition=~models.Q(visibility="scheduled") | models.Q(published_at__isnull=False),
                name="scheduled_article_has_a_date",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["site", "-published_at", "-id"], condition=models.Q(visibility="public"), name="public_articles"
            ),
            models.Index(
                fields=["published_at"], condition=models.Q(visibility="scheduled"), name="scheduled_articles"
            ),
            GinIndex(fields=["tags"], name="article_tags"),
        ]

    def __str__(self) -> str:
        return self.title or self.url or self.identifier

    def get_absolute_url(self) -> str:
        """The path of our own page of this article."""
        return f"/a/{self.pk}"

    @property
    def page_url(self) -> str:
        """The address of our own page of this article, absolute."""
        return f"{settings.PUBLIC_URL}{self.get_absolute_url()}"

    @property
    def public_url(self) -> str:
        """The address that readers share: the publisher's page, or ours where there is none."""
        return self.url or self.page_url

    @property
    def takes_mentions(self) -> bool:
        """Whether pages elsewhere that link here become comments: where anybody may comment."""
        return self.is_public and self.comments_open and self.site.guests

    @property
    def mention_door(self) -> str:
        """Where other pages say by Webmention that they link here, absolute; "" where that is not taken."""
        return f"{settings.PUBLIC_URL}/webmention" if self.takes_mentions else ""

    @property
    def is_public(self) -> bool:
        return self.visibility == self.Visibility.PUBLIC


class ArticleKey(models.Model):
    """One address of an article: a canonical URL, or the publisher's identifier.

    The uniqueness of (site, kind, key) is what makes two names mean one page.
    """

    class Kind(models.TextChoices):
        URL = "url"
        IDENTIFIER = "identifier"

    class GivenBy(models.TextChoices):
        PUBLISHER = "publisher"
        READER = "reader", "A reader's first write; moves to the article that the publisher names"

    # Looked up by the unique index, which begins with the site. Another one on the site alone would be taken for it
    # while a site is new to the planner: each look-up of an import would walk all that the import has written.
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    # The first migration holds the stronger rule: the article is one of this very site.
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="keys", db_constraint=False)
    kind = models.CharField(max_length=16, choices=Kind)
    key = models.CharField(max_length=2000)
    given_by = models.CharField(max_length=16, choices=GivenBy, default=GivenBy.PUBLISHER)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "kind", "key"], name="one_article_per_address"),
        ]

    def __str__(self) -> str:
        return self.key
