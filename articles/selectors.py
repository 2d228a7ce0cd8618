"""Finding sites, pages and articles. Nothing here writes.

Every search starts at a site, or at an article named by its id, whose site then rules everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db.models import Q

from articles.models import Article, ArticleKey, ArticleQuerySet, Site, SiteOrigin
from project import cursors
from project.addresses import canonical_origin, canonical_url
from project.errors import Problem, refused_field
from project.statements import Columns, Row, fetch_prepared
from project.text import FORBIDDEN

MAX_ID: Final = 2**63 - 1
MAX_SLUG: Final = 64
# Digits of a number that fits 64 bits whatever they are.
MAX_DIGITS: Final = 18
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
    rows = fetch_prepared(_SITE_BY_SLUG, {"slug": slug[: MAX_SLUG + 1]})
    if not rows:
        raise Problem("unknown_site", "There is no such site.")
    return _SITE.read(rows[0])


def only_origin(site: Site) -> str:
    """Return the address of the one host whose pages belong to the site; "" if there is none, or more than one."""
    origins = list(SiteOrigin.objects.filter(site=site).values_list("origin", flat=True)[:2])
    return f"https://{origins[0]}" if len(origins) == 1 else ""


def article_by_id(article_id: int) -> Article | None:
    """Return the article of this id with its site, whatever its visibility, but never a deleted one."""
    return _first(_WHOLE, fetch_prepared(_WHOLE_BY_ID, {"article": article_id}))


def article_of_page(article_id: int) -> Article:
    """Return an article for its page: as `public_article`, with what readers are offered there.

    `social_logins` are the providers at which readers of its site may sign in: `{"name", "label"}`. Problem: not_found.
    """
    rows = fetch_prepared(_PAGE_BY_ID, {"article": article_id})
    article = _public(_first(_WHOLE, rows))
    article.social_logins = rows[0][-1]  # type: ignore[attr-defined]
    return article


def successor_of(article_id: int) -> Article:
    """Return the public article that took over the page of another by a merger. Problem: not_found."""
    address = canonical_url(f"{settings.PUBLIC_URL}/a/{article_id}")
    key = ArticleKey.objects.filter(kind=ArticleKey.Kind.URL, key=address).select_related("article").first()
    return _public(key.article if key else None)


def public_article(article_id: int) -> Article:
    """Return the article of this id with its site, if anybody may see it. Problem: not_found."""
    return _public(article_by_id(article_id))


def page_from_request_data(data: Mapping[str, Any]) -> PageRef:
    """Return the page that a query or a JSON object names: `article`, or `site` with `url` and/or `identifier`.

    One query for a page that is known; its text (`html`) is not read.
    Problem: validation_failed, unknown_site, unknown_page, origin_not_allowed.
    """
    slug, url, identifier = (_text(data, name) for name in ("site", "url", "identifier"))
    if data.get("article") not in (None, ""):
        return _by_id(_id(data["article"]), slug)
    if not slug:
        raise refused_field("site", "required", "Name the page: article, or site with url or identifier.")
    article = _known(_HEAD, slug[: MAX_SLUG + 1], url, identifier)
    if article is not None:
        return PageRef(article.site, article, url, identifier)
    return _unknown(find_site(slug), url, identifier)


def article_at(url: str) -> Article | None:
    """Return the article of an address that comes without a site, whatever its visibility; one query.

    One of our own pages means its article. Of several sites with the address's origin the oldest that has it is meant.
    Problem: validation_failed.
    """
    address = canonical_url(url)
    number = _own_page_number(address.partition("?")[0])
    if number is not None:
        return article_by_id(number)
    return _first(_WHOLE, fetch_prepared(_WHOLE_AT, {"address": address, "origin": canonical_origin(url, "url")}))


def find_page(site: Site, *, url: str | None = None, identifier: str | None = None, for_reader: bool = True) -> PageRef:
    """Return the page of `site` under an address, an identifier, or both, where a known identifier decides.

    `for_reader` refuses an unknown page of an origin that is none of the site's; publishers may name any.
    Problem: validation_failed, unknown_page (known by identifier only, and not known), origin_not_allowed.
    """
    url, identifier = url or "", identifier or ""
    article = _known(_WHOLE, site.slug, url, identifier)
    if article is not None:
        return PageRef(article.site, article, url, identifier)
    return _unknown(site, url, identifier, for_reader=for_reader)


def is_known_origin(origin: str) -> bool:
    """Say whether `host[:port]` is an origin of any site."""
    return SiteOrigin.objects.filter(origin=origin).exists()


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


# The two parts of an article's row: with its text, and without it for those who only need to know what it is.
_WHOLE: Final = Columns(Article, "a")
_HEAD: Final = Columns(Article, "a", without=["html"])
_SITE: Final = Columns(Site, "s")
_LOGINS: Final = """ARRAY(
    SELECT jsonb_build_object('name', l.name, 'label', l.label) FROM articles_sociallogin AS l
    WHERE l.site_id = s.id AND l.revoked_at IS NULL ORDER BY l.id)"""
_BY_ID: Final = """
    FROM articles_article AS a JOIN articles_site AS s ON s.id = a.site_id
    WHERE a.id = %(article)s AND a.deleted_at IS NULL"""
# "identifier" sorts before "url": where both are known, it decides. No key is empty.
_BY_KEY: Final = """
    FROM articles_site AS s
    JOIN articles_articlekey AS k ON k.site_id = s.id
    JOIN articles_article AS a ON a.id = k.article_id
    WHERE s.slug = %(slug)s
      AND ((k.kind = 'url' AND k.key = %(address)s) OR (k.kind = 'identifier' AND k.key = %(identifier)s))
    ORDER BY k.kind LIMIT 1"""
_AT: Final = """
    FROM articles_siteorigin AS o
    JOIN articles_site AS s ON s.id = o.site_id
    JOIN articles_articlekey AS k ON k.site_id = s.id AND k.kind = 'url' AND k.key = %(address)s
    JOIN articles_article AS a ON a.id = k.article_id
    WHERE o.origin = %(origin)s AND a.deleted_at IS NULL
    ORDER BY s.id LIMIT 1"""
_SITE_BY_SLUG: Final = f"SELECT {_SITE.sql} FROM articles_site AS s WHERE s.slug = %(slug)s"  # noqa: S608
_WHOLE_BY_ID: Final = f"SELECT {_WHOLE.sql}, {_SITE.sql} {_BY_ID}"
_HEAD_BY_ID: Final = f"SELECT {_HEAD.sql}, {_SITE.sql} {_BY_ID}"
_WHOLE_AT: Final = f"SELECT {_WHOLE.sql}, {_SITE.sql} {_AT}"
_PAGE_BY_ID: Final = f"SELECT {_WHOLE.sql}, {_SITE.sql}, {_LOGINS} {_BY_ID}"


def _first(columns: Columns[Article], rows: list[Row]) -> Article | None:
    """Return the article of the first row, with its site; None where there is none."""
    if not rows:
        return None
    article = columns.read(rows[0][: len(columns)])
    article.site = _SITE.read(rows[0][len(columns) : len(columns) + len(_SITE)])
    return article


def _public(article: Article | None) -> Article:
    if article is None or not article.is_public:
        raise Problem("not_found", "There is no such article.")
    return article


def _by_id(article_id: int, slug: str) -> PageRef:
    article = _first(_HEAD, fetch_prepared(_HEAD_BY_ID, {"article": article_id}))
    if article is None or (slug and article.site.slug != slug):
        raise Problem("unknown_page", "There is no such article.")
    return PageRef(article.site, article, article.url, article.identifier, by_id=True)


def _known(columns: Columns[Article], slug: str, url: str, identifier: str) -> Article | None:
    """Return the article that the identifier names, else the one of the address."""
    if not url and not identifier:
        raise refused_field("url", "required", "Name the page by url or identifier.")
    address = canonical_url(url) if url else ""
    key = {"slug": slug, "address": address, "identifier": check_identifier(identifier) if identifier else ""}
    sql = f"SELECT {columns.sql}, {_SITE.sql} {_BY_KEY}"
    article = _first(columns, fetch_prepared(sql, key))
    return article or _on_own_page(slug, address)


def _on_own_page(slug: str, address: str) -> Article | None:
    """Return the article that one of our own pages shows: `/a/12` below PUBLIC_URL is an address of article 12."""
    number = _own_page_number(address)
    article = article_by_id(number) if number is not None else None
    return article if article and article.site.slug == slug else None


def _own_page_number(address: str) -> int | None:
    """Return the id in the canonical address of one of our own pages, None for any other address."""
    head, _, number = address.rpartition("/")
    if not (number.isascii() and number.isdigit()) or len(number) > MAX_DIGITS:
        return None
    return int(number) if head == canonical_url(f"{settings.PUBLIC_URL}/a") else None


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
