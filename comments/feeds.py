"""Comments as feeds: Atom (RFC 4287 with RFC 4685), RSS 2.0 with the elements that WordPress uses, JSON Feed 1.1.

Nothing here asks the database. What a feed says hangs on its comments alone, so that the same comments are the same
bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from django.utils import feedgenerator
from django.utils.xmlutils import SimplerXMLGenerator

# Characters that XML 1.0 cannot hold (its production 2), however they are written.
NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
THREADING: Final = "http://purl.org/syndication/thread/1.0"


@dataclass(frozen=True)
class Entry:
    """A public comment; `article` is the title of what it stands below, `parent` and `parent_url` what it answers."""

    id: int
    url: str
    article: str
    article_url: str
    author: str
    author_url: str
    html: str
    written_at: datetime
    edited_at: datetime | None
    parent: int | None
    parent_url: str
    replies: int


@dataclass(frozen=True)
class Feed:
    """The newest comments of a site or an article; `url` is where they stand, `address` that of the feed itself."""

    title: str
    url: str
    address: str
    began_at: datetime
    entries: Sequence[Entry]

    @property
    def updated_at(self) -> datetime:
        return max((entry.edited_at or entry.written_at for entry in self.entries), default=self.began_at)


def atom(feed: Feed) -> bytes:
    """Return the feed as Atom."""
    return _written(_Atom, feed)


def rss(feed: Feed) -> bytes:
    """Return the feed as RSS 2.0."""
    return _written(_Rss, feed)


def json_feed(feed: Feed) -> bytes:
    """Return the feed as JSON Feed 1.1; what a comment answers is under `_thread`."""
    return orjson.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "home_page_url": feed.url,
            "feed_url": feed.address,
            "items": [_item(feed, entry) for entry in feed.entries],
        }
    )


def _item(feed: Feed, entry: Entry) -> dict[str, Any]:
    author = {"name": entry.author} | ({"url": entry.author_url} if entry.author_url else {})
    thread = {"in_reply_to": _name(feed, entry.parent), "url": entry.parent_url} if entry.parent else {}
    return {
        "id": _name(feed, entry.id),
        "url": entry.url,
        "title": _title(entry),
        "content_html": entry.html,
        "date_published": entry.written_at.astimezone(UTC).isoformat(),
        "date_modified": (entry.edited_at or entry.written_at).astimezone(UTC).isoformat(),
        "authors": [author],
        "_thread": thread | {"replies": entry.replies},
    }


def _name(feed: Feed, comment_id: int | None) -> str:
    """Return what names a comment for ever (RFC 4151), wherever its page moves."""
    return f"tag:{urlsplit(feed.address).hostname},2026:comment-{comment_id}"


def _title(entry: Entry) -> str:
    return f"{entry.author} on {entry.article}"


class _Dated(feedgenerator.SyndicationFeed):
    """A feed without comments is as old as what they would stand below, and not as young as the request."""

    def latest_post_date(self) -> datetime:
        return self.feed["updated_at"]  # type: ignore[no-any-return]

    def add_threading(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        if item["parent"]:
            handler.addQuickElement("thr:in-reply-to", "", {"ref": item["parent"], "href": item["parent_url"]})


class _Atom(_Dated, feedgenerator.Atom1Feed):
    def root_attributes(self) -> dict[str, str]:
        return {**super().root_attributes(), "xmlns:thr": THREADING}

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        self.add_threading(handler, item)
        handler.addQuickElement("thr:total", str(item["replies"]))


class _Rss(_Dated, feedgenerator.Rss201rev2Feed):
    def rss_attributes(self) -> dict[str, str]:
        return {
            **super().rss_attributes(),
            "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
            "xmlns:dc": "http://purl.org/dc/elements/1.1/",
            "xmlns:slash": "http://purl.org/rss/1.0/modules/slash/",
            "xmlns:thr": THREADING,
        }

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        handler.addQuickElement("dc:creator", item["creator"])
        handler.addQuickElement("content:encoded", item["description"])
        handler.addQuickElement("slash:comments", str(item["replies"]))
        self.add_threading(handler, item)


def _written(kind: type[_Dated], feed: Feed) -> bytes:
    made = kind(
        title=_xml(feed.title),
        link=feed.url,
        description=_xml(feed.title),
        feed_url=feed.address,
        feed_guid=feed.address,
        updated_at=feed.updated_at,
    )
    for entry in feed.entries:
        made.add_item(
            title=_xml(_title(entry)),
            link=entry.url,
            description=_xml(entry.html),
            unique_id=_name(feed, entry.id),
            unique_id_is_permalink=False,
            author_name=_xml(entry.author) if kind is _Atom else None,
            author_link=entry.author_url or None,
            pubdate=entry.written_at,
            updateddate=entry.edited_at or entry.written_at,
            creator=_xml(entry.author),
            parent=_name(feed, entry.parent) if entry.parent else "",
            parent_url=_xml(entry.parent_url),
            replies=entry.replies,
        )
    written = StringIO()
    made.write(written, "utf-8")
    return written.getvalue().encode()


def _xml(text: str) -> str:
    return NOT_XML.sub("", text)
