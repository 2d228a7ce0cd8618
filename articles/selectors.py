"""Finding sites, pages and articles. Nothing here writes.

Every search starts at a site, or at an article named by its id, whose site then rules everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q
from django.db.models.functions import JSONObject

from articles.models import Article, ArticleKey, ArticleQuerySet, Site, SocialLogin
from project import cursors
from project.addresses import canonical_origin, canonical_url
from project.errors import Problem, refused_field
from project.text import FORBIDDEN

MAX_ID: Final = 2**63 - 1
MAX_SLUG: Final = 64
MAX_IDENTIFIER: Final = 500
RELATED: Final = 5
WEIGHED: Final = 100


@dataclass(frozen=True)
class PageRef:
    """A page as a caller names it; `article` is None where nobody has written on it yet.

    `url` is the address as it was given, `identifier` the publisher's own id, either may be "". The article may be one
    that readers must not see: reads ask `public_article`, writes are refused by the services (`comments_closed`).
    """

    site: Site
    article: Article | None
    url: str = ""
    identifier: str = ""
    by_id: bool = False

    def public_article(self) -> Article | None:
        """Return the article if anybody may see it, None for a page without (public) article.

        Problem: not_found for a hidden article that was named by its id.
        """
        if self.article is not None and self.article.is_public:
            return self.article
        if self.by_id:
            raise Problem("not_found", "There is no such article.")
        return None


@dataclass(frozen=True)
class ArticlePage:
    """Some articles of a list, and the cursor to the rest."""

    articles: list[Article]
    next: str | None


def find_site(slug: str) -> Site:
    """Return the site of this slug. Problem: unknown_site."""
    site = Site.objects.filter(slug=slug).first() if len(slug) <= MAX_SLUG else None
    if site is None:
        raise Problem("unknown_site", "There is no such site.")
    return site


def article_by_id(article_id: int) -> Article | None:
    """Return the article of this id with its site, whatever its visibility, but never a deleted one.

    `social_logins` of the article are the providers at which readers of its site may sign in: `{"name", "label"}`.
    """
    logins = SocialLogin.objects.filter(site=OuterRef("site"), revoked_at=None).order_by("pk")
    named = ArraySubquery(logins.values(json=JSONObject(name="name", label="label")))
    return (
        Article.objects.filter(pk=article_id, deleted_at=None)
        .select_related("site")
        .annotate(social_logins=named)
        .first()
    )


def public_article(article_id: int) -> Article:
    """Return the article of this id with its site, if anybody may see it. Problem: not_found."""
    article = article_by_id(article_id)
    if article is None or not article.is_public:
        raise Problem("not_found", "There is no such article.")
    return article


def page_from_request_data(data: Mapping[str, Any]) -> PageRef:
    """Return the page that a query or a JSON object names: `article`, or `site` with `url` and/or `identifier`.

    One query for a page that is known. Problem: validation_failed, unknown_site, unknown_page, origin_not_allowed.
    """
    slug, url, identifier = (_text(data, name) for name in ("site", "url", "identifier"))
    if data.get("article") not in (None, ""):
        return _by_id(_id(data["article"]), slug)
    if not slug:
        raise refused_field("site", "required", "Name the page: article, or site with url or identifier.")
    article = _known(Q(site__slug=slug[: MAX_SLUG + 1]), url, identifier)
    if article is not None:
        return PageRef(article.site, article, url, identifier)
    return _unknown(find_site(slug), url, identifier)


def find_page(site: Site, *, url: str | None = None, identifier: str | None = None, for_reader: bool = True) -> PageRef:
    """Return the page of `site` under an address, an identifier, or both, where a known identifier decides.

    `for_reader` refuses an unknown page of an origin that is none of the site's; publishers may name any.
    Problem: validation_failed, unknown_page (known by identifier only, and not known), origin_not_allowed.
    """
    url, identifier = url or "", identifier or ""
    article = _known(Q(site=site), url, identifier)
    if article is not None:
        return PageRef(article.site, article, url, identifier)
    return _unknown(site, url, identifier, for_reader=for_reader)


def has_origin(site: Site, origin: str) -> bool:
    """Say whether `host[:port]` is one of the site's origins."""
    return site.origins.filter(origin=origin).exists()


def public_articles(site: Site, *, tag: str = "") -> ArticleQuerySet:
    """Return the site's public articles, newest first (undated ones before), or those that carry exactly this tag."""
    articles = Article.objects.of(site).public().order_by("-published_at", "-id")
    return articles.filter(tags__contains=[tag]) if tag else articles


def list_articles(site: Site, *, tag: str = "", cursor: str | None = None, limit: int = 25) -> ArticlePage:
    """Return `limit` public articles, newest first, from `cursor` on, without their bodies. One query.

    Problem: cursor_invalid, for a cursor of another site or tag too.
    """
    scope = f"articles:{site.pk}:{tag}"
    articles = public_articles(site, tag=tag).defer("html")
    if cursor is not None:
        articles = articles.filter(_behind(*cursors.decode(scope, cursor)))
    rows = list(articles[: limit + 1])
    for article in rows:
        article.site = site
    if len(rows) <= limit:
        return ArticlePage(rows, None)
    last = rows[limit - 1]
    date = last.published_at.isoformat() if last.published_at else None
    return ArticlePage(rows[:limit], cursors.encode(scope, date, last.pk))


def related_articles(article: Article, limit: int = RELATED) -> list[Article]:
    """Return other public articles of the same site: those that share most tags, then the newest; two queries.

    Only the newest 100 of those that share a tag are weighed, so that a tag on everything costs no more.
    """
    others = public_articles(article.site).exclude(pk=article.pk).exclude(title="").defer("html")
    tags = set(article.tags)
    weighed = list(others.filter(tags__overlap=article.tags)[:WEIGHED]) if tags else []
    chosen = sorted(weighed, key=lambda other: -len(tags.intersection(other.tags)))[:limit]
    if len(chosen) < limit:
        newest = others.filter(published_at__isnull=False).exclude(pk__in=[other.pk for other in chosen])
        chosen += newest[: limit - len(chosen)]
    for other in chosen:
        other.site = article.site
    return chosen


def _behind(date: str | None, article_id: int) -> Q:
    """Return what follows an article in the order of `public_articles`: PostgreSQL puts undated ones first."""
    if date is None:
        return Q(published_at=None, id__lt=article_id) | Q(published_at__isnull=False)
    return Q(published_at__lt=date) | Q(published_at=date, id__lt=article_id)


def _by_id(article_id: int, slug: str) -> PageRef:
    article = article_by_id(article_id)
    if article is None or (slug and article.site.slug != slug):
        raise Problem("unknown_page", "There is no such article.")
    return PageRef(article.site, article, article.url, article.identifier, by_id=True)


def _known(of_site: Q, url: str, identifier: str) -> Article | None:
    """Return the article that the identifier names, else the one of the address."""
    if not url and not identifier:
        raise refused_field("url", "required", "Name the page by url or identifier.")
    address = canonical_url(url) if url else ""
    wanted = Q(kind=ArticleKey.Kind.URL, key=address) if url else Q()
    if identifier:
        wanted |= Q(kind=ArticleKey.Kind.IDENTIFIER, key=check_identifier(identifier))
    # "identifier" sorts before "url".
    keys = ArticleKey.objects.filter(of_site & wanted).select_related("article__site").order_by("kind")
    key = keys.first()
    return key.article if key else _on_own_page(of_site, address)


def _on_own_page(of_site: Q, address: str) -> Article | None:
    """Return the article that one of our own pages shows: `/a/12` below PUBLIC_URL is an address of article 12."""
    head, _, number = address.rpartition("/")
    if not number.isdigit() or len(number) > 18 or head != canonical_url(f"{settings.PUBLIC_URL}/a"):
        return None
    return Article.objects.filter(of_site, pk=int(number), deleted_at=None).select_related("site").first()


def _unknown(site: Site, url: str, identifier: str, *, for_reader: bool = True) -> PageRef:
    if not url:
        raise Problem("unknown_page", "The site has no page of that identifier, and no url was given.")
    if for_reader and not has_origin(site, canonical_origin(url, "url")):
        raise Problem("origin_not_allowed", "The address is of none of the site's origins.")
    return PageRef(site, None, url, identifier)


def check_identifier(identifier: str) -> str:
    """Return the identifier as it is compared: without blanks around. Problem: validation_failed."""
    trimmed = identifier.strip()
    if not trimmed or len(trimmed) > MAX_IDENTIFIER or FORBIDDEN.search(trimmed):
        message = f"An identifier has 1 to {MAX_IDENTIFIER} printable characters."
        raise refused_field("identifier", "identifier_invalid", message)
    return trimmed


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refused_field(name, "not_text", "This must be a text.")
    return value


def _id(value: object) -> int:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= MAX_ID):
        raise refused_field("article", "not_an_id", "This must be the id of an article.")
    return int(text)
