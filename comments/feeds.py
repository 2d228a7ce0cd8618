"""Comments as feeds: Atom (RFC 4287 with RFC 4685), RSS 2.0 with the elements that WordPress uses, JSON Feed 1.1.

Nothing here asks the database. What a feed says hangs on its comments alone, so that the same comments are the same
bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from typing import Any, Final

import orjson
from django.utils import feedgenerator
from django.utils.xmlutils import SimplerXMLGenerator

# Characters that XML 1.0 cannot hold (its production 2), however they are written.
NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
THREADING: Final = "http://purl.org/syndication/thread/1.0"


@dataclass(frozen=True)
class Answered:
    """What a comment answers: its name in the feed, where it stands, and of which type that is, "" where unsaid."""

    name: str
    url: str
    type: str = ""


@dataclass(frozen=True)
class Entry:
    """A public comment; `name` is what it is called for ever, wherever its page moves."""

    name: str
    url: str
    title: str
    author: str
    author_url: str
    html: str
    written_at: datetime
    edited_at: datetime | None
    answers: Answered | None
    replies: int


@dataclass(frozen=True)
class Feed:
    """Some comments of a site or an article, newest first; `url` is where they stand, `address` that of the feed.

    `pages` are the feed's other pages by their relation (RFC 5005, 3): `first`, `previous`, `next`.
    """

    title: str
    url: str
    address: str
    began_at: datetime
    entries: Sequence[Entry]
    pages: Mapping[str, str] = field(default_factory=dict)

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
            "items": [_item(entry) for entry in feed.entries],
        }
        | ({"next_url": feed.pages["next"]} if "next" in feed.pages else {})
    )


def _item(entry: Entry) -> dict[str, Any]:
    author = {"name": entry.author} | ({"url": entry.author_url} if entry.author_url else {})
    thread = {"in_reply_to": entry.answers.name, "url": entry.answers.url} if entry.answers else {}
    return {
        "id": entry.name,
        "url": entry.url,
        "title": entry.title,
        "content_html": entry.html,
        "date_published": entry.written_at.astimezone(UTC).isoformat(),
        "date_modified": (entry.edited_at or entry.written_at).astimezone(UTC).isoformat(),
        "authors": [author],
        "_thread": thread | {"replies": entry.replies},
    }


class _Dated(feedgenerator.SyndicationFeed):
    """A feed without comments is as old as what they would stand below, and not as young as the request."""

    def latest_post_date(self) -> datetime:
        return self.feed["updated_at"]  # type: ignore[no-any-return]

    def add_threading(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        if answered := item["answers"]:
            about = {"ref": xml_text(answered.name), "href": xml_text(answered.url)}
            handler.addQuickElement("thr:in-reply-to", "", about | ({"type": answered.type} if answered.type else {}))

    def add_pages(self, handler: SimplerXMLGenerator, element: str) -> None:
        for relation, address in self.feed["pages"].items():
            handler.addQuickElement(element, "", {"rel": relation, "href": xml_text(address)})


class _Atom(_Dated, feedgenerator.Atom1Feed):
    def root_attributes(self) -> dict[str, str]:
        return {**super().root_attributes(), "xmlns:thr": THREADING}

    def add_root_elements(self, handler: SimplerXMLGenerator) -> None:
        super().add_root_elements(handler)
        self.add_pages(handler, "link")

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

    def add_root_elements(self, handler: SimplerXMLGenerator) -> None:
        super().add_root_elements(handler)
        self.add_pages(handler, "atom:link")

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        handler.addQuickElement("dc:creator", item["creator"])
        handler.addQuickElement("content:encoded", item["description"])
        handler.addQuickElement("slash:comments", str(item["replies"]))
        self.add_threading(handler, item)


def _written(kind: type[_Dated], feed: Feed) -> bytes:
    made = kind(
        title=xml_text(feed.title),
        link=feed.url,
        description=xml_text(feed.title),
        feed_url=feed.address,
        feed_guid=feed.address,
        updated_at=feed.updated_at,
        pages=feed.pages,
    )
    for entry in feed.entries:
        made.add_item(
            title=xml_text(entry.title),
            link=xml_text(entry.url),
            description=xml_text(entry.html),
            unique_id=xml_text(entry.name),
            unique_id_is_permalink=False,
            author_name=xml_text(entry.author) if kind is _Atom else None,
            author_link=entry.author_url or None,
            pubdate=entry.written_at,
            updateddate=entry.edited_at or entry.written_at,
            creator=xml_text(entry.author),
            answers=entry.answers,
            replies=entry.replies,
        )
    written = StringIO()
    made.write(written, "utf-8")
    return written.getvalue().encode()


def xml_text(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return NOT_XML.sub("", text)
