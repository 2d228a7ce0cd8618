"""What is held about one person on one site: everything, for whoever asks to see it."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from comments.selectors.person import Person, held_in_comments
from sharing.models import AuthorNotice, Consent, Delivery, Digest, Follow, Follower, MailEvent, MailReply, Suppression


def held_about(person: Person) -> dict[str, Any]:
    """Return everything that is held about a person in a site, as plain values and dates."""
    site = person.site
    of_address = {"site": site, "address_key": person.key}
    target = ("target_kind", "target_key")
    follows = Follow.objects.filter(follower__site=site, follower__address_key=person.key)
    deliveries = Delivery.objects.filter(site=site, target_key=person.key)
    return {
        "site": site.slug,
        "address": person.address,
        **held_in_comments(person),
        "follower": Follower.objects.filter(**of_address)
        .values("address", "language", "timezone", "hour", "weekday", "created_at")
        .first(),
        "follows": list(
            follows.order_by("pk").values(
                *target, "frequency", "status", "created_at", "confirmed_at", "unsubscribed_at"
            )
        ),
        "notices": list(AuthorNotice.objects.filter(**of_address).order_by("pk").values("choice", "chosen_at")),
        "digests": list(
            Digest.objects.filter(Q(follower__address_key=person.key) | Q(address_key=person.key), site=site)
            .order_by("pk")
            .values("scope", "window_start", "window_end")
        ),
        "consents": list(
            Consent.objects.filter(**of_address)
            .order_by("pk")
            .values(*target, "event", "door", "wording", "language", "happened_at")
        ),
        "suppressions": list(Suppression.objects.filter(**of_address).order_by("pk").values("kind", "created_at")),
        "mail_events": list(
            MailEvent.objects.filter(**of_address).order_by("pk").values("kind", "status", "source", "happened_at")
        ),
        "mail_replies": list(MailReply.objects.filter(**of_address).order_by("pk").values("created_at")),
        "deliveries": list(
            deliveries.order_by("pk").values(
                "kind",
                "cause_key",
                "channel",
                "why",
                "address",
                "language",
                "status",
                "last_error",
                "created_at",
                "settled_at",
            )
        ),
    }
