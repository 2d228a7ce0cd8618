"""Which channels a site has, and whether any of them has something to say."""

from __future__ import annotations

from typing import Final

from articles.models import Article
from project.errors import Problem
from project.statements import fetch
from sharing.models import Channel, Delivery

# A channel that may be spoken to now and has something to say. It names the channel `c`.
READY: Final = """
    c.is_active AND c.next_at <= statement_timestamp()
        AND (c.busy_until IS NULL OR c.busy_until <= statement_timestamp())
        AND NOT EXISTS (SELECT FROM sharing_sendingpause p WHERE p.site_id IS NULL OR p.site_id = c.site_id)
        AND EXISTS (SELECT FROM sharing_delivery d WHERE d.site_channel_id = c.id
            AND d.status IN ('queued', 'awaiting_retry') AND d.next_attempt_at <= statement_timestamp())"""


def posts_are_due() -> bool:
    """Say whether any channel has something to say now. One query."""
    sql = f"SELECT EXISTS (SELECT FROM sharing_channel c WHERE {READY})"  # noqa: S608  (parts of ours)
    return bool(fetch(sql, ())[0][0])


def find_channel(site_id: int, name: str) -> Channel:
    """Return the channel of a site that people call so. Problem: not_found."""
    found = Channel.objects.select_related("site").filter(site_id=site_id, name=name).first()
    if found is None:
        raise Problem("not_found", "The site has no channel of this name.")
    return found


def channels_of(site_id: int) -> list[Channel]:
    """Return all channels of a site, in the order in which they were made."""
    return list(Channel.objects.filter(site_id=site_id).order_by("pk"))


def channel_of(site_id: int, channel_id: int) -> Channel:
    """Return a channel of a site by its id. Problem: not_found, for those of other sites too."""
    found = Channel.objects.select_related("site").filter(site_id=site_id, pk=channel_id).first()
    if found is None:
        raise Problem("not_found", "The site has no such channel.")
    return found


def posts_of(channel: Channel, *, status: str = "", before: int | None = None, limit: int) -> list[Delivery]:
    """Return posts of a channel, the last planned first; of one status only, and below an id, where that is said."""
    posts = Delivery.objects.select_related("notification").filter(site_channel=channel).order_by("-pk")
    posts = posts.filter(status=status) if status else posts
    posts = posts.filter(pk__lt=before) if before is not None else posts
    return list(posts[:limit])


def article_to_show(site_id: int, article_id: int | None = None) -> Article | None:
    """Return a public article of a site, the newest one unless it is named; None where the site has none.

    Problem: not_found, if it is named.
    """
    public = Article.objects.filter(site_id=site_id, visibility=Article.Visibility.PUBLIC)
    if article_id is None:
        return public.order_by("-published_at", "-pk").first()
    found = public.filter(pk=article_id).first()
    if found is None:
        raise Problem("not_found", f"The site has no public article {article_id}.")
    return found
