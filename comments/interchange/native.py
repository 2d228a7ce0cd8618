"""Comments of systems that have no tab of their own here: they become native ones, as if they had been written here.

Their readers yield each page once, before its first comment (`pages`). Whoever voted, from which address somebody
wrote, and what is secret in a file is never read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from comments.interchange.decoding import clean_text
from comments.interchange.fields import author_address, email_address, made_up_id, name_within, plain
from comments.interchange.pages import Base, Pages
from comments.interchange.records import MARKDOWN, CommentRecord, Record, Warnings
from comments.interchange.rows import OF_ROWS, Lines, Lists, Row
from comments.interchange.shelf import Shelf
from comments.interchange.window import Window, begin

MAX_VOTES: Final = 10_000
NO_TEXT: Final = "comments without a readable text were skipped"
UNKNOWN_STATE: Final = "comments in an unknown state were held for a moderator"


class Person(NamedTuple):
    """An author as a file has her, each value a line; "" for what is not known."""

    name: str
    email: str = ""
    url: str = ""


NOBODY: Final = Person("")


class NativeReader:
    """What all readers of such systems have. `system` names the format, and the source of its comments."""

    system: ClassVar[str]

    def __init__(self, path: Path, base: Base, warnings: Warnings) -> None:
        self.warnings = warnings
        self.complete = False
        self._path = path
        self._shelf = Shelf()
        self._pages = Pages(self.system, base, self._shelf, warnings)

    def __iter__(self) -> Iterator[Record]:
        raise NotImplementedError

    def _lists(self, paths: Collection[str], comments: str) -> Lists:
        """Read the file from its beginning for some of its lists; see `Lists`."""
        return Lists(Window(clean_text(self._path, self.warnings)), self.warnings, paths, comments)

    def _learned(self, paths: Collection[str]) -> Iterator[Row]:
        """Read lists that the comments refer to; what holds of the whole file is said when these are read."""
        own = Warnings()
        yield from Lists(Window(clean_text(self._path, own)), own, paths, "")
        self.warnings.extend(caution for caution in own if caution.reason in OF_ROWS)

    def _rows(self) -> Lists | Lines:
        """Read a file that is one list, or has a row on each line."""
        window = Window(clean_text(self._path, self.warnings))
        if begin(window).startswith("["):
            return Lists(window, self.warnings, {""}, "")
        return Lines(window, self.warnings)

    def _comment(
        self,
        where: str,
        article: str,
        own_id: str,
        parent_id: str,
        author: Person,
        text: str,
        created_at: datetime | None,
        status: str | None,
        **further: Any,
    ) -> CommentRecord | None:
        """Return a comment, or None and count it where it has no text and is not a removed one.

        `status` None is one that is not known. `further` are fields of CommentRecord; without `markup` the text is
        Markdown.
        """
        if not text.strip() and status != "removed":
            self.warnings.lose(where, NO_TEXT)
            return None
        if status is None:
            self.warnings.add(where, UNKNOWN_STATE)
        email = email_address(author.email)
        if author.email and not email:
            self.warnings.add(where, "e-mail addresses of authors that none can be were left out")
        return CommentRecord(
            where=where,
            article=article,
            provider="native",
            external_id=name_within(own_id or made_up_id(author.name, str(created_at), text), 200),
            parent_external_id=name_within(parent_id, 200),
            author_name=plain(author.name, 200),
            author_email=email,
            author_url=author_address(author.url),
            created_at=created_at,
            html=text,
            status=status or "pending",
            **{"markup": MARKDOWN, **further},
        )

    def _votes(self, where: str, up: int, down: int) -> dict[str, int]:
        """Return the votes of a comment as fields of its record: a negative number is none, and not too many count."""
        if max(up, down) > MAX_VOTES:
            reason = f"of the votes for or against a comment only {MAX_VOTES:,} were taken over"
            self.warnings.add(where, reason)
        return {"up": min(max(up, 0), MAX_VOTES), "down": min(max(down, 0), MAX_VOTES)}
