"""The demo site: a small newspaper of our own invention, to look at and to play with."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from articles.fields import ArticleFields
from articles.models import Article, Site
from articles.selectors import find_page
from articles.services.news import database_now
from articles.services.pages import put_article
from articles.services.sites import create_site
from project.errors import Problem

SLUG: Final = "demo"
ORIGINS: Final = ("http://127.0.0.1:8000", "http://localhost:8000")
TEXTS: Final = Path(__file__).resolve().parent.parent / "data" / "demo_articles.json"


def seed_demo_articles() -> dict[str, Article]:
    """Make the demo site with its articles, as far as they are missing; return the articles by identifier.

    What is there is left as it is, so that an operator may change it. The articles are some days old, so none is news.
    """
    site = Site.objects.filter(slug=SLUG).first() or _make_site()
    found: dict[str, Article] = {}
    for entry in json.loads(TEXTS.read_text(encoding="utf-8")):
        identifier = entry.pop("identifier")
        found[identifier] = _known(site, identifier) or _put(site, identifier, entry)
    return found


def _make_site() -> Site:
    return create_site(slug=SLUG, name="The Ferry Town Gazette", origins=[settings.PUBLIC_URL, *ORIGINS]).site


def _known(site: Site, identifier: str) -> Article | None:
    try:
        return find_page(site, identifier=identifier).article
    except Problem:
        return None


def _put(site: Site, identifier: str, entry: dict[str, Any]) -> Article:
    days, paragraphs, source = entry.pop("days_ago"), entry.pop("paragraphs"), entry.pop("source", {})
    given: Any = {
        **entry,
        "published_at": database_now() - timedelta(days=days),
        "html": "".join(text if text.startswith(("<h2>", "<blockquote>")) else f"<p>{text}</p>" for text in paragraphs),
        **{f"source_{part}": text for part, text in source.items()},
    }
    fields: ArticleFields = given
    return put_article(site, fields, identifier=identifier).article
