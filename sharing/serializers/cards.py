"""The answer of oEmbed, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class OEmbedSerializer(serializers.Serializer[Any]):
    """oEmbed 1.0: of `rich` the members `html`, `width` and `height` are always there; thumbnails all three or none."""

    type = serializers.ChoiceField(choices=["rich", "link"])
    version = serializers.CharField(help_text="`1.0`.")
    title = serializers.CharField()
    author_name = serializers.CharField(required=False)
    author_url = serializers.CharField(required=False)
    provider_name = serializers.CharField(required=False)
    provider_url = serializers.CharField()
    cache_age = serializers.IntegerField(help_text="Seconds for which the answer may be kept.")
    thumbnail_url = serializers.CharField(required=False)
    thumbnail_width = serializers.IntegerField(required=False)
    thumbnail_height = serializers.IntegerField(required=False)
    html = serializers.CharField(required=False, help_text="A quotation without scripts, of escaped text.")
    width = serializers.IntegerField(required=False)
    height = serializers.IntegerField(required=False)
