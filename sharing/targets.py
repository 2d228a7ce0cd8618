"""What can be followed, named as the database names it: a kind, and a key within the site."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["site", "tag", "author", "article", "comment"]

MAX_KEY: Final = 200


@dataclass(frozen=True)
class Target:
    """One thing to follow; `article_id` and `comment_id` where the kind has them."""

    kind: Kind
    key: str = ""
    article_id: int | None = None
    comment_id: int | None = None


def of_site() -> Target:
    """Every new article of the site."""
    return Target("site")


def of_tag(tag: str) -> Target:
    """New articles with a tag, however it is spelled."""
    return Target("tag", fold(tag))


def of_author(name: str) -> Target:
    """New articles by an author, however her name is spelled."""
    return Target("author", fold(name))


def of_article(article_id: int) -> Target:
    """New comments below an article."""
    return Target("article", str(article_id), article_id)


def of_comment(comment_id: int, article_id: int) -> Target:
    """Replies at any depth below a comment."""
    return Target("comment", str(comment_id), article_id, comment_id)


def fold(name: str) -> str:
    """Return a tag or name as it is compared: NFKC, trimmed, blanks made one, case-folded, at most 200 characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())[:MAX_KEY].rstrip()
