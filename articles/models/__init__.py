"""What is commented on: sites with their keys and people, articles with their addresses."""

from articles.models.article import Article, ArticleKey, ArticleQuerySet
from articles.models.site import ApiKey, IdempotencyRecord, Member, SignOn, Site, SiteOrigin
from articles.models.social import SocialLogin
from articles.models.source_feed import SourceFeed

__all__ = [
    "ApiKey",
    "Article",
    "ArticleKey",
    "ArticleQuerySet",
    "IdempotencyRecord",
    "Member",
    "SignOn",
    "Site",
    "SiteOrigin",
    "SocialLogin",
    "SourceFeed",
]
