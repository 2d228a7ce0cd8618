"""Which feeds and sitemaps a site's new articles are read from."""

from __future__ import annotations

from typing import Final

from django.db.models.functions import Now

from articles.models import Site, SourceFeed
from project.addresses import web_address
from project.errors import refused_field
from project.transactions import in_transaction

# Each is asked for four times an hour for ever, by one of whose sites there may be many.
MAX_FEEDS: Final = 20


def add_source_feed(site: Site, url: str) -> SourceFeed:
    """Let new articles of a site be read from a feed or sitemap; one that is there is read again, and now.

    What it lists at its first reading is never announced. Problem: validation_failed (`url`).
    """
    address = check_source_feed(site, url)

    def work() -> SourceFeed:
        known = SourceFeed.objects.filter(site=site, url=address).first()
        if known is None:
            return SourceFeed.objects.create(site=site, url=address)
        read_now(known)
        return known

    return in_transaction(work)


def check_source_feed(site: Site, url: str) -> str:
    """Return an address as it is kept. Problem: validation_failed (`url`), for one too many as well."""
    address = web_address(url.strip()).partition("#")[0]
    others = site.source_feeds.exclude(url=address)
    if others.count() >= MAX_FEEDS:
        raise refused_field("url", "too_many", f"A site has at most {MAX_FEEDS} feeds and sitemaps.")
    return address


def read_now(feed: SourceFeed) -> None:
    """Let a feed be read at the next tick, whatever went wrong before, and as a whole."""
    SourceFeed.objects.filter(pk=feed.pk).update(
        is_active=True, failures=0, next_poll_at=Now(), etag="", last_modified="", last_error=""
    )


def stop_reading(feed: SourceFeed) -> None:
    """Let a feed be read no more; its articles stay."""
    SourceFeed.objects.filter(pk=feed.pk).update(is_active=False)
