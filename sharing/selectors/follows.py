"""What an address follows, for the pages behind the links in its mails."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from articles.models import Site
from comments.models import Reader
from sharing.models import Follow, Follower


def site_of(site_id: int) -> Site | None:
    """The site of a link that never expires; None where it is gone."""
    return Site.objects.filter(pk=site_id).first()


def asked_follow(follow_id: int, request: int) -> Follow | None:
    """The follow of which that request is the current one and has not been ended; with site, follower and article."""
    asked = Follow.objects.filter(pk=follow_id, request=request).exclude(status=Follow.Status.UNSUBSCRIBED)
    return asked.select_related("site", "follower", "article").first()


def follower_of(follower_id: int, nonce: str) -> Follower | None:
    """The follower, with site, while its links carry this nonce (32 hex digits)."""
    found = Follower.objects.filter(pk=follower_id).select_related("site").first()
    return found if found is not None and found.manage_nonce == _uuid(nonce) else None


def living_follows(follower: Follower) -> list[Follow]:
    """Everything that the address follows or was asked to confirm, with article, newest first."""
    return newest_first(Follow.objects.filter(follower=follower).exclude(status=Follow.Status.UNSUBSCRIBED))


def newest_first(follows: QuerySet[Follow]) -> list[Follow]:
    return list(follows.select_related("article").order_by("-created_at", "-pk"))


def follows_of(reader: Reader) -> QuerySet[Follow]:
    """What the address that a reader has proven follows on her site, or was asked to confirm; nothing without one."""
    hers = Follow.objects.filter(site=reader.site_id, follower__address_key=reader.address_key)
    return hers.exclude(status=Follow.Status.UNSUBSCRIBED) if reader.address_key else hers.none()


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
