"""What an address follows, for the pages behind the links in its mails."""

from __future__ import annotations

import uuid

from django.db.models import Q, QuerySet

from articles.models import Site
from comments.models import Reader
from sharing.models import Delivery, Follow, Follower
from sharing.tokens import Leaving


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


def language_of(delivery: Delivery) -> str:
    """The language in which a delivery is written: its follower's, or what its cause asked for, "" where none is known.

    An author or a member, who is told without a follow, reads what she reads as a follower; nobody else can set that
    for her, because only a confirmed follow counts.
    """
    if delivery.follower is not None:
        return delivery.follower.language
    if delivery.why not in (Delivery.Why.AUTHOR, Delivery.Why.MEMBER):
        return delivery.language
    return language_at(delivery.site_id, delivery.target_key)


def language_of_asked(follow_id: int, request: int) -> str:
    """The language of whoever has the link that refuses this request of a follow, "" where it is gone."""
    asked = Follow.objects.filter(pk=follow_id, request=request)
    return asked.values_list("follower__language", flat=True).first() or ""


def language_of_leaving(leaving: Leaving) -> str:
    """The language of whoever has the link that ends something, "" where she or her follows are gone."""
    if leaving.suppress:
        return language_at(leaving.site_id, leaving.address_key)
    hers = Q(pk=leaving.follower_id) | Q(follows__in=leaving.follow_ids) | Q(deliveries=leaving.delivery_id)
    followers = Follower.objects.filter(hers, site_id=leaving.site_id)
    return followers.values_list("language", flat=True).first() or ""


def language_at(site_id: int, address_key: str) -> str:
    """The language of whoever has proven this address at a site with a confirmed follow, "" where none is known."""
    hers = Follower.objects.filter(site_id=site_id, address_key=address_key, follows__status=Follow.Status.CONFIRMED)
    return hers.values_list("language", flat=True).first() or ""


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
