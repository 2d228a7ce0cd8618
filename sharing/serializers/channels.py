"""Channels and their posts, as the API takes and gives them. A secret goes in; it comes out only where we made it."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from sharing.channels.posts import event_of
from sharing.models import Channel, Delivery

MOST_POSTS: Final = 1_000  # named at once
MAX_ID: Final = 2**63 - 1
MAX_SECRET: Final = 2_000
MAX_TEMPLATE: Final = 10_000


class ChannelWishSerializer(serializers.Serializer[Any]):
    """What may be said of a channel."""

    settings = serializers.DictField(
        child=serializers.CharField(max_length=2_000, allow_blank=True),
        required=False,
        help_text="What its kind asks for and is no secret; all of it, as it replaces what was there.",
    )
    events = serializers.ListField(
        child=serializers.ChoiceField(Channel.Event.choices),
        required=False,
        max_length=len(Channel.Event),
        help_text="What it is told of; a new one of new articles unless something is named.",
    )
    template = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_TEMPLATE,
        help_text="Words of a post; empty: those of its kind.",
    )


class ChannelInputSerializer(ChannelWishSerializer):
    """A new channel."""

    kind = serializers.ChoiceField(Channel.Kind.choices)
    name = serializers.CharField(max_length=60, help_text="What people of the site call it.")
    secret = serializers.CharField(
        default="", allow_blank=True, max_length=MAX_SECRET, help_text="Never given back; of a webhook we make it."
    )


class ChannelChangeSerializer(ChannelWishSerializer):
    """A change of a channel; what is left out stays as it is."""

    is_active = serializers.BooleanField(required=False, help_text="Switched on again it begins anew.")


class SecretInputSerializer(serializers.Serializer[Any]):
    """Another secret for a channel."""

    secret = serializers.CharField(
        default="", allow_blank=True, max_length=MAX_SECRET, help_text="Needed unless it is a webhook's: that we make."
    )


class SecretSerializer(serializers.Serializer[Any]):
    """A signing secret that we made."""

    secret = serializers.CharField(allow_null=True, help_text="Shown only here; null if you gave it.")


class ReplayInputSerializer(serializers.Serializer[Any]):
    """Which posts are sent again."""

    posts = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID),
        required=False,
        max_length=MOST_POSTS,
        help_text="Ids; without any all that failed, and all of which nobody knows.",
    )


class ReplayedSerializer(serializers.Serializer[Any]):
    """How many posts are sent again."""

    replayed = serializers.IntegerField()


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    """A channel without its secrets, and how it goes with it."""

    class Meta:
        model = Channel
        fields = (
            "id",
            "kind",
            "name",
            "settings",
            "events",
            "template",
            "is_active",
            "failures",
            "failing_since",
            "last_error",
            "next_at",
            "old_secret_until",
            "created_at",
        )
        read_only_fields = fields


class ChannelsSerializer(serializers.Serializer[Any]):
    """All channels of a site."""

    channels = ChannelSerializer(many=True)


class NewChannelSerializer(ChannelSerializer):
    """A channel that was just made."""

    secret = serializers.CharField(allow_null=True, help_text="Shown only here; null if you gave it.")

    class Meta(ChannelSerializer.Meta):
        fields = (*ChannelSerializer.Meta.fields, "secret")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class PreviewOfPostSerializer(serializers.Serializer[Any]):
    """What would be posted."""

    article = serializers.IntegerField(allow_null=True, help_text="Null where the site has none: words of a test.")
    text = serializers.CharField()
    body = serializers.DictField(help_text="As it would be sent.")


class PostSerializer(serializers.Serializer[Any]):
    """One message to a channel, and how far it has come."""

    id = serializers.IntegerField()
    event = serializers.CharField(help_text="`channel.test` if it is one.")
    article = serializers.IntegerField(allow_null=True)
    comment = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(Delivery.Status.choices)
    attempts = serializers.IntegerField()
    last_error = serializers.CharField(allow_blank=True)
    remote = serializers.CharField(allow_blank=True, help_text="Its address or id there.")
    created_at = serializers.DateTimeField()
    next_attempt_at = serializers.DateTimeField(allow_null=True, help_text="Null once it has come to an end.")
    settled_at = serializers.DateTimeField(allow_null=True)


class PostsSerializer(serializers.Serializer[Any]):
    """Posts of a channel, the last planned first."""

    posts = PostSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


def post_data(post: Delivery) -> dict[str, Any]:
    """Return a post as JSON values; its notification is read with it."""
    cause = post.notification
    return {
        "id": post.pk,
        "event": event_of(post),
        "article": cause.article_id if cause else None,
        "comment": cause.comment_id if cause else None,
        "status": post.status,
        "attempts": post.attempts,
        "last_error": post.last_error,
        "remote": post.remote,
        "created_at": post.created_at,
        "next_attempt_at": post.next_attempt_at if post.status in Delivery.WAITING else None,
        "settled_at": post.settled_at,
    }
