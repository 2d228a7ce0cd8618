"""What a publisher may say of an article."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict


class ArticleFields(TypedDict, total=False):
    """What a publisher may say of an article; whatever is left out stays as it is.

    Texts are single lines, already trimmed; `html` may be anything and is sanitised here. `published_at` None
    takes the article from the public.
    """

    title: str
    summary: str
    html: str
    author_name: str
    author_email: str
    image: str
    tags: list[str]
    comments_open: bool
    source_name: str
    source_author: str
    source_title: str
    source_url: str
    published_at: datetime | None


def distinct_tags(tags: Iterable[str]) -> list[str]:
    """Return tags that are not empty, each in its first spelling."""
    kept: dict[str, str] = {}
    for tag in tags:
        if tag:
            kept.setdefault(unicodedata.normalize("NFKC", tag).casefold(), tag)
    return list(kept.values())
