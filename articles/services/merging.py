"""One article where there were two: what the one was called by becomes the other's, and the one goes."""

from __future__ import annotations

from typing import Final

from django.db.models.functions import Now

from articles.models import Article, ArticleKey, Site
from articles.services.keys import AddressTaken, GivenBy, add_key
from articles.services.news import tell_changed
from articles.services.pages import locked_article
from project.addresses import canonical_url
from project.errors import Problem, refused_field

MERGED: Final = "merged"
# What the article that stays takes over where it says nothing itself.
TAKEN_OVER: Final = (
    "title", "url", "identifier", "summary", "html", "author_name", "author_email", "image", "tags", "source_name",
    "source_author", "source_title", "source_url",
)  # fmt: skip


def lock_pair(site: Site, gone_id: int, into_id: int) -> tuple[Article, Article]:
    """Return both articles, locked until the transaction ends: nobody can comment below the first meanwhile.

    Problem: not_found, for an id that is none of the site's articles; validation_failed, where both are one.
    """
    if gone_id == into_id:
        raise refused_field("into", "same", "An article cannot be merged into itself.")
    # The stronger lock, which the foreign keys of new comments wait for.
    rows = Article.objects.of(site).filter(pk__in=[gone_id, into_id]).order_by("pk").select_for_update()
    found = {article.pk: article for article in rows}
    gone, into = found.get(gone_id), found.get(into_id)
    if gone is None or (gone.deleted_at is not None and gone.state != MERGED):
        raise Problem("not_found", f"The site has no article {gone_id}.")
    if into is None or into.deleted_at is not None:
        raise Problem("not_found", f"The site has no article {into_id}.")
    gone.site = into.site = site
    return gone, into


def hand_over(gone: Article, into: Article) -> bool:
    """Give `into` every address of `gone`, also that of its page here, and what it does not say itself; hide `gone`.

    It is forgotten in 30 days, like one that was deleted. Both are locked. False where that was done before: then there
    is only what was still being written below it.
    """
    ArticleKey.objects.filter(article=gone).update(article=into, given_by=GivenBy.PUBLISHER)
    try:
        add_key(into, ArticleKey.Kind.URL, canonical_url(gone.page_url), GivenBy.PUBLISHER)
    except AddressTaken:
        return False
    for name in TAKEN_OVER:
        if not getattr(into, name):
            setattr(into, name, getattr(gone, name))
    if gone.published_at is not None and into.published_at is not None:
        into.published_at = min(gone.published_at, into.published_at)
    into.updated_at = Now()
    into.save()
    gone.visibility, gone.state, gone.url, gone.identifier = Article.Visibility.HIDDEN, MERGED, "", ""
    gone.deleted_at = gone.updated_at = Now()
    gone.save()
    return True


def move_page(site: Site, article_id: int, url: str) -> Article | None:
    """Give an article another address and keep the one that it has; None, or the article that has the new one.

    In a transaction. Problem: not_found.
    """
    article = locked_article(site, article_id)
    if article is None:
        raise Problem("not_found", f"The site has no article {article_id}.")
    key = canonical_url(url)
    known = ArticleKey.objects.filter(site=site, kind=ArticleKey.Kind.URL, key=key).select_related("article").first()
    if known is not None and known.article_id != article.pk:
        return known.article
    if known is None:
        add_key(article, ArticleKey.Kind.URL, key, GivenBy.PUBLISHER)
    article.url = url
    Article.objects.filter(pk=article.pk).update(url=url, updated_at=Now())
    tell_changed(article)
    return None
