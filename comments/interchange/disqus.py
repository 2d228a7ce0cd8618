"""Disqus' own export: one forum's threads, then their posts, each an element of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from lxml import etree

from comments.interchange.fields import (
    author_address,
    email_address,
    headline,
    iso_time,
    made_up_id,
    name_within,
    page_address,
    plain,
)
from comments.interchange.pieces import Piece, PieceParser
from comments.interchange.records import ArticleRecord, CommentRecord, Record, Warnings
from comments.interchange.window import Root, Window
from comments.interchange.xml import Plan, Scanner

NAMESPACE: Final = "http://disqus.com"
INTERNALS: Final = "http://disqus.com/disqus-internals"
ID: Final = f"{{{INTERNALS}}}id"
KNOWN: Final = re.compile(r"http://disqus\.com(/disqus-internals)?$")
PLAN: Final = Plan(comment="post", elements={"thread", "post"}, nested={"post": {"thread"}})
WORDPRESS_ID: Final = re.compile(r"wp_id=(\d{1,20})")

FLAGS: Final = {"true": True, "1": True, "false": False, "0": False, "": False}


class DisqusReader:
    """Yields the threads and posts of an export.

    Every thread comes, also those without posts, as `only_with_comments`. A thread without an address and without
    an id of the publisher's is identified as `disqus:ID`.
    """

    def __init__(self, window: Window, root: Root, warnings: Warnings) -> None:
        self.warnings = warnings
        self._scanner = Scanner(window, root, PLAN, warnings)
        self._parser = PieceParser(root, warnings, KNOWN, PLAN.comment)
        self._forum = ""

    @property
    def complete(self) -> bool:
        """Whether the end of the document was met."""
        return self._scanner.complete

    def __iter__(self) -> Iterator[Record]:
        for piece in self._scanner:
            is_thread = piece.name == "thread"
            element = self._parser.parse(piece, replace=is_thread)
            if element is None:
                continue
            record = self._thread(piece, element) if is_thread else self._post(piece, element)
            if record is not None:
                yield record

    def _thread(self, piece: Piece, element: etree._Element) -> ArticleRecord | None:
        found = _texts(element)
        own = found.get("id", "").strip()
        key = element.get(ID, "").strip() or own
        where = f"thread {key[:80]}, line {piece.line}"
        self._forum = found.get("forum", "").strip() or self._forum
        if not key:
            self.warnings.add(where, "threads without an id were skipped")
            return None
        return article_of(found, key, [own] if own else [], self._forum, where, self.warnings)

    def _post(self, piece: Piece, element: etree._Element) -> CommentRecord | None:
        found = _texts(element)
        own = found.get("id", "").strip()
        author = element.find("{*}author")
        person = _texts(author) if author is not None else {}
        external_id = element.get(ID, "").strip() or own
        where = f"post {external_id[:80]}, line {piece.line}"
        if "message" not in found:
            self.warnings.lose(where, "comments without a readable text were skipped")
            return None
        external_id = external_id or made_up_id(name_of(person), found.get("createdAt", ""), found["message"])
        ids = PostIds(external_id, _reference(element, "thread"), _reference(element, "parent"))
        record = comment_of(found, person, ids, where, self.warnings)
        partner = WORDPRESS_ID.fullmatch(own)
        return replace(record, partner_provider="wordpress", partner_id=partner[1]) if partner else record


class PostIds(NamedTuple):
    """Which post it is, of which thread, and which one it answers ("" for none)."""

    own: str
    thread: str
    parent: str


def article_of(
    found: dict[str, str], key: str, identifiers: Sequence[str], forum: str, where: str, warnings: Warnings
) -> ArticleRecord:
    """Return the page of a thread, from its values as the export writes them (`link`, `title`, `isDeleted` …).

    `identifiers` are the publisher's own, each not empty; `key` is Disqus' number.
    """
    url = page_address(found.get("link", ""))
    if not url and found.get("link", "").strip():
        warnings.add(where, "addresses of threads that no page can have were left out")
    named = tuple(dict.fromkeys(name_within(own, 500) for own in identifiers))
    is_deleted = FLAGS.get(found.get("isDeleted", "").strip().lower(), True)
    return ArticleRecord(
        key=key,
        where=where,
        source=source_of(forum),
        url=url,
        identifiers=named or (() if url else (name_within(f"disqus:{key}", 500),)),
        title=headline(found.get("title", ""), 500),
        state="deleted" if is_deleted else "",
        visibility="hidden" if is_deleted else "public",
        comments_open=not FLAGS.get(found.get("isClosed", "").strip().lower(), True),
        published_at=iso_time(found.get("createdAt", "")),
        only_with_comments=True,
    )


def comment_of(
    found: dict[str, str], person: dict[str, str], ids: PostIds, where: str, warnings: Warnings
) -> CommentRecord:
    """Return a post, from its values and its author's as the export writes them; `found` has a `message`."""
    email = email_address(person.get("email", ""))
    if not email and person.get("email", "").strip():
        warnings.add(where, "e-mail addresses of authors that none can be were left out")
    return CommentRecord(
        where=where,
        article=ids.thread,
        provider="disqus",
        external_id=name_within(ids.own, 200),
        parent_external_id=name_within(ids.parent, 200),
        author_name=name_of(person),
        author_email=email,
        author_url=author_address(person.get("link", "")),
        created_at=iso_time(found.get("createdAt", "")),
        html=found["message"],
        status=_status(found, where, warnings),
    )


def source_of(forum: str) -> str:
    """Return the source of a forum's comments in their outside identity."""
    return name_within(forum or "disqus", 200)


def name_of(person: dict[str, str]) -> str:
    """Return what an author is called, "" for nobody."""
    return plain(person.get("name", "") or person.get("username", ""), 200)


def _status(found: dict[str, str], where: str, warnings: Warnings) -> str:
    spam, deleted = (FLAGS.get(found.get(name, "").strip().lower()) for name in ("isSpam", "isDeleted"))
    approved = FLAGS.get(found.get("isApproved", "true").strip().lower())
    if None in {spam, deleted, approved}:
        warnings.add(where, "comments in an unknown state were held for a moderator")
    if deleted:
        return "removed"
    if spam:
        return "spam"
    return "approved" if (spam, deleted, approved) == (False, False, True) else "pending"


def _texts(element: etree._Element) -> dict[str, str]:
    """Return the texts of the children without children of their own, by local name; the first of a name counts."""
    found: dict[str, str] = {}
    for child in element:
        uri, _, local = str(child.tag).rpartition("}")
        if uri in {"", "{" + NAMESPACE} and not len(child):
            found.setdefault(local, child.text or "")
    return found


def _reference(element: etree._Element, name: str) -> str:
    """Return what `<thread>` or `<parent>` refers to: Disqus' id, or the site's own as text; "" if nothing."""
    child = element.find(f"{{*}}{name}")
    return "" if child is None else child.get(ID, "").strip() or (child.text or "").strip()
