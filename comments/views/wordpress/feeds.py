"""Feeds at WordPress' addresses: of a site's posts, of all its comments, of one post's comments."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.urls import path

from articles.models import Article, Site
from articles.selectors import find_site, public_article, public_articles
from comments import post_feeds
from comments.feeds import Answered, Entry
from comments.post_feeds import Post, PostFeed
from comments.selectors import RecentComment
from comments.selectors.lists import site_changed_at
from comments.selectors.wordpress import article_at_path, talk_about
from comments.serializers import page_address
from comments.views.feeds import FORMS, answer, article_part, feed_of, site_part, title_of
from comments.views.wordpress.arguments import NUMBER
from comments.views.wordpress.discovery import home_of
from project.cacheable import cacheable
from project.errors import Problem
from project.routes import allows

LENGTH: Final = 10
# What WordPress calls its forms, in addresses and in `?feed=`.
NAMES: Final = {"feed": "rss", "rss2": "rss", "rss": "rss", "atom": "atom"}
ADDRESS: Final = re.compile(r"(?:(?P<page>.+)/)?feed(?:/(?P<form>[a-z0-9]+))?/?")
POST_FORMS: Final[dict[str, Callable[[PostFeed], bytes]]] = {"rss": post_feeds.rss, "atom": post_feeds.atom}


@allows("GET")
def feed_at(request: HttpRequest, site_slug: str, address: str) -> HttpResponse:
    """The feed at `comments/feed/`, `feed/`, or a post's own path and `feed/`; with `atom/` behind as Atom."""
    found = ADDRESS.fullmatch(address)
    form = NAMES.get((found["form"] or "feed") if found else "")
    if found is None or form is None:
        raise Problem("not_found", "There is no such feed.")
    site = find_site(site_slug)
    if found["page"] is None:
        return posts_feed(request, site, form)
    if found["page"] == "comments":
        return site_comments(request, site, form)
    article = article_at_path(site, quote(found["page"], safe="/%"))
    if article is None:
        raise Problem("not_found", "There is no such article.")
    return article_comments(request, article, form)


def feed_of_query(request: HttpRequest, site: Site) -> HttpResponse:
    """The feed that `?feed=` names: `comments-rss2`; `rss2` of the post `p`, or of all posts. Problem: not_found."""
    name = request.GET["feed"]
    form = NAMES.get(name.removeprefix("comments-"))
    if form is None:
        raise Problem("not_found", "There is no such feed.")
    if "p" in request.GET:
        return article_comments(request, article_of(site, request.GET["p"]), form)
    return (site_comments if name.startswith("comments-") else posts_feed)(request, site, form)


def article_of(site: Site, number: str) -> Article:
    """Return one of the site's public articles. Problem: not_found."""
    article = public_article(int(number)) if NUMBER.fullmatch(number) else None
    if article is None or article.site_id != site.pk:
        raise Problem("not_found", "There is no such article.")
    return article


def site_comments(request: HttpRequest, site: Site, form: str) -> HttpResponse:
    """The newest comments of a site."""
    part = site_part(request, site, LENGTH)
    address = f"{home_of(site)}/comments/feed/{'' if form == 'rss' else 'atom/'}"
    entries = [_entry(each, f"Comment on {title_of(each.article)} by {_author(each)}") for each in part.rows]
    made = feed_of(part, f"Comments for {site.name or site.slug}", home_of(site), address, site.created_at, entries)
    return answer(request, form, made, part.changed_at)


def article_comments(request: HttpRequest, article: Article, form: str) -> HttpResponse:
    """The newest comments of one post."""
    part = article_part(request, article, LENGTH)
    entries = [_entry(each, f"By: {_author(each)}") for each in part.rows]
    title, address = f"Comments on: {title_of(article)}", _comments_feed(article, form)
    made = feed_of(part, title, page_address(article), address, article.created_at, entries)
    return answer(request, form, made, part.changed_at)


def posts_feed(request: HttpRequest, site: Site, form: str) -> HttpResponse:
    """The newest posts of a site, with how many comments each has."""
    changed_at = site_changed_at(site)
    articles = list(public_articles(site).filter(published_at__isnull=False)[:LENGTH])
    talk = talk_about([article.pk for article in articles])
    address = f"{home_of(site)}/feed/{'' if form == 'rss' else 'atom/'}"
    posts = [_post(article, site, form, *talk.get(article.pk, (0, None))) for article in articles]
    made = PostFeed(site.name or site.slug, home_of(site), address, site.created_at, posts)
    return cacheable(request, POST_FORMS[form](made), FORMS[form][0], changed_at)


def _comments_feed(article: Article, form: str) -> str:
    return f"{home_of(article.site)}/?feed={'rss2' if form == 'rss' else 'atom'}&p={article.pk}"


def _author(each: RecentComment) -> str:
    return each.comment.author_name or ""


def _entry(each: RecentComment, title: str) -> Entry:
    row, article = each.comment, each.article
    page = page_address(article)
    # A root answers the post itself.
    above = f"#comment-{row.parent_id}" if row.parent_id else ""
    answered = Answered(f"{article.page_url}{above}", f"{page}{above}", "text/html")
    return Entry(
        name=f"{article.page_url}{row.fragment}",
        url=f"{page}{row.fragment}",
        title=title,
        author=_author(each),
        author_url=row.author_url or "",
        html=row.html or "",
        written_at=row.created_at,
        edited_at=row.edited_at,
        answers=answered,
        replies=row.reply_count,
    )


def _post(article: Article, site: Site, form: str, comments: int, commented_at: datetime | None) -> Post:
    article.site = site
    return Post(
        name=article.page_url,
        url=article.public_url,
        title=title_of(article),
        author=article.author_name,
        summary=article.summary,
        html=article.html,
        published_at=article.published_at or article.created_at,
        updated_at=article.updated_at,
        comments=comments,
        comments_feed=_comments_feed(article, form) if comments or article.comments_open else "",
        commented_at=commented_at,
    )


urlpatterns = [path("wp/<slug:site_slug>/<path:address>", feed_at, name="wordpress_feed")]
