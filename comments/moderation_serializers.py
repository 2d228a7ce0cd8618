"""What moderators send and see; the only answers that carry a guest's address."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from comments.models import Comment, Decision
from comments.serializers import CommentSerializer, comment_data

DECIDABLE = [status for status in Comment.Status.values if status != Comment.Status.PENDING]
MAX_BATCH = 100


class DecisionSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(DECIDABLE)
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)
    revision = serializers.IntegerField(
        min_value=1, default=None, allow_null=True, help_text="The revision that was read."
    )


class BatchSerializer(serializers.Serializer[Any]):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), min_length=1, max_length=MAX_BATCH
    )
    status = serializers.ChoiceField(DECIDABLE)
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)


class PinSerializer(serializers.Serializer[Any]):
    pinned = serializers.BooleanField()


class ModeratedCommentSerializer(CommentSerializer):
    article = serializers.IntegerField()
    author_email = serializers.CharField(allow_blank=True)
    # DRF's declared fields and its own attribute `source` share a name, not a meaning.
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="The text as it was written."
    )
    reason = serializers.CharField(help_text="Which rule, or that a decision, gave the status.", allow_blank=True)
    revision = serializers.IntegerField()


class QueueSerializer(serializers.Serializer[Any]):
    comments = ModeratedCommentSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DecidedSerializer(serializers.Serializer[Any]):
    comment = ModeratedCommentSerializer()
    version = serializers.IntegerField()


class DecisionRowSerializer(serializers.ModelSerializer[Decision]):
    by = serializers.SerializerMethodField()

    class Meta:
        model = Decision
        fields = ("id", "revision", "old_status", "status", "reason", "by", "decided_at")

    def get_by(self, decision: Decision) -> str:
        """Return who decided: a user's name, or the beginning of a key."""
        if decision.user is not None:
            return decision.user.get_username()
        return f"{decision.api_key.prefix}…" if decision.api_key is not None else ""


class LogSerializer(serializers.Serializer[Any]):
    decisions = DecisionRowSerializer(many=True)


def moderated_data(comment: Comment) -> dict[str, Any]:
    """Return a comment as moderators see it, whatever its status."""
    return comment_data(comment, comment.article, disclosed=True) | {
        "article": comment.article_id,
        "author_email": comment.author_email,
        "source": comment.source,
        "reason": comment.reason,
        "revision": comment.revision,
    }
