"""Erasing a person from a site: the whole of it, with what goes out stopped before anybody says that it is done.

The address is suppressed first, so that nothing more is sent to it; then she is taken out of what she wrote; then we
wait for the messages that were on their way. Every step may be done again.
"""

from __future__ import annotations

import time
from typing import Any, Final

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from articles.models import Article
from comments.selectors.person import Person
from comments.services.erasure import ERASED, erase_from_comments
from project import mailbox
from project.transactions import in_transaction
from sharing.models import (
    AuthorNotice,
    Delivery,
    Digest,
    Follow,
    Follower,
    MailEvent,
    MailReply,
    Notification,
    Suppression,
)
from sharing.services.follows import end_follows

# Longer than a conversation with a mail server takes; a batch of fifty may take longer still.
PATIENCE: Final = 60.0  # seconds
PAUSE: Final = 0.1

Status = Delivery.Status


def erase_person(person: Person, *, texts: bool = False, patience: float = PATIENCE) -> dict[str, Any]:
    """Erase a person from a site and return the receipt, JSON values without the address.

    What she wrote stays, without a name; with `texts` it goes too. When this returns, nothing is sent to her any more
    and no message with her name is on its way, save the receipt's `unsettled` ones: messages about her comments that
    a mail server has not taken within `patience` seconds.
    """
    counts = in_transaction(lambda: _stop(person))
    in_comments, ids = erase_from_comments(person, texts=texts)
    unsettled = _await_messages(person, ids, patience)
    counts["cancelled"] += _cancel(person)
    counts["deliveries"] += _forget_addresses(person)
    # After the addresses: of a delivery without one nothing more is noted.
    counts["mail_events"] = MailEvent.objects.filter(site=person.site, address_key=person.key).delete()[0]
    counts["mail_replies"] = MailReply.objects.filter(site=person.site, address_key=person.key).delete()[0]
    counts["letters"] = mailbox.forget_letters(person.address) if person.address else 0
    return {
        "site": person.site.slug,
        "address_key": person.key if person.address else None,
        "erased_at": f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}",
        "texts": "erased" if texts else "kept",
        "rows": counts | in_comments,
        "unsettled": unsettled,
        "left": _left(person),
    }


def _stop(person: Person) -> dict[str, int]:
    """Let nothing more go out to her, and forget where it would have gone."""
    if person.address:
        suppression = Suppression(site=person.site, address_key=person.key, kind=Suppression.Kind.MANUAL)
        Suppression.objects.bulk_create([suppression], ignore_conflicts=True)
    # Whoever plans messages to a follower holds her row until COMMIT: what he planned is seen below, and whoever
    # comes later finds her gone.
    follower = Follower.objects.select_for_update().filter(site=person.site, address_key=person.key).first()
    counts = {"follows": 0, "followers": 0}
    if follower is not None:
        end_follows(Q(follower=follower), door=ERASED)
        Delivery.objects.filter(follower=follower).update(follower=None)
        counts["follows"] = Follow.objects.filter(follower=follower).delete()[0]
        counts["followers"] = follower.delete()[0]
    of_address = {"site": person.site, "address_key": person.key}
    counts["notices"] = AuthorNotice.objects.filter(**of_address).delete()[0]
    Digest.objects.filter(**of_address).delete()
    counts["cancelled"] = _cancel(person)
    counts["deliveries"] = _forget_addresses(person)
    return counts


def _deliveries(person: Person) -> QuerySet[Delivery]:
    return Delivery.objects.filter(site=person.site, target_key=person.key)


def _cancel(person: Person) -> int:
    waiting = _deliveries(person).filter(status__in=Delivery.WAITING)
    return waiting.update(status=Status.SKIPPED, settled_at=Now(), lease_until=None)


def _forget_addresses(person: Person) -> int:
    """Empty her settled messages; the reason of a failure may quote the address."""
    settled = _deliveries(person).exclude(status=Status.SENDING).exclude(address="", last_error=ERASED)
    return settled.update(address="", last_error=ERASED, follow_ids=[])


def _await_messages(person: Person, comment_ids: list[int], patience: float) -> int:
    """Wait for messages to her, and about her comments, that somebody is sending; return how many are not settled.

    Whoever claims one from now on looks again before it goes out, and finds that she is gone. After `patience` nobody
    knows what became of those to her.
    """
    within = (OuterRef("digest__window_start"), OuterRef("digest__window_end"))
    # A day of an author or a member has what was fanned out in it.
    in_window = Notification.objects.filter(
        Q(created_at__gte=within[0], created_at__lt=within[1])
        | Q(fanned_out_at__gte=within[0], fanned_out_at__lt=within[1]),
        comment__in=comment_ids,
    )
    theirs = Q(target_key=person.key) | Q(notification__comment__in=comment_ids)
    sending = Delivery.objects.filter(theirs | Q(Exists(in_window)), site=person.site, status=Status.SENDING)
    claimed = dict(sending.values_list("pk", "attempts"))
    end = time.monotonic() + patience
    while claimed and time.monotonic() < end:
        time.sleep(PAUSE)
        now = Delivery.objects.filter(pk__in=claimed, status=Status.SENDING).values_list("pk", "attempts")
        claimed = {pk: attempts for pk, attempts in now if claimed[pk] == attempts}
    _deliveries(person).filter(pk__in=claimed).update(status=Status.UNKNOWN, settled_at=Now(), lease_until=None)
    return len(claimed)


def _left(person: Person) -> dict[str, int]:
    """What bears the address and belongs to the publisher: articles by her, and accounts of those who run the site."""
    if not person.address:
        return {"articles": 0, "members": 0}
    staff = User.objects.filter(memberships__site=person.site, email__iexact=person.address)
    return {
        "articles": Article.objects.filter(site=person.site, author_email__iexact=person.address).count(),
        "members": staff.count(),
    }
