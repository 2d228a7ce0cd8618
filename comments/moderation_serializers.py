"""What moderators send and see; the only answers that carry a guest's address."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, zip_longest
from typing import Any

from rest_framework import serializers

from comments.diffs import diff
from comments.models import Comment, Decision, Report, Revision
from comments.serializers import CommentSerializer, comment_data, rfc3339

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


class ReportRowSerializer(serializers.ModelSerializer[Report]):
    class Meta:
        model = Report
        fields = ("id", "reason", "detail", "created_at")


class ReportedSerializer(serializers.Serializer[Any]):
    comment = ModeratedCommentSerializer()
    total = serializers.IntegerField(help_text="Open reports of this comment.")
    reports = ReportRowSerializer(many=True, help_text="The 20 newest of them; nobody is told who reported.")


class ReportsSerializer(serializers.Serializer[Any]):
    reported = ReportedSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class PieceSerializer(serializers.Serializer[Any]):
    op = serializers.ChoiceField(["equal", "delete", "insert"])
    text = serializers.CharField(help_text="Plain text: show it as such.")


class RevisionSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    # DRF's own attribute `source` is another thing of the same name.
    source = serializers.CharField()  # type: ignore[assignment]
    text_hash = serializers.CharField(help_text="SHA-256 of the source.")
    editor = serializers.ChoiceField(Revision.Editor.choices)
    by = serializers.CharField(allow_blank=True, help_text="Which moderator, or key; empty for the author.")
    created_at = serializers.DateTimeField()
    diff = PieceSerializer(many=True, allow_null=True, help_text="From the revision before; null for the first.")


class RevisionsSerializer(serializers.Serializer[Any]):
    revisions = RevisionSerializer(many=True, help_text="Newest first; empty for a comment that was never edited.")
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
        return _name(decision)


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


def revisions_data(revisions: Sequence[Revision], limit: int) -> list[dict[str, Any]]:
    """Return the first `limit` of a comment's texts, newest first, each with what it changed of the one before."""
    with_former = islice(zip_longest(revisions, revisions[1:]), limit)
    return [
        {
            "number": revision.number,
            "source": revision.source,
            "text_hash": revision.text_hash,
            "editor": revision.editor,
            "by": _name(revision),
            "created_at": rfc3339(revision.created_at),
            "diff": [piece._asdict() for piece in diff(old.source, revision.source)] if old else None,
        }
        for revision, old in with_former
    ]


def _name(row: Decision | Revision) -> str:
    if row.user is not None:
        return row.user.get_username()
    return f"{row.api_key.prefix}…" if row.api_key is not None else ""
