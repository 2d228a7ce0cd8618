"""What is told of a person: to herself alone."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

WISHES: Final = ("keep", "erase")


class HeldSerializer(serializers.Serializer[Any]):
    site = serializers.SlugField()
    address = serializers.CharField(allow_blank=True)
    reader = serializers.DictField(allow_null=True)
    identities = serializers.ListField(child=serializers.DictField())
    sessions = serializers.ListField(child=serializers.DictField())
    mutes = serializers.ListField(child=serializers.DictField())
    comments = serializers.ListField(child=serializers.DictField(), help_text="With every text that each of them had.")
    votes = serializers.ListField(child=serializers.DictField())
    reports = serializers.ListField(child=serializers.DictField())
    follower = serializers.DictField(allow_null=True)
    follows = serializers.ListField(child=serializers.DictField())
    consents = serializers.ListField(child=serializers.DictField())
    suppressions = serializers.ListField(child=serializers.DictField())
    deliveries = serializers.ListField(child=serializers.DictField())


class ErasureSerializer(serializers.Serializer[Any]):
    texts = serializers.ChoiceField(WISHES, help_text="What becomes of what she wrote.")


class ReceiptSerializer(serializers.Serializer[Any]):
    site = serializers.SlugField()
    address_key = serializers.CharField(allow_null=True, help_text="A keyed hash: nothing is mailed to this address.")
    erased_at = serializers.DateTimeField()
    texts = serializers.ChoiceField(["kept", "erased"])
    rows = serializers.DictField(child=serializers.IntegerField(), help_text="How many rows were changed, by kind.")
    unsettled = serializers.IntegerField(help_text="Messages on their way that no mail server has answered for yet.")
    left = serializers.DictField(child=serializers.IntegerField(), help_text="What belongs to the publisher.")
