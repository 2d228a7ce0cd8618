"""What the page of an article tells machines: the tags of its head, and the article with its comments as JSON-LD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.utils.safestring import SafeString

from articles.models import Article
from sharing.cards.card import metas
from sharing.cards.structured import news_article, script_text
from sharing.selectors.cards import card_of_page

register = template.Library()


@register.inclusion_tag("sharing/card.html", takes_context=True)
def page_card(context: dict[str, Any]) -> dict[str, Any]:
    """Show the tags of the article's card, or of the comment's that the query names; one query for a comment."""
    article, request = context["article"], context["request"]
    card = card_of_page(article, request.GET.get("comment", ""))
    return {"article": article, "card": card, "metas": metas(card), "oembed": f"{settings.PUBLIC_URL}/oembed"}


@register.filter
def oembed_query(url: str, form: str) -> str:
    """Return the query with which oEmbed is asked for a page."""
    return urlencode({"url": url, "format": form})


@register.simple_tag
def structured_data(article: Article, view: Any, shares: Mapping[str, int]) -> SafeString:
    """Write the article and the comments that the page shows as JSON-LD; no query."""
    rows = (row.comment for row in view.rows)
    return script_text(news_article(article, rows, view.total, shares))
