"""Follows, as the API takes and gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from articles.models import Article, Site
from articles.selectors import PageRef, find_site, page_from_request_data
from comments.models import Comment
from project.arrivals import read_ref
from project.errors import Problem, refused_field
from sharing.models import Follow
from sharing.schedule import check_zone

MAX_ID: Final = 2**63 - 1


@extend_schema_field(OpenApiTypes.STR)
class ProofField(serializers.JSONField):
    """A text that is read only where it is of use; whatever else stands there is no reason to refuse a reader."""


class FollowInputSerializer(serializers.Serializer[Any]):
    """An address, and exactly one thing to follow: an article (by id, or by its site and address), a comment, the
    new articles of a site, or those of them that carry a tag or are by an author."""

    email = serializers.CharField(max_length=254, help_text="Where to write to; it must confirm first.")
    frequency = serializers.ChoiceField(
        choices=Follow.Frequency.choices,
        default=Follow.Frequency.IMMEDIATE,
        help_text="At once, or together with all else once a day or a week.",
    )
    timezone = serializers.CharField(
        max_length=64, default="UTC", help_text="Where the address lives, as Europe/Berlin: for the hour of digests."
    )
    article = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False, help_text="Id of an article.")
    site = serializers.CharField(max_length=64, required=False, help_text="Slug of the site.")
    url = serializers.CharField(max_length=2_000, required=False, help_text="Address of a page of the site.")
    identifier = serializers.CharField(max_length=500, required=False, help_text="The publisher's own id of a page.")
    comment = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False, help_text="Id of a comment.")
    tag = serializers.CharField(max_length=100, required=False, help_text="A tag of the site's articles.")
    author = serializers.CharField(max_length=200, required=False, help_text="An author of the site's articles.")
    homepage = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="For a field of your form that people do not see: where it is filled, nobody is mailed.",
    )
    altcha = ProofField(
        required=False,
        allow_null=True,
        help_text="What ALTCHA's widget made of a challenge of `GET challenge`; nothing is refused without it.",
    )
    ref = serializers.JSONField(
        required=False,
        allow_null=True,
        help_text="`aw_ref` of the address by which the reader came; one that is none is ignored.",
    )


class ChallengeSerializer(serializers.Serializer[Any]):
    """A challenge for ALTCHA's widget and libraries; its solution counts once, within ten minutes."""

    parameters = serializers.DictField(help_text="What to compute, in the names of ALTCHA's protocol 2.")
    signature = serializers.CharField()


class FollowAnswerSerializer(serializers.Serializer[Any]):
    """The same for every address, so that nobody learns who follows what."""

    message = serializers.CharField()


@dataclass(frozen=True)
class FollowInput:
    """A wish to follow, its shape checked, what it names found; `page` may be one that nobody has written to yet.

    `is_trapped`: a machine filled the field that people do not see. `proof`: what it says that it computed, unread.
    """

    site: Site
    email: str
    frequency: str
    timezone: str = "UTC"
    page: PageRef | None = None
    comment: Comment | None = None
    tag: str = ""
    author: str = ""
    is_trapped: bool = False
    proof: object = None
    ref: str = ""


def read_follow(data: Any) -> FollowInput:
    """Return what a client asks for; at most two queries.

    Problem: validation_failed, unknown_site, unknown_page, origin_not_allowed, not_found for an
    article or comment that is not public.
    """
    given = FollowInputSerializer(data=data)
    given.is_valid(raise_exception=True)
    fields = given.validated_data
    zone = check_zone(fields["timezone"])
    common = {
        "email": fields["email"],
        "frequency": fields["frequency"],
        "timezone": zone,
        "is_trapped": bool(fields.get("homepage")),
        "proof": fields.get("altcha"),
        "ref": read_ref(fields),
    }
    named = {
        name: fields[name] for name in ("article", "url", "identifier", "comment", "tag", "author") if name in fields
    }
    kinds = {"page" if name in {"article", "url", "identifier"} else name for name in named}
    if len(kinds) > 1:
        raise refused_field("", "ambiguous", f"Name one thing to follow, not {' and '.join(sorted(kinds))}.")
    if "page" in kinds:
        page = page_from_request_data(fields)
        _check_public(page.article)
        return FollowInput(page.site, page=page, **common)
    if "comment" in kinds:
        comment = _public_comment(fields["comment"])
        return FollowInput(comment.article.site, comment=comment, **common)
    if "site" not in fields:
        raise refused_field("site", "required", "Name what to follow: an article, a comment or a site.")
    return FollowInput(find_site(fields["site"]), tag=fields.get("tag", ""), author=fields.get("author", ""), **common)


def _check_public(article: Article | None) -> None:
    if article is not None and not article.is_public:
        raise Problem("not_found", "There is no such article.")


def _public_comment(comment_id: int) -> Comment:
    comments = Comment.objects.approved().filter(article__visibility=Article.Visibility.PUBLIC)
    comment = comments.select_related("article__site").filter(pk=comment_id).first()
    if comment is None:
        raise Problem("not_found", "There is no such comment.")
    return comment
