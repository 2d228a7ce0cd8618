"""Feeds of comments: of a site, and of one article."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from articles.models import Article
from articles.selectors import find_site, public_article
from comments import feeds, selectors
from comments.feeds import Entry, Feed
from comments.selectors import RecentComment
from comments.serializers import page_address
from project.cacheable import cacheable
from project.errors import Problem
from project.routes import allows

# Comments in one feed; older ones are on the page.
MOST: Final = 50
FORMS: Final[dict[str, tuple[str, Callable[[Feed], bytes]]]] = {
    "atom": ("application/atom+xml; charset=utf-8", feeds.atom),
    "rss": ("application/rss+xml; charset=utf-8", feeds.rss),
    "json": ("application/feed+json", feeds.json_feed),
}


@allows("GET")
def site_feed(request: HttpRequest, site_slug: str, form: str) -> HttpResponse:
    """The newest public comments of a site, in one of three forms."""
    site = find_site(site_slug)
    found = selectors.recent_comments(site, MOST)
    address = f"{settings.PUBLIC_URL}/feeds/{site.slug}/comments.{form}"
    title, url = f"Comments at {site.name or site.slug}", settings.PUBLIC_URL
    return _answer(request, form, Feed(title, url, address, site.created_at, [_entry(each) for each in found]))


@allows("GET")
def article_feed(request: HttpRequest, article_id: int, form: str) -> HttpResponse:
    """The newest public comments of a public article, in one of three forms."""
    article = public_article(article_id)
    found = selectors.recent_of_article(article, MOST)
    address = f"{settings.PUBLIC_URL}/feeds/articles/{article.pk}/comments.{form}"
    title, url = f"Comments on {_title(article)}", article.public_url
    return _answer(request, form, Feed(title, url, address, article.created_at, [_entry(each) for each in found]))


def _answer(request: HttpRequest, form: str, feed: Feed) -> HttpResponse:
    if form not in FORMS:
        raise Problem("not_found", f"A feed is one of {', '.join(FORMS)}.")
    kind, write = FORMS[form]
    response = cacheable(request, write(feed), kind)
    # A script on any page may read what everybody may.
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _entry(each: RecentComment) -> Entry:
    row, article = each.comment, each.article
    page = page_address(article)
    return Entry(
        id=row.id,
        url=f"{page}{row.fragment}",
        article=_title(article),
        article_url=article.public_url,
        author=row.author_name or "",
        author_url=row.author_url or "",
        html=row.html or "",
        written_at=row.created_at,
        edited_at=row.edited_at,
        parent=row.parent_id,
        parent_url=f"{page}#comment-{row.parent_id}" if row.parent_id else "",
        replies=row.reply_count,
    )


def _title(article: Article) -> str:
    return article.title or article.public_url


urlpatterns = [
    path("feeds/articles/<int:article_id>/comments.<str:form>", article_feed, name="article_feed"),
    path("feeds/<slug:site_slug>/comments.<str:form>", site_feed, name="site_feed"),
]
