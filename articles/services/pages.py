"""Making articles known: by a reader's first write, by their publisher, or taking them away again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from django.db.models.functions import Now

from articles.fields import ArticleFields
from articles.models import Article, Site
from articles.selectors import PageRef, find_page
from articles.services.keys import AddressTaken, GivenBy, Names, add_key, claim, decide, lock_keys
from articles.services.news import announce, database_now, tell_changed, tell_written
from project.addresses import canonical_url, web_address
from project.arrivals import without_ref
from project.errors import Problem, refused_field
from project.text import clean_article
from project.transactions import in_transaction

T = TypeVar("T")

# A twin that registers the same address is met once; twice only if the address is taken away in between.
ATTEMPTS: Final = 5

MAX_HTML: Final = 2_000_000

# What a thread page shows of its article.
SHOWN: Final = ("url", "identifier", "title", "comments_open", "visibility")


@dataclass(frozen=True)
class Put:
    """The article as it is stored now, and whether it is new."""

    article: Article
    created: bool


def register_page(page: PageRef, title: str = "") -> Article:
    """Return the article of a page, made now if this is the first write on it; public, and never announced by this.

    `title` is used for a new article only. All addresses that the page was named by lead to the new one; an existing
    article gets none.
    """
    if page.article is not None:
        return page.article
    return until_settled(lambda: _find_or_make(page, title))


def put_article(site: Site, fields: ArticleFields, *, url: str = "", identifier: str = "") -> Put:
    """Make or update the article of these addresses, all of which become its own.

    A new article is public from now on unless `published_at` says otherwise; one deleted before comes back. Followers
    are told once, of a recent one. Problem: validation_failed (no address, or an impossible one), page_conflict.
    """
    if not url and not identifier:
        raise refused_field("url", "required", "Name the page by url or identifier.")
    names = Names.read(url, identifier)
    given: dict[str, Any] = dict(fields)
    if url:
        given["url"] = web_address(without_ref(url))
    if identifier:
        given["identifier"] = names.identifier
    if "html" in given:
        given["html"] = _clean(given["html"])
    return until_settled(lambda: _put(site, names, given))


def delete_article(site: Site, article_id: int) -> None:
    """Hide an article of `site` at once, to be forgotten in 30 days; once more does nothing.

    Problem: not_found.
    """
    in_transaction(lambda: _delete(site, article_id))


def _clean(html: str) -> str:
    clean = clean_article(html)
    if len(clean) > MAX_HTML:  # closing what was left open may make a text many times as long
        raise refused_field("html", "too_long", f"The text has more than {MAX_HTML:,} characters when it is closed.")
    return clean


def until_settled(work: Callable[[], T]) -> T:
    """Run `work` in a transaction, again as long as a twin takes an address between its look and its write."""
    for _ in range(ATTEMPTS - 1):
        try:
            return in_transaction(work)
        except AddressTaken:
            continue
    return in_transaction(work)


def _find_or_make(page: PageRef, title: str) -> Article:
    known = find_page(page.site, url=page.url, identifier=page.identifier).article
    if known is not None:
        return known
    names = Names.read(page.url, page.identifier)
    article = Article.objects.create(
        site=page.site,
        url=web_address(without_ref(page.url)),
        identifier=names.identifier,
        title=title,
        published_at=database_now(),
    )
    for kind, key in names.pairs():
        add_key(article, kind, key, GivenBy.READER)
    return article


def _put(site: Site, names: Names, given: dict[str, Any]) -> Put:
    keys = lock_keys(site, names)
    known = locked_article(site, decide(keys))
    article = known or Article(site=site)
    before = shown_fields(article)
    now = database_now()
    _date(article, given, now, is_new=known is None)
    for name, value in given.items():
        setattr(article, name, value)
    article.updated_at = now
    article.save()
    tell_written(article)
    losers = [_forget_address(site, loser, names) for loser in claim(article, names, keys)]
    announce(article, now)
    if known is not None and shown_fields(article) != before:
        losers.append(article)
    for changed in sorted(losers, key=lambda one: one.pk):
        tell_changed(changed)
    return Put(article, created=known is None)


def locked_article(site: Site, article_id: int | None) -> Article | None:
    """Return an article with its site, its row locked for writing until the transaction ends; None for no id."""
    if article_id is None:
        return None
    # Posting holds a weaker lock on the row, with which this one does not collide.
    found = Article.objects.of(site).select_for_update(of=("self",), no_key=True).select_related("site")
    return found.get(pk=article_id)


def shown_fields(article: Article) -> tuple[Any, ...]:
    """Return what a thread page shows of an article, to be compared."""
    return tuple(getattr(article, name) for name in SHOWN)


def _date(article: Article, given: dict[str, Any], now: datetime, *, is_new: bool) -> None:
    """Set when, and whether, the article is public, and take the date out of `given`."""
    is_dated = "published_at" in given
    date = given.pop("published_at", now if is_new else article.published_at)
    if is_new or is_dated or article.deleted_at is not None:
        article.published_at, article.state, article.deleted_at = date, "", None
        article.visibility = visibility_at(date, now)


def visibility_at(date: datetime | None, now: datetime) -> str:
    """Return who sees an article of this date now: nobody without one, nobody yet before it."""
    if date is None:
        return Article.Visibility.HIDDEN
    return Article.Visibility.PUBLIC if date <= now else Article.Visibility.SCHEDULED


def _forget_address(site: Site, article_id: int, names: Names) -> Article:
    """Let an article whose address has moved away no longer call it its own."""
    article = locked_article(site, article_id)
    assert article is not None
    if article.url and canonical_url(article.url) == names.url:
        article.url = ""
    if article.identifier == names.identifier:
        article.identifier = ""
    Article.objects.filter(pk=article_id).update(url=article.url, identifier=article.identifier, updated_at=Now())
    return article


def _delete(site: Site, article_id: int) -> None:
    article = Article.objects.of(site).select_for_update(no_key=True).filter(pk=article_id).first()
    if article is None:
        raise Problem("not_found", f"The site has no article {article_id}.")
    if article.deleted_at is not None:
        return
    article.visibility, article.deleted_at = Article.Visibility.HIDDEN, database_now()
    Article.objects.filter(pk=article_id).update(
        visibility=article.visibility, deleted_at=article.deleted_at, updated_at=Now()
    )
    article.site = site
    tell_written(article)
    tell_changed(article)
