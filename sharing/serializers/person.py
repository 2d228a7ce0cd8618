"""What is told of a person: to herself alone."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from sharing.models import Follow
from sharing.serializers.shares import SharedHeadlineSerializer, headline

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
    notices = serializers.ListField(
        child=serializers.DictField(), help_text="How often she wants to be told of her own articles."
    )
    digests = serializers.ListField(child=serializers.DictField())
    consents = serializers.ListField(child=serializers.DictField())
    suppressions = serializers.ListField(child=serializers.DictField())
    mail_events = serializers.ListField(
        child=serializers.DictField(), help_text="What mail servers told of messages to her."
    )
    mail_replies = serializers.ListField(child=serializers.DictField(), help_text="When mails of hers became comments.")
    deliveries = serializers.ListField(child=serializers.DictField())


def own_follow_data(follow: Follow) -> dict[str, Any]:
    """Return a follow as its follower sees it; `follow.article` is loaded."""
    return {
        "id": follow.pk,
        "target": follow.target_kind,
        "name": follow.target_key if follow.target_kind in {"tag", "author"} else None,
        "comment": follow.comment_id,
        "article": headline(follow.article) if follow.article else None,
        "frequency": follow.frequency,
        "status": follow.status,
        "created_at": follow.created_at,
    }


class OwnFollowSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    target = serializers.ChoiceField(Follow.Target.choices)
    name = serializers.CharField(allow_null=True, help_text="The tag or author, folded as it is compared.")
    comment = serializers.IntegerField(allow_null=True)
    article = SharedHeadlineSerializer(allow_null=True)
    frequency = serializers.ChoiceField(Follow.Frequency.choices)
    status = serializers.ChoiceField(["unconfirmed", "confirmed"])
    created_at = serializers.DateTimeField()


class OwnFollowsSerializer(serializers.Serializer[Any]):
    follows = OwnFollowSerializer(many=True)


class EndedFollowsSerializer(serializers.Serializer[Any]):
    ended = serializers.IntegerField()


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
