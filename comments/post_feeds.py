"""Articles as WordPress' feeds of posts: RSS 2.0 and Atom, with where each one's comments are and how many (RFC 4685).

Nothing here asks the database, and the same articles are the same bytes, as in `comments.feeds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Any, Final

from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed, rfc3339_date
from django.utils.xmlutils import SimplerXMLGenerator

from comments.feeds import THREADING, xml_text

WFW: Final = "http://wellformedweb.org/CommentAPI/"
SLASH: Final = "http://purl.org/rss/1.0/modules/slash/"


@dataclass(frozen=True)
class Post:
    """An article; `comments_feed` is the feed of its comments in the form of this feed, "" where none may come."""

    name: str
    url: str
    title: str
    author: str
    summary: str
    html: str
    published_at: datetime
    updated_at: datetime
    comments: int
    comments_feed: str
    commented_at: datetime | None


@dataclass(frozen=True)
class PostFeed:
    """The newest articles of a site."""

    title: str
    url: str
    address: str
    began_at: datetime
    posts: Sequence[Post]


def atom(feed: PostFeed) -> bytes:
    """Return the feed as Atom."""
    return _written(_Atom, feed)


def rss(feed: PostFeed) -> bytes:
    """Return the feed as RSS 2.0."""
    return _written(_Rss, feed)


class _Dated(SyndicationFeed):
    def latest_post_date(self) -> datetime:
        return self.feed["changed_at"]  # type: ignore[no-any-return]


class _Atom(_Dated, Atom1Feed):
    def root_attributes(self) -> dict[str, str]:
        return {**super().root_attributes(), "xmlns:thr": THREADING}

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        post: Post = item["post"]
        handler.addQuickElement("content", xml_text(post.html), {"type": "html"})
        if post.comments_feed:
            counted = {"thr:count": str(post.comments)}
            if post.commented_at is not None:
                counted["thr:updated"] = rfc3339_date(post.commented_at)
            for kind, address in (("text/html", _talk(post)), ("application/atom+xml", post.comments_feed)):
                about = {"rel": "replies", "type": kind, "href": xml_text(address)}
                handler.addQuickElement("link", "", about | counted)
            handler.addQuickElement("thr:total", str(post.comments))


class _Rss(_Dated, Rss201rev2Feed):
    def rss_attributes(self) -> dict[str, str]:
        return {
            **super().rss_attributes(),
            "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
            "xmlns:dc": "http://purl.org/dc/elements/1.1/",
            "xmlns:slash": SLASH,
            "xmlns:wfw": WFW,
        }

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        post: Post = item["post"]
        if post.author:
            handler.addQuickElement("dc:creator", xml_text(post.author))
        handler.addQuickElement("content:encoded", xml_text(post.html))
        if post.comments_feed:
            handler.addQuickElement("comments", xml_text(_talk(post)))
            handler.addQuickElement("wfw:commentRss", xml_text(post.comments_feed))
            handler.addQuickElement("slash:comments", str(post.comments))


def _talk(post: Post) -> str:
    """Return where the comments of an article begin on its page."""
    return f"{post.url.partition('#')[0]}#comments"


def _written(kind: type[_Dated], feed: PostFeed) -> bytes:
    changed_at = max((post.updated_at for post in feed.posts), default=feed.began_at)
    made = kind(
        title=xml_text(feed.title),
        link=feed.url,
        description=xml_text(feed.title),
        feed_url=feed.address,
        feed_guid=feed.address,
        changed_at=changed_at,
    )
    for post in feed.posts:
        made.add_item(
            title=xml_text(post.title),
            link=xml_text(post.url),
            description=xml_text(post.summary),
            unique_id=post.name,
            unique_id_is_permalink=False,
            author_name=xml_text(post.author) if kind is _Atom else None,
            pubdate=post.published_at,
            updateddate=post.updated_at,
            post=post,
        )
    written = StringIO()
    made.write(written, "utf-8")
    return written.getvalue().encode()
