"""What a comment shows of the reader who writes it, in the transaction of the post."""

from __future__ import annotations

from typing import Final

from articles.models import Article
from comments.models import Reader
from project.names import name_key

AUTHOR: Final = "author"
VERIFIED: Final = "verified"


def role_below(article: Article, reader: Reader) -> str:
    """Return what a reader is to an article: its author, somebody of the site's, or one who proved who she is."""
    if article.author_email and article.author_email.lower() == reader.address.lower():
        return AUTHOR
    return reader.role or VERIFIED


def keep_name(reader: Reader, name: str, url: str) -> None:
    """Let a reader who has no name yet be called what she signed with; a parallel comment may have been faster."""
    nameless = Reader.objects.filter(pk=reader.pk, name="")
    nameless.update(name=name, url=url, name_key=name_key(name))
