"""Comments and articles of one site as WordPress' REST API asks for them: by page and offset, in any order.

Nothing is shown here that the public may not see, unless the question says that a key of the site asks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Exists, F, Func, Model, OuterRef, Q, QuerySet, Sum, Value, Window
from django.db.models.functions import RowNumber

from articles.models import Article, ArticleKey, Site
from comments.models import Comment, Thread, ThreadCount
from comments.selectors.snapshot import in_time, snapshot
from project.addresses import canonical_url
from project.errors import Problem

TIMEOUT: Final = 5_000  # milliseconds; nothing that the tests know comes near
REPLIES: Final = 10
ORIGINS: Final = 20

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Span(Generic[Row]):
    """One stretch of a list, and how long the whole list is."""

    rows: list[Row]
    total: int


@dataclass(frozen=True)
class Stretch:
    """Which part of a list, in which order: `order` is one of the names that the list knows, ties go by id."""

    order: str
    ascending: bool = False
    start: int = 0
    length: int = 10


@dataclass(frozen=True)
class Listing:
    """What both lists can be narrowed by; an empty list of ids narrows nothing."""

    stretch: Stretch
    search: str = ""
    after: datetime | None = None
    before: datetime | None = None
    ids: Sequence[int] = ()
    not_ids: Sequence[int] = ()


@dataclass(frozen=True)
class CommentListing(Listing):
    """`statuses` and `providers` are None for any; `authors` are readers, 0 a guest; a parent of 0 means roots.

    `by_key` says that a key asks which may moderate the site.
    """

    statuses: Collection[str] | None = (Comment.Status.APPROVED,)
    providers: Collection[str] | None = None
    authors: Sequence[int] = ()
    not_authors: Sequence[int] = ()
    email: str = ""
    parents: Sequence[int] = ()
    not_parents: Sequence[int] = ()
    posts: Sequence[int] = ()
    by_key: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it has all approved comments of some providers, below the articles that are named or below all."""
        narrowed = (self.search, self.after, self.before, self.ids, self.not_ids, self.authors, self.not_authors)
        more = (self.email, self.parents, self.not_parents)
        return self.statuses == (Comment.Status.APPROVED,) and not any((*narrowed, *more))


@dataclass(frozen=True)
class ArticleListing(Listing):
    """`slugs` are the last parts of addresses; `visibilities` beside public ones are for a key of the site."""

    visibilities: Collection[str] = (Article.Visibility.PUBLIC,)
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    slugs: Sequence[str] = ()


COMMENT_ORDERS: Final = {
    "date_gmt": "created_at",
    "date": "created_at",
    "id": "pk",
    "include": "place",
    "post": "article_id",
    "parent": "parent_id",
    "type": "provider",
}
ARTICLE_ORDERS: Final = {
    "date": "published_at",
    "id": "pk",
    "include": "place",
    "modified": "updated_at",
    "title": "title",
    "slug": "url",
    "author": "author_name",
    "parent": "pk",
    "relevance": "published_at",
}


def comments_of(site: Site, *, by_key: bool) -> QuerySet[Comment]:
    """Return the comments of a site that the public may see, or all for a key that moderates it.

    What was deleted for good is a removed comment without words: nobody finds it here.
    """
    comments = Comment.objects.filter(site=site).exclude(status=Comment.Status.REMOVED, source="")
    public = Q(status=Comment.Status.APPROVED, article__visibility=Article.Visibility.PUBLIC)
    shown = comments if by_key else comments.filter(public)
    return shown.select_related("article__site").defer("text", "article__html")


def articles_of(site: Site, visibilities: Collection[str] = (Article.Visibility.PUBLIC,)) -> QuerySet[Article]:
    """Return the articles of a site in these states, never a deleted one."""
    return Article.objects.of(site).filter(visibility__in=visibilities, deleted_at=None).select_related("site")


def list_comments(site: Site, listing: CommentListing) -> Span[Comment]:
    """Return a stretch of a site's comments, in two SELECTs. Problem: search_too_broad."""
    rows = _narrowed(comments_of(site, by_key=listing.by_key), listing, "created_at").filter(
        _among("status", listing.statuses),
        _among("provider", listing.providers),
        _of("reader", listing.authors, none=0),
        ~_of("reader", listing.not_authors, none=0) if listing.not_authors else Q(),
        _of("parent", listing.parents, none=0),
        ~_of("parent", listing.not_parents, none=0) if listing.not_parents else Q(),
        Q(article__in=listing.posts) if listing.posts else Q(),
        Q(author_email__iexact=listing.email) if listing.email else Q(),
    )
    if listing.search:
        words = Q(author_name__icontains=listing.search) | Q(author_url__icontains=listing.search)
        # Whether an address is among the authors' is nobody's to find out.
        words |= Q(author_email__icontains=listing.search) if listing.by_key else Q()
        rows = rows.filter(words | Q(text__icontains=listing.search))
    return _span(rows, listing, COMMENT_ORDERS, lambda: _counted(site, listing) if listing.is_whole else rows.count())


def list_articles(site: Site, listing: ArticleListing) -> Span[Article]:
    """Return a stretch of a site's articles, in two SELECTs. Problem: search_too_broad."""
    rows = _narrowed(articles_of(site, listing.visibilities), listing, "published_at")
    if listing.modified_after:
        rows = rows.filter(updated_at__gt=listing.modified_after)
    if listing.modified_before:
        rows = rows.filter(updated_at__lt=listing.modified_before)
    if listing.slugs:
        named = Q()
        for slug in listing.slugs:
            named |= _of_slug(slug)
        rows = rows.filter(named)
    if listing.search:
        words = Q(title__icontains=listing.search) | Q(summary__icontains=listing.search)
        rows = rows.filter(words | Q(html__icontains=listing.search))
    return _span(rows, listing, ARTICLE_ORDERS, rows.count)


def latest_of_each(site: Site, articles: Collection[int], *, by_key: bool) -> list[Comment]:
    """Return the latest approved comments of each article, newest first, at most REPLIES of one, in one SELECT."""
    place = Window(RowNumber(), partition_by="article_id", order_by=[F("created_at").desc(), F("pk").desc()])
    rows = comments_of(site, by_key=by_key).filter(status=Comment.Status.APPROVED, article__in=articles)
    return list(rows.annotate(number=place).filter(number__lte=REPLIES).order_by("-created_at", "-pk"))


def replies_to_each(site: Site, parents: Collection[int], *, by_key: bool) -> list[Comment]:
    """Return the latest approved replies to each comment, as `latest_of_each`."""
    place = Window(RowNumber(), partition_by="parent_id", order_by=[F("created_at").desc(), F("pk").desc()])
    rows = comments_of(site, by_key=by_key).filter(status=Comment.Status.APPROVED, parent__in=parents)
    return list(rows.annotate(number=place).filter(number__lte=REPLIES).order_by("-created_at", "-pk"))


def article_at_path(site: Site, path: str) -> Article | None:
    """Return the public article at a path of one of the site's origins, None where there is none; two SELECTs."""
    addresses = []
    for origin in site.origins.order_by("pk").values_list("origin", flat=True)[:ORIGINS]:
        with suppress(Problem):
            addresses.append(canonical_url(f"https://{origin}/{path}"))
    named = Exists(ArticleKey.objects.filter(site=site, article=OuterRef("pk"), kind="url", key__in=addresses))
    return articles_of(site).filter(named).order_by("pk").first() if addresses else None


def talk_about(articles: Collection[int]) -> dict[int, tuple[int, datetime]]:
    """Return for each article with comments how many the public sees, and when that last changed; one SELECT."""
    threads = Thread.objects.filter(article__in=articles)
    counted = threads.annotate(count=Sum("article__comment_counts__count", default=0))
    return {row.article_id: (row.count, row.changed_at) for row in counted if row.count}


def _narrowed(rows: QuerySet[Row], listing: Listing, date: str) -> QuerySet[Row]:
    if listing.ids:
        rows = rows.filter(pk__in=listing.ids)
    if listing.not_ids:
        rows = rows.exclude(pk__in=listing.not_ids)
    if listing.after:
        rows = rows.filter(**{f"{date}__gt": listing.after})
    if listing.before:
        rows = rows.filter(**{f"{date}__lt": listing.before})
    return rows


def _counted(site: Site, listing: CommentListing) -> int:
    """Return how many comments there are, from the counters of threads: a site may have a million."""
    counts = ThreadCount.objects.filter(
        _among("provider", listing.providers),
        Q(article__in=listing.posts) if listing.posts else Q(),
        Q() if listing.by_key else Q(article__visibility=Article.Visibility.PUBLIC),
        site=site,
    )
    return int(counts.aggregate(total=Sum("count", default=0))["total"])


def _span(rows: QuerySet[Row], listing: Listing, orders: dict[str, str], count: Callable[[], int]) -> Span[Row]:
    stretch = listing.stretch
    by = _order(orders[stretch.order], stretch.ascending, listing.ids)
    with snapshot(), in_time(TIMEOUT):
        total = count()
        start = min(stretch.start, total)
        return Span(list(rows.order_by(*by)[start : start + stretch.length]) if start < total else [], total)


def _order(name: str, ascending: bool, ids: Sequence[int]) -> list[Any]:
    if name == "place":
        # The order of `include` is that of the list, whichever way one asks for it.
        given = Value(list(ids), output_field=ArrayField(BigIntegerField()))
        return [Func(given, F("pk"), function="array_position", output_field=BigIntegerField())]
    if name == "parent_id":
        return [F(name).asc(nulls_first=True), "pk"] if ascending else [F(name).desc(nulls_last=True), "-pk"]
    # No word on NULLs: what the indexes of time have is what is asked for.
    return [name, "pk"] if ascending else [f"-{name}", "-pk"]


def _among(name: str, values: Collection[str] | None) -> Q:
    return Q() if values is None else Q(**{f"{name}__in": list(values)})


def _of(name: str, ids: Sequence[int], *, none: int) -> Q:
    """Return the rows of these ids, where `none` stands for those that have none."""
    if not ids:
        return Q()
    found = Q(**{f"{name}__in": [each for each in ids if each != none]})
    return found | Q(**{f"{name}__isnull": True}) if none in ids else found


def _of_slug(slug: str) -> Q:
    """Return articles whose address ends in a slug (one of SLUG's form), or whose id `article-ID` names."""
    number = slug.removeprefix("article-")
    own = Q(pk=int(number)) if slug.startswith("article-") and number.isdecimal() and len(number) < 19 else Q(pk=None)
    escaped = slug.replace(".", r"\.")
    return own | Q(url__regex=rf"^[a-z]+://[^/?#]+/([^?#]*/)?{escaped}/*([?#]|$)")
