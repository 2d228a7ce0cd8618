"""oEmbed: what another page shows of an article or a comment whose address was pasted there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

import orjson
from django.http import HttpRequest, HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from articles.models import Article
from articles.selectors import article_at
from project.cacheable import JSON, cacheable
from project.documented import documented
from project.errors import Problem, refused_field
from project.routes import allows
from sharing.cards.card import Card, article_card
from sharing.cards.oembed import Answer, Room, answer, as_xml
from sharing.selectors.cards import comment_card_of
from sharing.serializers.cards import OEmbedSerializer

FORMATS: Final[dict[str, tuple[str, Callable[[Answer], bytes]]]] = {
    "json": (JSON, orjson.dumps),
    "xml": ("text/xml; charset=utf-8", as_xml),
}
FRAGMENT: Final = re.compile("comment-([0-9]{1,18})", re.ASCII)
MAX_PIXELS: Final = 100_000
PARAMETERS: Final = [
    OpenApiParameter("url", str, required=True, description="Address of an article, or the permalink of a comment."),
    OpenApiParameter("format", str, enum=sorted(FORMATS), description="`json` unless it is said."),
    OpenApiParameter("maxwidth", int, description="The most pixels that the consumer has."),
    OpenApiParameter("maxheight", int, description="The same, upwards."),
]


@documented(
    get=extend_schema(
        operation_id="oembed",
        parameters=PARAMETERS,
        responses={(200, "application/json"): OEmbedSerializer, (200, "text/xml"): OpenApiTypes.STR},
    )
)
@allows("GET")
def oembed(request: HttpRequest) -> HttpResponse:
    """Describe the article or comment of an address; only what exists: nothing is registered by asking.

    404 for an address that nobody knows and a comment that is not to be seen, 401 for an article that is not public,
    501 for a format that there is not (all three as oEmbed 1.0 has them).
    """
    form = request.GET.get("format") or "json"
    if form not in FORMATS:
        raise Problem("format_unsupported", f"The formats are {' and '.join(FORMATS)}.")
    room = Room(_pixels(request.GET, "maxwidth"), _pixels(request.GET, "maxheight"))
    kind, write = FORMATS[form]
    return cacheable(request, write(answer(_card(request.GET.get("url", "")), room)), kind)


def _card(url: str) -> Card:
    if not url:
        raise refused_field("url", "required", "Name the address.")
    article = article_at(url)
    if article is None:
        raise Problem("unknown_page", "No article has that address.")
    if not article.is_public:
        raise Problem("not_public", "This article is not open to the public.")
    number = _comment_number(url, article)
    card = comment_card_of(article, number) if number else article_card(article)
    if card is None:
        raise Problem("not_found", "There is no such comment.")
    return card


def _comment_number(url: str, article: Article) -> str:
    """Return the id of the comment that an address means, "" for an address of the whole article."""
    parts = urlsplit(url)
    if found := FRAGMENT.fullmatch(parts.fragment):
        return found[1]
    if parts.path.rstrip("/").endswith(article.get_absolute_url()):
        return next(iter(parse_qs(parts.query).get("comment", [])), "")
    return ""


def _pixels(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise refused_field(name, "not_a_size", "This must be a number of pixels.")
    return min(int(text), MAX_PIXELS)


urlpatterns = [path("oembed", oembed, name="oembed")]
