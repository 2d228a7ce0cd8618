"""What every reader yields, whatever the format it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

# What the text of a comment is written in.
HTML: Final = "html"
MARKDOWN: Final = "markdown"


class NotImportable(Exception):  # noqa: N818  (a verdict on the file, caught by name)
    """The file is refused as a whole; the message is one sentence for the person who gave it."""


@dataclass(frozen=True, slots=True)
class ArticleRecord:
    """A page of the exporting system.

    `key` ties comments to it and means nothing outside the file; `post_id` and `post_parent` are its place in the
    exporting system ("" if none). `url` is absolute http(s) or "", `former_url` where the page was when it was exported
    ("" if it has not moved since). `identifiers` are the publisher's own ids, the foremost first. `source` is the
    outside source of its comments: base URL of the blog, or Disqus forum. `state` is what the file calls it;
    `visibility` is public, scheduled, hidden, or inherit (as `post_parent`).
    `html` is raw. `only_with_comments`: the page is of no interest unless the file has a comment on it.
    """

    key: str
    where: str
    source: str
    url: str
    identifiers: tuple[str, ...]
    title: str
    state: str
    visibility: str
    comments_open: bool = True
    published_at: datetime | None = None
    summary: str = ""
    html: str = ""
    author_name: str = ""
    tags: tuple[str, ...] = ()
    post_id: str = ""
    post_parent: str = ""
    only_with_comments: bool = False
    former_url: str = ""


@dataclass(frozen=True, slots=True)
class CommentRecord:
    """A comment of the exporting system, its text as it stands there.

    `html` is that text; `markup` says what it is: raw HTML, or Markdown that may hold raw HTML. `article` is the `key`
    of its page, whose record may come before or after it. `external_id` is its id there, `parent_external_id` that of
    what it answers ("" for none). `partner_provider` and `partner_id` are its id in another system, where the export
    tells it. `created_at` is aware, or None where the file has no usable date; `edited_at` is None for a text that was
    never changed. `up` and `down` count votes whose voters nobody knows here.
    """

    where: str
    article: str
    provider: str
    external_id: str
    parent_external_id: str
    author_name: str
    author_email: str
    author_url: str
    created_at: datetime | None
    html: str
    status: str
    partner_provider: str = ""
    partner_id: str = ""
    markup: str = HTML
    edited_at: datetime | None = None
    is_pinned: bool = False
    up: int = 0
    down: int = 0


Record = ArticleRecord | CommentRecord


# How many places are named where something was met.
EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class Caution:
    """Something that was left out or changed: where it was met (the first EXAMPLES places), why, and how often."""

    places: tuple[str, ...]
    reason: str
    count: int


class Warnings:
    """Cautions collected by reason, so that a million of one kind take one line; `lost` counts comments left out."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}
        self._counts: Counter[str] = Counter()
        self.lost = 0

    def add(self, where: str | Sequence[str], reason: str, count: int = 1) -> None:
        """Note something that happened `count` times, in one place or several; nothing for 0."""
        if count:
            places = self._places.setdefault(reason, [])
            if len(places) < EXAMPLES:
                places += ([where] if isinstance(where, str) else where)[: EXAMPLES - len(places)]
            self._counts[reason] += count

    def lose(self, where: str, reason: str) -> None:
        """Note that a comment was left out."""
        self.lost += 1
        self.add(where, reason)

    def extend(self, others: Iterable[Caution]) -> None:
        """Add the cautions of others, without their lost comments."""
        for caution in others:
            self.add(caution.places, caution.reason, caution.count)

    def __iter__(self) -> Iterator[Caution]:
        return iter([Caution(tuple(self._places[reason]), reason, count) for reason, count in self._counts.items()])


class Source(Protocol):
    """Where records come from: a reader of a file, or of a protocol."""

    @property
    def warnings(self) -> Warnings:
        """What was left out or changed so far."""

    @property
    def complete(self) -> bool:
        """Whether everything came that was to come; asked after the last record."""

    def __iter__(self) -> Iterator[Record]: ...
