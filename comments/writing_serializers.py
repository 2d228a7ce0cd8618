"""What readers send and get back, described for OpenAPI; `comments.inputs` does the reading."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from comments.inputs import FOLLOW_WISHES, MAX_DETAIL, MAX_NAME, MAX_TITLE
from comments.models import Report
from comments.serializers import CommentSerializer
from project.text import BODY_LIMIT


class GuestSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_NAME)
    email = serializers.EmailField(required=False, allow_blank=True, help_text="Never shown.")
    url = serializers.CharField(required=False, allow_blank=True)


class BodySerializer(serializers.Serializer[Any]):
    body = serializers.CharField(max_length=BODY_LIMIT, help_text="Markdown.")


class NewCommentSerializer(BodySerializer):
    article = serializers.IntegerField(required=False, help_text="The article, or `site` with `url` or `identifier`.")
    site = serializers.SlugField(required=False)
    url = serializers.CharField(required=False)
    identifier = serializers.CharField(required=False)
    title = serializers.CharField(
        required=False, max_length=MAX_TITLE, help_text="Of the page, where this is the first write on it."
    )
    # DRF's own attribute `parent` is another thing of the same name.
    parent = serializers.IntegerField(required=False, allow_null=True)  # type: ignore[assignment]
    author = GuestSerializer(required=False, help_text="Required of guests.")
    follow = serializers.ChoiceField(
        [wish for wish in FOLLOW_WISHES if wish],
        required=False,
        help_text="Needs the author's address, which then confirms.",
    )
    altcha = serializers.CharField(
        required=False, help_text="With `follow`, as `POST follows` takes it; nothing is refused without it."
    )
    ref = serializers.CharField(
        required=False, help_text="`aw_ref` of the address by which the reader came; one that is none is ignored."
    )


class PostedSerializer(CommentSerializer):
    edit_token = serializers.CharField(help_text="Proves later that the comment is its author's.")
    version = serializers.IntegerField(help_text="Pass it as `at_least` to read the thread with this comment.")


class EditSerializer(BodySerializer):
    revision = serializers.IntegerField(
        required=False, help_text="The text that was edited; 409 `stale_revision` if there is a newer one."
    )


class EditedSerializer(CommentSerializer):
    revision = serializers.IntegerField(help_text="1 for the text that was posted, one more with each edit.")
    version = serializers.IntegerField(help_text="Pass it as `at_least` to read the thread with this text.")


class VersionSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text="Pass it as `at_least` to read the thread without this comment.")


class CommentSourceSerializer(BodySerializer):
    revision = serializers.IntegerField()


class ReportSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(Report.Reason.choices)
    detail = serializers.CharField(required=False, allow_blank=True, max_length=MAX_DETAIL)


class ReceivedSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["received"])


class PreviewSerializer(serializers.Serializer[Any]):
    html = serializers.CharField()


class VoterSerializer(serializers.Serializer[Any]):
    voter = serializers.CharField(help_text="A token (`awv_…`) for the header `X-Afterword-Voter`.")


class VoteSerializer(serializers.Serializer[Any]):
    value = serializers.IntegerField(min_value=-1, max_value=1, help_text="1 up, -1 down, 0 takes the vote back.")


class VotedSerializer(serializers.Serializer[Any]):
    up = serializers.IntegerField()
    down = serializers.IntegerField()
    score = serializers.IntegerField(help_text="`up` less `down`.")
    value = serializers.IntegerField(help_text="The voter's own vote: 1, 0 or -1.")
    version = serializers.IntegerField(help_text="Pass it as `at_least` to read the thread with this vote.")
