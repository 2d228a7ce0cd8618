"""Doors for publishers and front pages: putting, reading, listing and deleting articles."""

from __future__ import annotations

from typing import Any, Final

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from articles.authentication import ApiKeyAuthentication, HasScope, api_key_of
from articles.models import ApiKey
from articles.selectors import article_by_id, find_site, list_articles, public_article, related_articles
from articles.serializers import (
    ArticleInputSerializer,
    ArticleSerializer,
    ArticlesSerializer,
    ListQuerySerializer,
    OwnArticleSerializer,
    RelatedSerializer,
)
from articles.services.pages import delete_article, put_article
from project.errors import Problem
from project.throttling import limited

FRESH: Final = {"Cache-Control": "no-store"}


class ArticlesDoor(APIView):
    """Everybody reads; writing needs a key with the scope `articles`."""

    authentication_classes = (ApiKeyAuthentication,)

    def get_permissions(self) -> list[Any]:
        """Return the scope for writes, nothing for reads."""
        is_write = self.request.method in {"PUT", "DELETE"}
        return [HasScope(ApiKey.Scope.ARTICLES)() if is_write else AllowAny()]


class ArticlesView(ArticlesDoor):
    """All articles of a site."""

    @extend_schema(operation_id="articles", parameters=[ListQuerySerializer], responses=ArticlesSerializer)
    def get(self, request: Request) -> Response:
        """List a site's public articles, newest first, without their bodies."""
        query = ListQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wish = query.validated_data
        page = list_articles(find_site(wish["site"]), tag=wish["tag"], cursor=wish["cursor"], limit=wish["limit"])
        return Response(ArticlesSerializer(page).data, headers=FRESH)

    @extend_schema(
        operation_id="put_article",
        request=ArticleInputSerializer,
        responses={200: OwnArticleSerializer, 201: OwnArticleSerializer},
    )
    def put(self, request: Request) -> Response:
        """Make or update the article of a `url`, an `identifier`, or both; a known identifier decides."""
        given = ArticleInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data, site = given.validated_data, api_key_of(request).site
        if data.get("site", site.slug) != site.slug:
            raise Problem("forbidden", "This key belongs to another site.")
        url, identifier = data.get("url") or "", data.get("identifier") or ""
        put = put_article(site, given.fields_given(), url=url, identifier=identifier)
        status = 201 if put.created else 200
        return Response(OwnArticleSerializer(put.article).data, status=status, headers=FRESH)


class ArticleView(ArticlesDoor):
    """One article."""

    @extend_schema(operation_id="article", responses=ArticleSerializer)
    def get(self, request: Request, article_id: int) -> Response:
        """Show a public article; to its publisher's key also one that is not public, with what readers do not see."""
        article = article_by_id(article_id)
        key = request.auth
        if article and isinstance(key, ApiKey) and key.site_id == article.site_id and key.allows(ApiKey.Scope.ARTICLES):
            return Response(OwnArticleSerializer(article).data, headers=FRESH)
        if article is None or not article.is_public:
            raise Problem("not_found", "There is no such article.")
        return Response(ArticleSerializer(article).data, headers=FRESH)

    @extend_schema(operation_id="delete_article", responses={204: None})
    def delete(self, request: Request, article_id: int) -> Response:
        """Hide an article and its thread at once; both are forgotten after 30 days, unless it is put again."""
        delete_article(api_key_of(request).site, article_id)
        return Response(status=204)


class RelatedView(APIView):
    """What to read next."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="related_articles", responses=RelatedSerializer)
    def get(self, request: Request, article_id: int) -> Response:
        """Show up to five other articles of the site: those that share most tags, then the newest."""
        related = related_articles(public_article(article_id))
        return Response(RelatedSerializer({"articles": related}).data, headers=FRESH)


urlpatterns = [
    path("api/v1/articles", limited("articles", "PUT")(ArticlesView.as_view()), name="articles"),
    path("api/v1/articles/<int:article_id>", limited("articles", "DELETE")(ArticleView.as_view()), name="article"),
    path("api/v1/articles/<int:article_id>/related", RelatedView.as_view(), name="related_articles"),
]
