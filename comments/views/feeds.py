"""Feeds of comments: of a site, and of one article."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from articles.models import Article, Site
from articles.selectors import find_site, public_article
from comments import feeds
from comments.feeds import Answered, Entry, Feed
from comments.selectors import RecentComment
from comments.selectors.lists import article_changed_at, recent_comments, recent_of_article, site_changed_at
from comments.serializers import page_address
from project.cacheable import cacheable
from project.errors import Problem
from project.queries import whole_number
from project.routes import allows

# Comments on one page of a feed, and pages; older ones are on the page of their article.
MOST: Final = 50
PAGES: Final = 1_000
FORMS: Final[dict[str, tuple[str, Callable[[Feed], bytes]]]] = {
    "atom": ("application/atom+xml; charset=utf-8", feeds.atom),
    "rss": ("application/rss+xml; charset=utf-8", feeds.rss),
    "json": ("application/feed+json", feeds.json_feed),
}


class Part(NamedTuple):
    """One page of a feed: its comments, its number, whether there is one behind, and when anything changed."""

    rows: Sequence[RecentComment]
    page: int
    has_next: bool
    changed_at: datetime

    def pages(self, address: str) -> dict[str, str]:
        """Return the addresses of the pages beside by their relation (RFC 5005); the only page has none."""
        links = {"first": address} if self.page > 1 or self.has_next else {}
        if self.page > 1:
            links["previous"] = address if self.page == 2 else paged(address, self.page - 1)
        if self.has_next:
            links["next"] = paged(address, self.page + 1)
        return links


@allows("GET")
def site_feed(request: HttpRequest, site_slug: str, form: str) -> HttpResponse:
    """The newest public comments of a site, in one of three forms; older ones by `page`."""
    site = find_site(site_slug)
    part = site_part(request, site, MOST)
    address = f"{settings.PUBLIC_URL}/feeds/{site.slug}/comments.{form}"
    title, url = f"Comments at {site.name or site.slug}", settings.PUBLIC_URL
    return answer(request, form, feed_of(part, title, url, address, site.created_at, _entries(part)), part.changed_at)


@allows("GET")
def article_feed(request: HttpRequest, article_id: int, form: str) -> HttpResponse:
    """The newest public comments of a public article, in one of three forms; older ones by `page`."""
    article = public_article(article_id)
    part = article_part(request, article, MOST)
    address = f"{settings.PUBLIC_URL}/feeds/articles/{article.pk}/comments.{form}"
    title, url = f"Comments on {title_of(article)}", article.public_url
    return answer(
        request, form, feed_of(part, title, url, address, article.created_at, _entries(part)), part.changed_at
    )


def site_part(request: HttpRequest, site: Site, length: int) -> Part:
    """Return the page of a site's comments that a request names. Problem: validation_failed."""
    page = _page(request)
    changed_at = site_changed_at(site)
    rows = recent_comments(site, length + 1, (page - 1) * length)
    return Part(rows[:length], page, len(rows) > length, changed_at)


def article_part(request: HttpRequest, article: Article, length: int) -> Part:
    """Return the page of an article's comments that a request names. Problem: validation_failed."""
    page = _page(request)
    changed_at = article_changed_at(article)
    rows = recent_of_article(article, length + 1, (page - 1) * length)
    return Part(rows[:length], page, len(rows) > length, changed_at)


def answer(request: HttpRequest, form: str, feed: Feed, changed_at: datetime) -> HttpResponse:
    """Return a feed in one of FORMS, or 304 to a client that has it. Problem: not_found."""
    if form not in FORMS:
        raise Problem("not_found", f"A feed is one of {', '.join(FORMS)}.")
    kind, write = FORMS[form]
    response = cacheable(request, write(feed), kind, changed_at)
    # A script on any page may read what everybody may.
    response["Access-Control-Allow-Origin"] = "*"
    return response


def paged(address: str, page: int) -> str:
    """Return the address of a further page of a feed."""
    return f"{address}{'&' if '?' in address else '?'}page={page}"


def title_of(article: Article) -> str:
    return article.title or article.public_url


def _page(request: HttpRequest) -> int:
    return whole_number(request.GET, "page", 1, PAGES) or 1


def feed_of(part: Part, title: str, url: str, address: str, began_at: datetime, entries: Sequence[Entry]) -> Feed:
    """Return the feed at `address` of which `part` is one page; without comments it is as old as `began_at`."""
    here = address if part.page == 1 else paged(address, part.page)
    return Feed(title, url, here, began_at, entries, part.pages(address))


def _entries(part: Part) -> list[Entry]:
    return [_entry(each) for each in part.rows]


def _entry(each: RecentComment) -> Entry:
    row, article = each.comment, each.article
    page = page_address(article)
    answered = Answered(_name(row.parent_id), f"{page}#comment-{row.parent_id}") if row.parent_id else None
    return Entry(
        name=_name(row.id),
        url=f"{page}{row.fragment}",
        title=f"{row.author_name} on {title_of(article)}",
        author=row.author_name or "",
        author_url=row.author_url or "",
        html=row.html or "",
        written_at=row.created_at,
        edited_at=row.edited_at,
        answers=answered,
        replies=row.reply_count,
    )


def _name(comment_id: int) -> str:
    """Return what names a comment for ever (RFC 4151), wherever its page moves."""
    return f"tag:{urlsplit(settings.PUBLIC_URL).hostname},2026:comment-{comment_id}"


urlpatterns = [
    path("feeds/articles/<int:article_id>/comments.<str:form>", article_feed, name="article_feed"),
    path("feeds/<slug:site_slug>/comments.<str:form>", site_feed, name="site_feed"),
]
