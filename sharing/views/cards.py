"""Our own pictures of articles and comments, for networks that show one beside what is shared."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema

from articles.models import Article
from articles.selectors import public_article
from project.cacheable import cacheable
from project.documented import documented
from project.errors import Problem
from project.routes import allows
from project.throttling import spend
from sharing.cards.card import Drawn, drawn_of
from sharing.pictures import shelf
from sharing.pictures.drawing import draw
from sharing.pictures.words import WIDTHS, kept_name
from sharing.selectors.cards import comments_below, find_comment

PNG: Final = (200, "image/png")
ELSEWHERE: Final = OpenApiResponse(description="`Location` is the picture of the words as they are now.")


@documented(get=extend_schema(operation_id="article_picture", responses={PNG: OpenApiTypes.BINARY, 302: ELSEWHERE}))
@allows("GET")
def article_picture(request: HttpRequest, article_id: int, width: int, digest: str) -> HttpResponse:
    """Show the picture of a public article: headline, site, author and how many comments there are."""
    article = public_article(article_id)
    return _answer(request, article, drawn_of(article), width, digest)


@documented(get=extend_schema(operation_id="comment_picture", responses={PNG: OpenApiTypes.BINARY, 302: ELSEWHERE}))
@allows("GET")
def comment_picture(request: HttpRequest, article_id: int, comment_id: int, width: int, digest: str) -> HttpResponse:
    """Show the picture of a public comment: its words and its author."""
    article = public_article(article_id)
    comment = find_comment(article, str(comment_id))
    if comment is None:
        raise Problem("not_found", "There is no such comment.")
    return _answer(request, article, drawn_of(article, comment), width, digest)


def _answer(request: HttpRequest, article: Article, drawn: Drawn, width: int, digest: str) -> HttpResponse:
    """Answer with the picture, drawn if it is not kept; an address of other words leads to that of today's.

    Problem: not_found for a size that there is not, rate_limited where one client has too many drawn.
    """
    if width not in WIDTHS:
        raise Problem("not_found", "There is no picture of that size.")
    if digest != drawn.words.digest:
        return HttpResponse(status=302, headers={"Location": drawn.address(width), "Cache-Control": "no-store"})
    comments = 0 if drawn.words.quote else comments_below(article)
    name = kept_name(drawn.words, comments, width)
    picture = shelf.take(name)
    if picture is None:
        spend(request, "pictures")
        picture = draw(drawn.words, comments, width)
        shelf.put(name, picture)
    return cacheable(request, picture, "image/png")


urlpatterns = [
    path("cards/<int:article_id>/<int:width>/<slug:digest>.png", article_picture, name="article_picture"),
    path(
        "cards/<int:article_id>/<int:comment_id>/<int:width>/<slug:digest>.png", comment_picture, name="comment_picture"
    ),
]
