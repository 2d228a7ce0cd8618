"""What the lists of a whole site look like: comments that were found, articles that are talked about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from comments.selectors.lists import DiscussedArticle
from comments.selectors.search import SearchPage
from comments.serializers import CommentSerializer, HeadlineSerializer, comment_data, headline


def search_data(page: SearchPage) -> dict[str, Any]:
    """Return the comments that were found, each without its replies, with its article and an excerpt."""
    results = [
        {"comment": comment_data(hit.comment, hit.article), "article": headline(hit.article), "excerpt": hit.excerpt}
        for hit in page.hits
    ]
    return {"results": results, "next": page.next}


def discussed_data(days: int, found: Iterable[DiscussedArticle]) -> dict[str, Any]:
    articles = [{"article": headline(each.article), "comments": each.recent, "total": each.total} for each in found]
    return {"days": days, "articles": articles}


class HitSerializer(serializers.Serializer[Any]):
    comment = CommentSerializer()
    article = HeadlineSerializer()
    excerpt = serializers.CharField(help_text="HTML: escaped text, with `<mark>` around what was looked for.")


class SearchSerializer(serializers.Serializer[Any]):
    results = HitSerializer(many=True, help_text="Newest first. May be empty although `next` leads on.")
    next = serializers.CharField(allow_null=True, help_text="Cursor to older ones; null at the end.")


class DiscussedArticleSerializer(serializers.Serializer[Any]):
    article = HeadlineSerializer()
    comments = serializers.IntegerField(help_text="Public comments of these days.")
    total = serializers.IntegerField(help_text="All its public comments.")


class MostDiscussedSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    articles = DiscussedArticleSerializer(many=True)
