"""What the page of an article shows of the article itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import template

from articles import selectors
from articles.models import Article
from project.templatetags.web import http_only

register = template.Library()


@register.simple_tag
def original_page(article: Article) -> str:
    """Return the publisher's own page of the article, "" where there is none but ours."""
    url = http_only(article.url)
    return "" if url == article.page_url else url


@register.simple_tag
def related_articles(article: Article) -> list[Article]:
    """Return the headlines to read next; one query."""
    return list(selectors.related_articles(article))


@register.inclusion_tag("articles/source_line.html")
def source_line(article: Article) -> dict[str, Any]:
    """Show where a republished text came from: `NAME – by AUTHOR (TITLE)`, each part only where it is known."""
    address = http_only(article.source_url)
    parts = (
        article.source_name,
        "–" if article.source_name and article.source_author else "",
        f"by {article.source_author}" if article.source_author else "",
        f"({article.source_title})" if article.source_title else "",
    )
    line = " ".join(part for part in parts if part)
    return {"line": line or urlsplit(address).hostname or "", "address": address}
