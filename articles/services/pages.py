"""Making articles known: by a reader's first write, by their publisher, or taking them away again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from django.db import transaction
from django.db.models.functions import Now

from articles.models import Article
from articles.selectors import PageRef, find_page
from articles.services.keys import AddressTaken, GivenBy, Names, add_key
from project.addresses import web_address

T = TypeVar("T")

# A twin that registers the same address is met once; twice only if the address is taken away in between.
ATTEMPTS: Final = 5


def register_page(page: PageRef, title: str = "") -> Article:
    """Return the article of a page, made now if this is the first write on it; public, and never announced by this.

    `title` is used for a new article only. All addresses that the page was named by lead to the new one; an existing
    article gets none.
    """
    if page.article is not None:
        return page.article
    return until_settled(lambda: _find_or_make(page, title))


def until_settled(work: Callable[[], T]) -> T:
    """Run `work` in a transaction, again as long as a twin takes an address between its look and its write."""
    for _ in range(ATTEMPTS - 1):
        try:
            with transaction.atomic():
                return work()
        except AddressTaken:
            continue
    with transaction.atomic():
        return work()


def _find_or_make(page: PageRef, title: str) -> Article:
    known = find_page(page.site, url=page.url, identifier=page.identifier).article
    if known is not None:
        return known
    names = Names.read(page.url, page.identifier)
    article = Article.objects.create(
        site=page.site, url=web_address(page.url), identifier=names.identifier, title=title, published_at=Now()
    )
    for kind, key in names.pairs():
        add_key(article, kind, key, GivenBy.READER)
    article.refresh_from_db(fields=["published_at"])
    return article
