"""What readers with a session send and see of themselves; nobody else is ever shown it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from comments.models import Mute, Reader, ReaderSession
from comments.serializers import RecentSerializer, rfc3339

MAX_CODE = 40
METHODS = ("email", "sso", "disqus")


def reader_data(reader: Reader) -> dict[str, Any]:
    """Return a reader as she sees herself; `reader.site` is loaded."""
    return {
        "id": reader.pk,
        "site": reader.site.slug,
        "name": reader.name,
        "url": reader.url or None,
        "email": reader.address or None,
        "role": reader.role or "verified",
    }


def session_data(session: ReaderSession, current: int) -> dict[str, Any]:
    """Return one of her sessions; `current` is the id of the one that asks."""
    return {
        "id": session.pk,
        "method": session.method,
        "label": session.label,
        "created_at": rfc3339(session.created_at),
        "used_at": rfc3339(session.used_at),
        "expires_at": rfc3339(session.expires_at),
        "current": session.pk == current,
    }


def mute_data(mute: Mute) -> dict[str, Any]:
    return {"id": mute.pk, "name": mute.label, "created_at": rfc3339(mute.created_at)}


class ReaderSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    site = serializers.SlugField()
    name = serializers.CharField(allow_blank=True, help_text="Blank until she has said it.")
    url = serializers.CharField(allow_null=True)
    email = serializers.CharField(allow_null=True, help_text="Proven, and shown to nobody else.")
    role = serializers.ChoiceField(["moderator", "staff", "verified"])


class ProfileSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100, required=False)
    url = serializers.CharField(required=False, allow_blank=True)


class SessionSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    method = serializers.CharField(help_text="How she proved who she is.")
    # DRF's own attribute `label` is another thing of the same name.
    label = serializers.CharField(allow_blank=True, help_text="Her browser.")  # type: ignore[assignment]
    created_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(help_text="To the minute.")
    expires_at = serializers.DateTimeField()
    current = serializers.BooleanField(help_text="The one that asks.")


class SessionsSerializer(serializers.Serializer[Any]):
    sessions = SessionSerializer(many=True)


class EndedSerializer(serializers.Serializer[Any]):
    ended = serializers.IntegerField()


class ClaimedSerializer(serializers.Serializer[Any]):
    claimed = serializers.IntegerField(help_text="How many comments are hers now that were not before.")


class CodeSerializer(serializers.Serializer[Any]):
    site = serializers.SlugField()
    code = serializers.CharField(max_length=MAX_CODE, help_text="As the page behind the link shows it.")
    verifier = serializers.CharField(
        max_length=128, required=False, help_text="Of the `challenge` with which a provider's window was opened."
    )


class SsoSerializer(serializers.Serializer[Any]):
    site = serializers.SlugField()
    token = serializers.CharField(help_text="A JWT of the publisher's, or what Disqus calls `remote_auth_s3`.")


class OpenedSerializer(serializers.Serializer[Any]):
    session = serializers.CharField(help_text="The bearer token (`aws_…`), shown only now.")
    expires_at = serializers.DateTimeField(help_text="Unless it is used, which lets it live on.")
    reader = ReaderSerializer()


class MuteSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()


class MutesSerializer(serializers.Serializer[Any]):
    mutes = MuteSerializer(many=True)


class MuteWishSerializer(serializers.Serializer[Any]):
    comment = serializers.IntegerField(help_text="Whose author she does not want to read.")


class OwnCommentsSerializer(RecentSerializer):
    next = serializers.CharField(allow_null=True)
