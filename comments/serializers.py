"""The one public shape of a comment (contract, section 3), and the same shapes described for OpenAPI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from django.conf import settings
from django.urls import reverse
from drf_spectacular.helpers import lazy_serializer
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from articles.models import Article, Site
from comments.models import Comment, Provider
from comments.selectors import Changes, CommentRow, Counts, OwnComments, Permalink, RecentComment, ReplyPage, ThreadPage
from comments.threads import Branch, walk


class Shown(Protocol):
    """What is told of a comment: a `Comment`, or the row of a big read."""

    @property
    def id(self) -> int: ...
    @property
    def parent_id(self) -> int | None: ...
    @property
    def root_id(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def provider(self) -> str: ...
    @property
    def author_name(self) -> str | None: ...
    @property
    def author_url(self) -> str | None: ...
    @property
    def author_role(self) -> str | None: ...
    @property
    def html(self) -> str | None: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def edited_at(self) -> datetime | None: ...
    @property
    def status(self) -> str: ...
    @property
    def pinned_at(self) -> datetime | None: ...
    @property
    def up(self) -> int: ...
    @property
    def down(self) -> int: ...
    @property
    def reply_count(self) -> int: ...


def comment_data(row: Shown, article: Article, *, disclosed: bool = False) -> dict[str, Any]:
    """Return a comment as JSON values, without its replies.

    A comment that is not approved comes out as a tombstone. `disclosed` shows it as it is: to its author, who
    must see what she wrote, and to moderators.
    """
    approved = row.status == Comment.Status.APPROVED
    visible = approved or disclosed
    return {
        "id": row.id,
        "parent": row.parent_id,
        "root": row.root_id,
        "depth": row.depth,
        "author": _author(row) if visible else None,
        "html": row.html if visible else None,
        "created_at": rfc3339(row.created_at),
        "edited_at": rfc3339(row.edited_at) if visible else None,
        "status": row.status if visible else Comment.Status.REMOVED.value,
        "provider": row.provider,
        "permalink": f"{page_address(article)}#comment-{row.id}",
        "pinned": approved and row.pinned_at is not None,
        "up": row.up,
        "down": row.down,
        "score": row.up - row.down,
        "reply_count": row.reply_count,
        "replies": [],
        "next_replies": None,
    }


def branches_data(tops: Iterable[Branch[CommentRow]], article: Article) -> list[dict[str, Any]]:
    """Return comments with the replies at hand nested in them, however deep they go."""
    built: dict[int, dict[str, Any]] = {}
    listed: list[dict[str, Any]] = []
    for branch in walk(tops):
        data = built[branch.comment.id] = comment_data(branch.comment, article)
        data["next_replies"] = branch.next_replies
        above = built.get(branch.comment.parent_id) if branch.comment.parent_id is not None else None
        (listed if above is None else above["replies"]).append(data)
    return listed


def thread_data(page: ThreadPage, url: str = "", identifier: str = "", *, comments_open: bool = True) -> dict[str, Any]:
    """Return the thread page; one without an article is described by what was asked for and `comments_open`."""
    article = page.article
    about: dict[str, Any] = {
        "id": article.pk if article else None,
        "url": (article.url if article else url) or None,
        "identifier": (article.identifier if article else identifier) or None,
        "title": article.title if article else "",
        "comments_open": article.comments_open if article else comments_open,
        "counts": {"total": page.total, **page.counts},
    }
    return {
        "article": about,
        "version": page.version,
        "sort": page.sort,
        "comments": branches_data(page.branches, article) if article else [],
        "next": page.next,
        "stream": f"{settings.PUBLIC_URL}{reverse('article-stream', args=[article.pk])}" if article else None,
    }


def mine_data(article: Article | None, own: OwnComments, votes: Mapping[int, int], muted: list[int]) -> dict[str, Any]:
    """Return what one reader sees beside the thread: her comments that are still held, as she wrote them, those that
    she may still change, votes, and the ids of comments by those whom she has muted."""
    pending = [comment_data(comment, article, disclosed=True) for comment in own.pending] if article else []
    marks = {str(comment_id): value for comment_id, value in votes.items()}
    return {"votes": marks, "editable": own.editable, "pending": pending, "muted": muted}


def changes_data(changes: Changes, article: Article | None) -> dict[str, Any]:
    """Return what changed as flat lists: no comment brings its replies along."""

    def flat(rows: Iterable[CommentRow]) -> list[dict[str, Any]]:
        return [comment_data(row, article) for row in rows] if article else []

    return {
        "version": changes.version,
        "added": flat(changes.added),
        "changed": flat(changes.changed),
        "removed": changes.removed,
    }


def replies_data(page: ReplyPage) -> dict[str, Any]:
    return {"comments": branches_data(page.branches, page.article), "next": page.next}


def permalink_data(found: Permalink) -> dict[str, Any]:
    """Return the comment with its branch, and under `ancestors` those above it, the outermost first, bare."""
    [data] = branches_data([found.branch], found.article)
    return data | {"ancestors": [comment_data(row, found.article) for row in found.ancestors]}


def counts_data(counted: Counts) -> dict[str, Any]:
    counts = [{"url": page.url, "total": page.total, **page.comments, "shares": page.shares} for page in counted.pages]
    return {"counts": counts}


def recent_data(found: Iterable[RecentComment]) -> dict[str, Any]:
    """Return a flat list; each comment names its article, because a front page mixes many."""
    return {
        "comments": [comment_data(each.comment, each.article) | {"article": headline(each.article)} for each in found]
    }


def headline(article: Article) -> dict[str, Any]:
    """Return what a list that mixes many articles says of the one that a comment stands below."""
    return {"id": article.pk, "url": article.public_url, "title": article.title}


def page_address(article: Article) -> str:
    """Return the address of the page that the comments stand on, without a fragment."""
    return article.public_url.partition("#")[0]


def rfc3339(moment: datetime | None) -> str | None:
    """Return a time as it travels in JSON: in UTC with `Z`, as exact as the database has it."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _author(row: Shown) -> dict[str, Any]:
    # A guest proves nothing about herself, so she has no role; pictures would need an address of ours.
    return {"name": row.author_name, "url": row.author_url or None, "avatar": None, "role": row.author_role or None}


class AuthorSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    url = serializers.CharField(allow_null=True)
    avatar = serializers.CharField(allow_null=True, help_text="An address of ours, never a hash of an e-mail address.")
    role = serializers.ChoiceField(["author", "moderator", "staff", "verified"], allow_null=True)


class CommentSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    # The contract's names are also those of two properties of DRF, which looks its fields up elsewhere.
    parent = serializers.IntegerField(allow_null=True)  # type: ignore[assignment]
    root = serializers.IntegerField(help_text="A root's own id.")  # type: ignore[assignment]
    depth = serializers.IntegerField(help_text="0 for a root.")
    author = AuthorSerializer(allow_null=True)
    html = serializers.CharField(allow_null=True, help_text="Sanitised; null, like the author, of a tombstone.")
    created_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)
    status = serializers.ChoiceField(Comment.Status.choices)
    provider = serializers.ChoiceField(Provider.choices)
    permalink = serializers.CharField()
    pinned = serializers.BooleanField()
    up = serializers.IntegerField()
    down = serializers.IntegerField()
    score = serializers.IntegerField()
    reply_count = serializers.IntegerField(
        help_text="Of a root the public comments of its branch, of a reply its public direct replies."
    )
    replies = serializers.SerializerMethodField()
    next_replies = serializers.CharField(
        allow_null=True, help_text="Cursor for comments/{id}/replies where direct replies were left out."
    )

    @extend_schema_field(lazy_serializer("comments.serializers.CommentSerializer")(many=True))
    def get_replies(self, comment: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the replies as they are: `branches_data` has nested them."""
        replies: list[dict[str, Any]] = comment["replies"]
        return replies


class CommentCountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    native = serializers.IntegerField()
    wordpress = serializers.IntegerField()
    disqus = serializers.IntegerField()
    webmention = serializers.IntegerField()
    mastodon = serializers.IntegerField()
    bluesky = serializers.IntegerField()


class ThreadArticleSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(allow_null=True, help_text="Null until the first write registers the page.")
    url = serializers.CharField(allow_null=True)
    identifier = serializers.CharField(allow_null=True)
    title = serializers.CharField(allow_blank=True)
    comments_open = serializers.BooleanField()
    counts = CommentCountsSerializer()


class ThreadSerializer(serializers.Serializer[Any]):
    article = ThreadArticleSerializer()
    version = serializers.IntegerField()
    sort = serializers.ChoiceField(Site.Sort.choices)
    comments = CommentSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Cursor of the next page of roots.")
    stream = serializers.CharField(allow_null=True, help_text="Address of live updates; null where there are none.")


class ChangesSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text="Ask from here the next time.")
    added = CommentSerializer(many=True, help_text="Flat, parents before their replies.")
    changed = CommentSerializer(many=True)
    removed = serializers.ListField(child=serializers.IntegerField())


class MineSerializer(serializers.Serializer[Any]):
    votes = serializers.DictField(child=serializers.IntegerField())
    editable = serializers.ListField(child=serializers.IntegerField())
    muted = serializers.ListField(
        child=serializers.IntegerField(), help_text="Comments by those whom the reader has muted, the latest 1,000."
    )
    pending = CommentSerializer(many=True)


class RepliesSerializer(serializers.Serializer[Any]):
    comments = CommentSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class PermalinkSerializer(CommentSerializer):
    ancestors = CommentSerializer(many=True, help_text="At most 50, the outermost first.")


class PageCountsSerializer(CommentCountsSerializer):
    url = serializers.CharField(help_text="As it was asked for.")
    shares = serializers.IntegerField()


class CountsSerializer(serializers.Serializer[Any]):
    counts = PageCountsSerializer(many=True)


class CountsRequestSerializer(serializers.Serializer[Any]):
    site = serializers.SlugField()
    urls = serializers.ListField(child=serializers.CharField(), min_length=1, max_length=100)


class HeadlineSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = serializers.CharField()
    title = serializers.CharField(allow_blank=True)


class RecentCommentSerializer(CommentSerializer):
    article = HeadlineSerializer()


class RecentSerializer(serializers.Serializer[Any]):
    comments = RecentCommentSerializer(many=True)
