"""Networks, share links and shares, as the API takes and gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rest_framework import serializers

from articles.models import Article
from project.errors import refused_field
from sharing import networks
from sharing.selectors.shares import SharedArticle

MAX_ID: Final = 2**63 - 1


class NetworkSerializer(serializers.Serializer[networks.Network]):
    """One network."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the stubs mean the argument of that name
    kind = serializers.CharField(help_text="`web`, or `device` for what the reader's own device does.")
    status = serializers.CharField(help_text="How sure the address is: `documented` or `convention`.")


class NetworksSerializer(serializers.Serializer[Any]):
    """Every network that is offered, in order."""

    networks = NetworkSerializer(many=True)


class ShareLinkSerializer(serializers.Serializer[Any]):
    """One share button."""

    network = serializers.CharField(help_text="Key of the network.")
    label = serializers.CharField()  # type: ignore[assignment]  # the stubs mean the argument of that name
    url = serializers.URLField(
        allow_null=True, help_text="Our redirect, which counts; null for a device, and for a page not yet registered."
    )
    target = serializers.CharField(help_text="The network's own address; for a device the address of the page.")


class CountsSerializer(serializers.Serializer[Any]):
    """How often a page was shared."""

    counts = serializers.DictField(child=serializers.IntegerField(min_value=0), help_text="Shares by network key.")
    total = serializers.IntegerField(min_value=0)


class ShareLinksSerializer(CountsSerializer):
    """Every share button of a page, with counts."""

    links = ShareLinkSerializer(many=True)


def headline(article: Article) -> dict[str, Any]:
    """Return what a list says of an article."""
    return {"id": article.pk, "url": article.public_url, "title": article.title}


class SharedHeadlineSerializer(serializers.Serializer[Any]):
    """An article as a list names it."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    title = serializers.CharField(allow_blank=True)


class SharedArticleSerializer(serializers.Serializer[Any]):
    """An article, and how often it was shared."""

    article = SharedHeadlineSerializer()
    shares = serializers.IntegerField(help_text="Shares of these days.")
    total = serializers.IntegerField(help_text="All its shares.")


class MostSharedSerializer(serializers.Serializer[Any]):
    """The most shared articles of some days."""

    days = serializers.IntegerField()
    articles = SharedArticleSerializer(many=True)


def most_shared_data(days: int, found: Iterable[SharedArticle]) -> dict[str, Any]:
    """Return the list as JSON values."""
    articles = [
        {
            "article": headline(each.article),
            "shares": each.recent,
            "total": each.total,
        }
        for each in found
    ]
    return {"days": days, "articles": articles}


class ShareAnswerSerializer(CountsSerializer):
    """What a recorded share is answered with."""

    target = serializers.CharField(help_text="The network's own address; for a device the address to hand over.")


def read_comment_id(query: Mapping[str, str]) -> int | None:
    """The comment that a query names, None where it names none; Problem `validation_failed` for what is no id."""
    text = query.get("comment", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not 0 < int(text) <= MAX_ID:
        raise refused_field("comment", "not_an_id", "This must be the id of a comment.")
    return int(text)


class ShareInputSerializer(serializers.Serializer[Any]):
    """A share: the page (`article`, or `site` with `url` or `identifier`) and the network."""

    article = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False)
    site = serializers.CharField(max_length=64, required=False)
    url = serializers.CharField(max_length=2000, required=False)
    identifier = serializers.CharField(max_length=500, required=False)
    comment = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False)
    network = serializers.CharField(max_length=32, help_text="Key of a network.")

    def validate_network(self, name: str) -> networks.Network:
        network = networks.find(name)
        if network is None:
            raise serializers.ValidationError("There is no such network.", code="network_unknown")
        return network
