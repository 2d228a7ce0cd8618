"""The page of an article, for people: written by the server, whole without any script, and without a cookie."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import conditional_page

from articles.models import Article
from articles.selectors import article_of_page, successor_of
from project.errors import Problem
from project.routes import allows

CACHE_CONTROL: Final = "public, max-age=0, s-maxage=1, must-revalidate"
# These ask for what one reader has just done; nobody else needs the answer.
PERSONAL: Final = frozenset({"mine", "moderation-hash", "at_least", "followed"})


@allows("GET")
@conditional_page
def article_page(request: HttpRequest, article_id: int) -> HttpResponse:
    """Show headline, text, share bar, Follow by Email and the conversation; 404 for what is not public.

    The page of an article that was merged leads to that of the one which took it over.
    """
    try:
        article = article_of_page(article_id)
    except Problem:
        return _to_successor(request, article_id)
    response = render(request, "articles/article.html", {"article": article})
    for name, value in endpoints_of(article).items():
        response[name] = value
    response["Cache-Control"] = "private, no-store" if PERSONAL & set(request.GET) else CACHE_CONTROL
    return response


def _to_successor(request: HttpRequest, article_id: int) -> HttpResponse:
    successor = successor_of(article_id)
    query = request.META.get("QUERY_STRING", "")
    response = HttpResponsePermanentRedirect(f"{successor.get_absolute_url()}{'?' if query else ''}{query}")
    response["Cache-Control"] = CACHE_CONTROL
    return response


def endpoints_of(article: Article) -> dict[str, str]:
    """Return the headers by which other servers find where to say that a page of theirs links here."""
    if not article.takes_mentions:
        return {}
    pingback = f"{settings.PUBLIC_URL}/pingback"
    return {"Link": f'<{article.mention_door}>; rel="webmention"', "X-Pingback": pingback}


urlpatterns = [path("a/<int:article_id>", article_page, name="article_page")]
