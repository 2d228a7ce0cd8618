"""Articles as the API takes and gives them; only the fields named here are ever read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from articles.fields import ArticleFields, distinct_tags
from articles.models import Article
from project import addresses, text
from project.errors import Problem

MAX_TAGS: Final = 50
MAX_TAG: Final = 100
MAX_SUMMARY: Final = 2_000
MAX_HTML: Final = 1_000_000


class CheckedField(serializers.CharField):
    """A text that one of the drawer's functions checks and returns in its one spelling; null empties it."""

    def __init__(self, check: Callable[[str], str], **options: Any) -> None:
        super().__init__(**{"required": False, "allow_blank": True, "allow_null": True} | options)
        self.check = check

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        if not value:
            return ""
        try:
            return self.check(value)
        except Problem as problem:
            raise serializers.ValidationError(problem.detail, code=_code(problem)) from problem


def _code(problem: Problem) -> str:
    return problem.errors[0]["code"] if problem.errors else problem.code


def _line(limit: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        return text.clean_line(" ".join(value.split()), limit=limit, field="", required=False)

    return check


class LineField(CheckedField):
    """A text on one line, at most `limit` characters."""

    def __init__(self, limit: int, **options: Any) -> None:
        super().__init__(_line(limit), **options)


class AddressField(CheckedField):
    """An http or https address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(addresses.web_address, **options)


class SourceSerializer(serializers.Serializer[Any]):
    """Where a republished text came from."""

    name = LineField(200, help_text="Name of the newspaper or agency.")
    author = LineField(200)
    title = LineField(500)
    url = AddressField()


class ArticleInputSerializer(serializers.Serializer[Any]):
    """An article as its publisher gives it; what is left out stays as it is."""

    site = serializers.CharField(max_length=64, required=False, help_text="Slug; the key's own site if left out.")
    url = serializers.CharField(max_length=8_000, required=False, allow_null=True, allow_blank=True)
    identifier = serializers.CharField(
        max_length=500, required=False, allow_null=True, allow_blank=True, help_text="The publisher's own id."
    )
    title = LineField(500)
    summary = LineField(MAX_SUMMARY, help_text="Plain text.")
    html = serializers.CharField(
        max_length=MAX_HTML, required=False, allow_null=True, allow_blank=True, help_text="Sanitised when it is stored."
    )
    author_name = LineField(200)
    author_email = CheckedField(
        lambda value: addresses.normalise_email(value).address, help_text="Told of new comments; never shown."
    )
    image = AddressField()
    published_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="Left out: now for a new article, else unchanged. Null: not public. In the future: public then.",
    )
    tags = serializers.ListField(
        child=LineField(MAX_TAG, required=True), max_length=MAX_TAGS, required=False, allow_null=True
    )
    comments_open = serializers.BooleanField(required=False)
    source = SourceSerializer(required=False, allow_null=True)  # type: ignore[assignment]  # no argument, a field

    def validate_tags(self, tags: list[str] | None) -> list[str]:
        """Keep the first spelling of each tag."""
        return distinct_tags(tags or [])

    def fields_given(self) -> ArticleFields:
        """Return what `put_article` is told: exactly the fields that the client has sent."""
        data = self.validated_data
        given: Any = {
            name: data[name] for name in ArticleFields.__annotations__ if name in self.initial_data and name in data
        }
        if "html" in given:
            given["html"] = given["html"] or ""
        if "source" in self.initial_data:
            source = data["source"] or {}
            given |= {f"source_{part}": source.get(part, "") for part in ("name", "author", "title", "url")}
        fields: ArticleFields = given
        return fields


class ArticleItemSerializer(serializers.ModelSerializer[Article]):
    """An article in a list, without its body."""

    site = serializers.CharField(source="site.slug")
    url = serializers.CharField(source="public_url", help_text="The publisher's page, or ours where there is none.")
    identifier = serializers.SerializerMethodField()
    page = serializers.CharField(source="page_url", help_text="Our own page of the article.")
    image = serializers.SerializerMethodField()
    source = serializers.SerializerMethodField()  # type: ignore[assignment]  # no argument, a field

    class Meta:
        model = Article
        fields: tuple[str, ...] = (
            "id",
            "site",
            "url",
            "identifier",
            "page",
            "title",
            "summary",
            "author_name",
            "image",
            "published_at",
            "tags",
            "comments_open",
            "source",
        )

    def get_identifier(self, article: Article) -> str | None:
        return article.identifier or None

    def get_image(self, article: Article) -> str | None:
        return article.image or None

    @extend_schema_field(SourceSerializer(allow_null=True))
    def get_source(self, article: Article) -> dict[str, str] | None:
        parts = {part: getattr(article, f"source_{part}") for part in ("name", "author", "title", "url")}
        return parts if any(parts.values()) else None


class ArticleSerializer(ArticleItemSerializer):
    """An article as everybody may see it."""

    class Meta(ArticleItemSerializer.Meta):
        fields = (*ArticleItemSerializer.Meta.fields, "html")


class OwnArticleSerializer(ArticleSerializer):
    """An article as its publisher sees it: with what is not public."""

    class Meta(ArticleSerializer.Meta):
        fields = (*ArticleSerializer.Meta.fields, "author_email", "visibility", "announced_at", "updated_at")


class ArticlesSerializer(serializers.Serializer[Any]):
    """One page of a list."""

    articles = ArticleItemSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Cursor to the rest.")


class RelatedSerializer(serializers.Serializer[Any]):
    """What to read next."""

    articles = ArticleItemSerializer(many=True)


class ListQuerySerializer(serializers.Serializer[Any]):
    """The query of a list of articles."""

    site = serializers.CharField(max_length=64, help_text="Slug of the site.")
    tag = serializers.CharField(max_length=MAX_TAG, required=False, default="", allow_blank=True)
    cursor = serializers.CharField(max_length=2_000, required=False, default=None)
    limit = serializers.IntegerField(min_value=1, max_value=100, required=False, default=25)
