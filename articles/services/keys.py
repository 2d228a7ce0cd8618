"""The addresses of an article: which page an address names, and moving those that a reader was first to write."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from articles.models import Article, ArticleKey, Site
from articles.selectors import check_identifier
from project.addresses import canonical_url
from project.errors import Problem

Kind = ArticleKey.Kind
GivenBy = ArticleKey.GivenBy


class AddressTaken(Exception):  # noqa: N818 — a twin was faster, and the caller looks again
    """The address became another article's after it was looked up."""


@dataclass(frozen=True)
class Names:
    """The canonical forms of an address and an identifier; either may be ""."""

    url: str = ""
    identifier: str = ""

    @classmethod
    def read(cls, url: str, identifier: str) -> Names:
        """Return the names as they are compared. Problem: validation_failed."""
        return cls(canonical_url(url) if url else "", check_identifier(identifier) if identifier else "")

    def pairs(self) -> list[tuple[str, str]]:
        """Return (kind, key) of those that are given."""
        return [(kind, key) for kind, key in ((Kind.IDENTIFIER, self.identifier), (Kind.URL, self.url)) if key]


def lock_keys(site: Site, names: Names) -> dict[str, ArticleKey]:
    """Return the stored keys of these names by kind, locked until the transaction ends, with their articles' ids."""
    found: dict[str, ArticleKey] = {}
    for kind, key in names.pairs():  # one order for everybody, so that two writers never wait for each other
        stored = ArticleKey.objects.select_for_update().filter(site=site, kind=kind, key=key).first()
        if stored is not None:
            found[kind] = stored
    return found


def decide(keys: dict[str, ArticleKey]) -> int | None:
    """Return the id of the article that the publisher means, None for a page not known yet.

    A known identifier decides, else a known address; but an address that only a reader registered never outweighs
    one that the publisher gave. Problem: page_conflict, where both were given by the publisher, to two articles.
    """
    identifier, url = keys.get(Kind.IDENTIFIER), keys.get(Kind.URL)
    if identifier is None or url is None or identifier.article_id == url.article_id:
        known = identifier or url
        return known.article_id if known else None
    if url.given_by == GivenBy.READER:
        return identifier.article_id
    if identifier.given_by == GivenBy.READER:
        return url.article_id
    raise Problem("page_conflict", f"They belong to the articles {identifier.article_id} and {url.article_id}.")


def claim(article: Article, names: Names, keys: dict[str, ArticleKey]) -> list[int]:
    """Make all names the article's own, given by the publisher; return the ids of articles that lost one to it."""
    losers = []
    for kind, key in names.pairs():
        stored = keys.get(kind)
        if stored is None:
            add_key(article, kind, key, GivenBy.PUBLISHER)
        elif stored.article_id != article.pk or stored.given_by != GivenBy.PUBLISHER:
            if stored.article_id != article.pk:
                losers.append(stored.article_id)
            ArticleKey.objects.filter(pk=stored.pk).update(article=article, given_by=GivenBy.PUBLISHER)
    return losers


def add_key(article: Article, kind: str, key: str, given_by: str) -> None:
    """Register one more address. AddressTaken: it is another article's by now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO articles_articlekey (site_id, article_id, kind, key, given_by)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (site_id, kind, key) DO NOTHING",
            [article.site_id, article.pk, kind, key, given_by],
        )
        if not cursor.rowcount:
            raise AddressTaken
