"""Comments for the demo articles: written here, and taken from two small exports like those of WordPress and Disqus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from articles.models import Article
from comments.interchange.detect import open_export
from comments.models import Comment, Provider
from comments.services.intake import take_in
from comments.services.posting import Author, Draft, post_comment

DATA: Final = Path(__file__).resolve().parent.parent / "data"
EXPORTS: Final = {"wordpress": "demo_wordpress.xml", "disqus": "demo_disqus.xml"}


def seed_demo_comments(articles: Mapping[str, Article]) -> None:
    """Give the demo articles (by identifier) their comments, unless an article has some of its own already."""
    threads: dict[str, list[dict[str, Any]]] = json.loads((DATA / "demo_comments.json").read_text(encoding="utf-8"))
    for identifier, comments in threads.items():
        article = articles[identifier]
        if not Comment.objects.of(article).filter(provider=Provider.NATIVE).exists():
            _post(article, comments, None)
    site = next(iter(articles.values())).site
    for kind, name in EXPORTS.items():
        take_in(open_export(DATA / name, kind), site)


def _post(article: Article, comments: list[dict[str, Any]], parent: int | None) -> None:
    for entry in comments:
        draft = Draft(body=entry["body"], author=Author(entry["name"], url=entry.get("url", "")), parent=parent)
        _post(article, entry.get("replies", []), post_comment(article, draft).comment.pk)
