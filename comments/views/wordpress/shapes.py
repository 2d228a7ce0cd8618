"""Comments and articles as the objects of WordPress' REST API; every site's own time is UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils.html import escape, linebreaks

from articles.models import Article
from comments.models import Comment, Provider
from comments.serializers import page_address
from comments.views.wordpress.door import Call

STATUSES: Final[dict[str, str]] = {
    Comment.Status.APPROVED: "approved",
    Comment.Status.PENDING: "hold",
    Comment.Status.SPAM: "spam",
    Comment.Status.REJECTED: "trash",
    Comment.Status.REMOVED: "trash",
}
POST_STATUSES: Final[dict[str, str]] = {
    Article.Visibility.PUBLIC: "publish",
    Article.Visibility.SCHEDULED: "future",
    Article.Visibility.HIDDEN: "private",
}
# Which fields each context has beside those of every other.
COMMENT_EDIT: Final = frozenset({"author_email", "author_ip", "author_user_agent"})
COMMENT_EMBED: Final = frozenset(
    {"id", "parent", "author", "author_name", "author_url", "date", "content", "link", "type"}
)
POST_EMBED: Final = frozenset({"id", "date", "slug", "type", "link", "title", "excerpt", "author", "featured_media"})
# The last part of an address that can stand for it, in PostgreSQL too.
SLUG: Final = re.compile(r"[A-Za-z0-9._~%-]{1,200}", re.ASCII)


def comment_data(comment: Comment, call: Call, context: str) -> dict[str, Any]:
    """Return one comment in a context; `comment` is one of `selectors.wordpress.comments_of`."""
    content = {"rendered": comment.html} | ({"raw": comment.source} if context == "edit" else {})
    data: dict[str, Any] = {
        "id": comment.pk,
        "post": comment.article_id,
        "parent": comment.parent_id or 0,
        # Readers have no accounts that anybody else may know of.
        "author": (comment.reader_id or 0) if context == "edit" else 0,
        "author_name": comment.author_name,
        "author_email": comment.author_email,
        "author_url": comment.author_url,
        # Neither is kept.
        "author_ip": "",
        "author_user_agent": "",
        "date": _date(comment.created_at),
        "date_gmt": _date(comment.created_at),
        "content": content,
        "link": f"{page_address(comment.article)}{comment.fragment}",
        "status": STATUSES[comment.status],
        "type": "pingback" if comment.provider == Provider.WEBMENTION else "comment",
        "meta": [],
    }
    if context == "embed":
        data = {name: value for name, value in data.items() if name in COMMENT_EMBED}
    elif context == "view":
        data = {name: value for name, value in data.items() if name not in COMMENT_EDIT}
    return data | {"_links": _comment_links(comment, call.root)}


def _comment_links(comment: Comment, root: str) -> dict[str, Any]:
    base = f"{root}wp/v2/comments"
    up = {"embeddable": True, "post_type": "post", "href": f"{root}wp/v2/posts/{comment.article_id}"}
    links: dict[str, Any] = {"self": [{"href": f"{base}/{comment.pk}"}], "collection": [{"href": base}], "up": [up]}
    if comment.parent_id:
        links["in-reply-to"] = [{"embeddable": True, "href": f"{base}/{comment.parent_id}"}]
    # The root of a branch counts all of it, and tombstones among those that stand below it at once.
    if comment.reply_count if comment.parent_id else comment.shown_replies:
        links["children"] = [{"embeddable": True, "href": f"{base}?parent={comment.pk}"}]
    return links


def post_data(article: Article, call: Call, context: str) -> dict[str, Any]:
    """Return one article as a post in a context."""

    def text(rendered: str, raw: str, **more: bool) -> dict[str, Any]:
        return {"rendered": rendered} | ({"raw": raw} if context == "edit" else {}) | more

    written = article.published_at or article.created_at
    data: dict[str, Any] = {
        "id": article.pk,
        "date": _date(written),
        "date_gmt": _date(written),
        "guid": {"rendered": article.page_url},
        "modified": _date(article.updated_at),
        "modified_gmt": _date(article.updated_at),
        "slug": slug_of(article),
        "status": POST_STATUSES[article.visibility],
        "type": "post",
        "link": article.public_url,
        "title": text(escape(article.title), article.title),
        "content": text(article.html, article.html, protected=False),
        "excerpt": text(linebreaks(article.summary, autoescape=True), article.summary, protected=False),
        "author": 0,
        "featured_media": 0,
        "comment_status": "open" if article.comments_open else "closed",
        "ping_status": "open" if article.takes_mentions else "closed",
        "sticky": False,
        "template": "",
        "format": "standard",
        "meta": [],
        "categories": [],
        "tags": [],
    }
    if context == "embed":
        data = {name: value for name, value in data.items() if name in POST_EMBED}
    base = f"{call.root}wp/v2/posts"
    replies = {"embeddable": True, "href": f"{call.root}wp/v2/comments?post={article.pk}"}
    links = {"self": [{"href": f"{base}/{article.pk}"}], "collection": [{"href": base}], "replies": [replies]}
    return data | {"_links": links}


def slug_of(article: Article) -> str:
    """Return the last part of an article's address, `article-ID` where it has none that could stand for it."""
    last = urlsplit(article.url).path.rstrip("/").rpartition("/")[2]
    return last if SLUG.fullmatch(last) else f"article-{article.pk}"


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
