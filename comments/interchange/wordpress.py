"""WordPress eXtended RSS (WXR 1.0 to 1.2): items, each with its comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import ClassVar, Final

from lxml import etree

from comments.interchange.fields import (
    author_address,
    base_source,
    email_address,
    headline,
    host_of,
    made_up_id,
    name_within,
    page_address,
    plain,
    wordpress_time,
)
from comments.interchange.pieces import Piece, PieceParser
from comments.interchange.records import ArticleRecord, CommentRecord, Record, Warnings
from comments.interchange.window import Root, Window
from comments.interchange.xml import Plan, Scanner

WXR: Final = re.compile(r"https?://wordpress\.org/export/\d+\.\d+/$")
EXCERPT: Final = re.compile(r"https?://wordpress\.org/export/\d+\.\d+/excerpt/$")
CONTENT: Final = "http://purl.org/rss/1.0/modules/content/"
DUBLIN_CORE: Final = "http://purl.org/dc/elements/1.1/"
DISQUS: Final = "http://www.disqus.com/"
KNOWN: Final = re.compile(rf"{WXR.pattern}|{EXCERPT.pattern}|{CONTENT}$|{DUBLIN_CORE}$|{DISQUS}$")
CHANNEL: Final = frozenset({"link", "base_blog_url", "author"})
PLAN: Final = Plan(comment="comment", elements=CHANNEL, container="item", inner="comment", nested={"comment": CHANNEL})
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_AUTHORS: Final = 10_000

STATUSES: Final = {"1": "approved", "0": "pending", "spam": "spam", "trash": "removed", "post-trashed": "removed"}
VISIBILITIES: Final = {"publish": "public", "": "public", "future": "scheduled", "inherit": "inherit"}
MENTIONS: Final = frozenset({"pingback", "trackback"})


class WordPressReader:
    """Yields a blog's items and their comments; an item comes behind its comments."""

    provider: ClassVar = "wordpress"

    def __init__(self, window: Window, root: Root, warnings: Warnings) -> None:
        self.warnings = warnings
        self._scanner = Scanner(window, root, PLAN, warnings)
        self._parser = PieceParser(root, warnings, KNOWN, PLAN.comment)
        self._item = 1
        self._source = self._link = ""
        self._authors: dict[str, str] = {}

    @property
    def complete(self) -> bool:
        """Whether the end of the document was met."""
        return self._scanner.complete

    def __iter__(self) -> Iterator[Record]:
        for piece in self._scanner:
            element = self._parser.parse(piece, replace=piece.name != "comment")
            if piece.name == "item":
                if element is not None:
                    yield self._article(piece, element)
                self._item += 1
            elif element is not None and piece.name == "comment":
                if (comment := self._comment(piece, element)) is not None:
                    yield comment
            elif element is not None:
                self._learn(element)

    def _learn(self, element: etree._Element) -> None:
        """Keep what the channel says of the whole blog."""
        name = _local(str(element.tag))
        if name == "wp:base_blog_url":
            self._source = self._source or base_source(element.text or "")
        elif name == "link":
            self._link = self._link or base_source(element.text or "")
        elif name == "wp:author" and len(self._authors) < MAX_AUTHORS:
            found = _texts(element)
            login = found.get("wp:author_login", "").strip()
            self._authors[login] = plain(found.get("wp:author_display_name", "") or login, 200)

    def _article(self, piece: Piece, element: etree._Element) -> ArticleRecord:
        found = _texts(element)
        title = headline(found.get("title", ""), 500)
        post_id = found.get("wp:post_id", "").strip()[:100]
        where = f"item {self._item}, line {piece.line}"
        url = page_address(found.get("link", ""))
        if not url and found.get("link", "").strip():
            self.warnings.add(where, "addresses of items that no page can have were left out")
        source = self._source or self._link or host_of(url) or "wordpress"
        given = (child.text or "" for child in element.iterfind(f"{{{DISQUS}}}thread_identifier"))
        identifiers = tuple(dict.fromkeys(name_within(text, 500) for text in given if text.strip()))
        if not identifiers and not url:
            identifiers = (name_within(f"wordpress:{source} {post_id or made_up_id(title)}", 500),)
        status = found.get("wp:status", "").strip()
        locked = bool(found.get("wp:post_password", "").strip())
        login = found.get("dc:creator", "").strip()
        return ArticleRecord(
            key=str(self._item),
            where=where,
            source=name_within(source, 300),
            url=url,
            identifiers=identifiers,
            title=title,
            state="password" if locked and status == "publish" else status[:32],
            visibility="hidden" if locked else VISIBILITIES.get(status, "hidden"),
            comments_open=found.get("wp:comment_status", "").strip() != "closed",
            published_at=wordpress_time(found.get("wp:post_date_gmt", "")) or _rss_time(found.get("pubDate", "")),
            summary=headline(found.get("excerpt:encoded", ""), 2000),
            html=found.get("content:encoded", ""),
            author_name=self._authors.get(login, plain(login, 200)),
            tags=_tags(element),
            post_id=post_id,
            post_parent=found.get("wp:post_parent", "").strip()[:100],
            only_with_comments=found.get("wp:post_type", "").strip() not in {"post", "page", ""},
        )

    def _comment(self, piece: Piece, element: etree._Element) -> CommentRecord | None:
        if _local(str(element.tag)) != "wp:comment":
            return None
        found = _texts(element)
        comment_id = found.get("wp:comment_id", "").strip()
        where = f"comment {comment_id[:80]}, line {piece.line}"
        kind = found.get("wp:comment_type", "").strip()
        if kind not in {"", "comment", *MENTIONS}:
            self.warnings.lose(f"{where}: {kind[:40]}", "comments of other types were skipped")
            return None
        if "wp:comment_content" not in found:
            self.warnings.lose(where, "comments without a readable text were skipped")
            return None
        name = plain(found.get("wp:comment_author", ""), 200)
        date = found.get("wp:comment_date_gmt", "")
        email = email_address(found.get("wp:comment_author_email", ""))
        if not email and found.get("wp:comment_author_email", "").strip():
            self.warnings.add(where, "e-mail addresses of authors that none can be were left out")
        status = STATUSES.get(found.get("wp:comment_approved", "").strip())
        if status is None:
            self.warnings.add(where, "comments in an unknown state were held for a moderator")
        partner = _meta(element, "dsq_post_id")
        # A list of ancestors stands where some exporters should have written the parent alone; it ends with that.
        parent = found.get("wp:comment_parent", "").rpartition(",")[2].strip()
        return CommentRecord(
            where=where,
            article=str(self._item),
            provider="webmention" if kind in MENTIONS else self.provider,
            external_id=name_within(comment_id or made_up_id(name, date, found["wp:comment_content"]), 200),
            parent_external_id="" if parent == "0" else name_within(parent, 200),
            author_name=name,
            author_email=email,
            author_url=author_address(found.get("wp:comment_author_url", "")),
            created_at=wordpress_time(date) or wordpress_time(found.get("wp:comment_date", "")),
            html=found["wp:comment_content"],
            status=status or "pending",
            partner_provider="disqus" if partner else "",
            partner_id=partner,
        )


@lru_cache(maxsize=1024)
def _local(tag: str) -> str:
    """Return an element's name with the usual prefix of its namespace, whatever prefix the file uses."""
    uri, _, local = tag.removeprefix("{").rpartition("}")
    if WXR.match(uri):
        return f"wp:{local}"
    if EXCERPT.match(uri):
        return f"excerpt:{local}"
    return {"": local, CONTENT: f"content:{local}", DUBLIN_CORE: f"dc:{local}"}.get(uri, tag)


def _texts(element: etree._Element) -> dict[str, str]:
    """Return the texts of the children without children of their own, by name; the first of a name counts."""
    found: dict[str, str] = {}
    for child in element:
        if not len(child):
            found.setdefault(_local(str(child.tag)), child.text or "")
    return found


def _meta(element: etree._Element, key: str) -> str:
    """Return the value of a comment's metadata, "" if it has none of this name."""
    for child in element:
        if _local(str(child.tag)) == "wp:commentmeta":
            found = _texts(child)
            if found.get("wp:meta_key") == key:
                return name_within(found.get("wp:meta_value", ""), 200)
    return ""


def _tags(element: etree._Element) -> tuple[str, ...]:
    names = (
        plain(child.text or "", 100)
        for child in element.iterfind("category")
        if child.get("domain") in {"post_tag", "category"}
    )
    # A category and a tag may be the same word in another letter case.
    distinct: dict[str, str] = {}
    for name in names:
        if name and name != "Uncategorized":
            distinct.setdefault(name.casefold(), name)
    return tuple(distinct.values())[:100]


def _rss_time(text: str) -> datetime | None:
    """Read an item's `pubDate`; None where it has none or, as drafts do, the year 0 or the first second of 1970."""
    try:
        found = parsedate_to_datetime(text.strip())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found > EPOCH else None
