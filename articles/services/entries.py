"""Entries of a site's feeds and sitemaps become articles.

A feed adds to what is known and takes nothing: only blank fields are filled, so whatever `PUT articles` gave stays.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.db import DataError, IntegrityError

from articles.models import Article, ArticleKey, Site
from articles.services.keys import GivenBy, Kind, Names, claim, lock_keys
from articles.services.news import announce, database_now, is_recent, tell_changed
from articles.services.pages import locked_article, shown_fields, until_settled, visibility_at
from articles.source_feeds import Entry
from project.addresses import canonical_origin, canonical_url
from project.errors import Problem

log = logging.getLogger(__name__)

# Articles that one reading makes or changes, and addresses that one statement looks for.
AT_ONCE: Final = 2_000
CHUNK: Final = 1_000
# A site that has moved brings all its pages as new ones, and lets nobody's mailbox fill.
MOST_NEWS: Final = 50
FILLED: Final = ("title", "author_name", "tags", "source_name", "source_author")
# A date beyond this is a slip: the page is there already.
FARTHEST: Final = timedelta(days=366)


@dataclass(frozen=True)
class Taken:
    """What became of the entries of one reading.

    `foreign` are of none of the site's origins, `failed` could not be stored, `silent` would have been announced if
    they had not been too many; with `is_more` some wait for the next reading of the same document.
    """

    made: int = 0
    foreign: int = 0
    failed: int = 0
    silent: int = 0
    is_more: bool = False


@dataclass
class News:
    """Whom a reading tells of what: nobody of anything without `since`, and of at most 50 entries in all."""

    since: datetime | None
    told: int = 0
    silent: int = 0

    def is_news(self, article: Article) -> bool:
        """Say whether a public article came up after everything was read that was there at first."""
        if self.since is None or not article.is_public or article.announced_at is not None:
            return False
        return max(article.created_at, article.published_at or article.created_at) > self.since

    def tell(self, article: Article, now: datetime) -> None:
        """Announce an article if it is recent; one too many counts as announced, so that it stays silent."""
        if self.told < MOST_NEWS:
            self.told += announce(article, now)
        elif is_recent(article, now):
            Article.objects.filter(pk=article.pk).update(announced_at=now)
            self.silent += 1


def take_entries(site: Site, entries: Sequence[Entry], *, news_since: datetime | None) -> Taken:
    """Make articles of the entries that are new, and fill what is blank of the others, each in its own transaction.

    Followers are told of those that came up after `news_since`; of none without it. At most 2,000 in a call.
    """
    origins = set(site.origins.values_list("origin", flat=True))
    own = [entry for entry in entries if canonical_origin(entry.url) in origins]
    news, now = News(news_since), database_now()
    wanted = [entry for entry, key in _with_keys(site, own) if key is None or _says_more(entry, key, news, now)]
    made = failed = 0
    for entry in wanted[:AT_ONCE]:
        try:
            made += until_settled(partial(_take, site, entry, news))
        except (Problem, DataError, IntegrityError):
            failed += 1
            log.exception("an entry of a feed of %s could not be stored", site.slug)
    is_more = bool(made) and len(wanted) > AT_ONCE
    return Taken(made, len(entries) - len(own), failed, news.silent, is_more)


def _with_keys(site: Site, entries: Sequence[Entry]) -> Iterator[tuple[Entry, ArticleKey | None]]:
    """Yield each entry with the key of its address, and that with its article, if the address is known."""
    keys = ArticleKey.objects.filter(site=site, kind=Kind.URL).select_related("article__site")
    for start in range(0, len(entries), CHUNK):
        named = {canonical_url(entry.url): entry for entry in entries[start : start + CHUNK]}
        known = {key.key: key for key in keys.filter(key__in=list(named)).defer("article__html", "article__summary")}
        yield from ((entry, known.get(url)) for url, entry in named.items())


def _says_more(entry: Entry, key: ArticleKey, news: News, now: datetime) -> bool:
    """Say whether an entry adds something to the article of its address, be it only that followers are told."""
    article = key.article
    if article.deleted_at is not None:
        return False
    adds = bool(_missing(article, entry)) or bool(entry.identifier and not article.identifier)
    return adds or key.given_by == GivenBy.READER or (is_recent(article, now) and news.is_news(article))


def _take(site: Site, entry: Entry, news: News) -> bool:
    """Make or complete the article of an entry; return whether it is new. AddressTaken, Problem."""
    names = Names.read(entry.url, entry.identifier)
    keys = lock_keys(site, names)
    now = database_now()
    known = keys.get(Kind.IDENTIFIER) or keys.get(Kind.URL)
    article = locked_article(site, known.article_id) if known else None
    if article is None:
        date = _date(entry, now)
        article = Article(site=site, url=entry.url, identifier=names.identifier, **_missing(Article(), entry))
        article.published_at, article.visibility = date, visibility_at(date, now)
        article.save(force_insert=True)
        claim(article, names, keys)
        if news.since is not None:
            news.tell(article, now)
        return True
    if article.deleted_at is None:
        is_readers = known is not None and known.given_by == GivenBy.READER
        _complete(article, entry, names, keys, now, is_readers=is_readers)
        if news.is_news(article):
            news.tell(article, now)
    return False


def _complete(
    article: Article, entry: Entry, names: Names, keys: dict[str, ArticleKey], now: datetime, *, is_readers: bool
) -> None:
    """Fill what an article lacks. What its publisher has said stays, and an address of another article stays there.

    Of a page that only a reader's write has registered the date was a guess; it becomes the entry's.
    """
    before = shown_fields(article)
    own = {kind: key for kind, key in names.pairs() if kind not in keys or keys[kind].article_id == article.pk}
    given = _missing(article, entry)
    if Kind.URL in own and not article.url:
        given["url"] = entry.url
    if Kind.IDENTIFIER in own and not article.identifier:
        given["identifier"] = names.identifier
    if is_readers and entry.published_at is not None and entry.published_at <= now:
        given["published_at"] = entry.published_at
    if given:
        for name, value in given.items():
            setattr(article, name, value)
        article.updated_at = now
        article.save(update_fields=[*given, "updated_at"])
    claim(article, Names(own.get(Kind.URL, ""), own.get(Kind.IDENTIFIER, "")), keys)
    if shown_fields(article) != before:
        tell_changed(article)


def _missing(article: Article, entry: Entry) -> dict[str, Any]:
    """Return what the entry says of fields in which the article says nothing."""
    given: dict[str, Any] = {name: getattr(entry, name) for name in FILLED if not getattr(article, name)}
    if "tags" in given:
        given["tags"] = list(given["tags"])
    return {name: value for name, value in given.items() if value}


def _date(entry: Entry, now: datetime) -> datetime:
    """Return when a new article was published: as the entry says, else by when it was there, else now."""
    if entry.published_at is not None and entry.published_at - now < FARTHEST:
        return entry.published_at
    return min(entry.changed_at or now, now)
