"""The life of a follow: asked for, confirmed, ended; each step leaves a `Consent` row as evidence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext

from articles.models import Site
from comments.models import Comment
from project import addresses
from project.errors import refused_field
from project.statements import fetch
from project.transactions import in_transaction
from sharing import targets
from sharing.models import Consent, Delivery, Follow, Follower, Suppression
from sharing.schedule import check_zone
from sharing.services.confirmations import ask
from sharing.services.digests import set_frequency, set_schedule, start_clock
from sharing.services.visits import credit_follow, reference_for
from sharing.targets import Target
from sharing.tokens import Leaving, Refusal

UNCONFIRMED_KEPT: Final = timedelta(days=30)
PRUNED_AT_ONCE: Final = 1_000

# A follow of a comment may be written before the comment, which is its transaction's last statement.
AWAIT_COMMENT: Final = "SET CONSTRAINTS sharing_follow_article_id_comment_id_fk DEFERRED"

# One statement for every address, whether its row is new or not.
_KNOW: Final = """
    INSERT INTO sharing_follower AS r (site_id, address, address_key, language, timezone, manage_nonce)
    VALUES (%(site)s, %(address)s, %(key)s, %(language)s, %(zone)s, gen_random_uuid())
    ON CONFLICT (site_id, address_key)
    DO UPDATE SET language = CASE r.language WHEN '' THEN excluded.language ELSE r.language END
    RETURNING r.id
"""


def request_follow(
    site_id: int,
    email: str,
    target: Target,
    *,
    door: str,
    frequency: str = Follow.Frequency.IMMEDIATE,
    zone: str = "UTC",
    language: str = "",
    proven: bool = False,
    may_mail: bool = True,
    ref: str = "",
) -> None:
    """Note that an address asks to be told of `target`, and plan the mail by which it confirms.

    Nothing is returned and nothing is refused for a well-formed address, whether it is new, confirmed, suppressed or
    over its caps, so that nobody learns who follows what. `confirmations` says when a confirmation goes out; none does
    where `may_mail` is False: the network that asks has caused its share of them. `door` is where it was asked, for the
    record. `proven` says that whoever asks has shown that the address is hers, in a session: then the
    follow begins at once. `ref` is what the address carried by which she came: the follow is credited to it when it
    is confirmed. `zone` is where an address that is new here lives, and `language` what she reads if she is new or no
    language of hers is known; nobody else can change that for her.
    Problem `validation_failed`: no well-formed address.
    """
    address, canonical = addresses.normalise_email(email)

    def work() -> None:
        row = Follower(site_id=site_id, address=address, timezone=zone, language=language)
        follower = _follower(row, addresses.email_key(canonical))
        follow = _follow(follower, target, frequency, ref)
        if proven:
            _begin(follow, frequency, door)
        else:
            ask(follow, door, may_mail=may_mail)

    in_transaction(work, joins=True)


def follow_from_comment(comment: Comment, wish: str, *, language: str = "", ref: str = "") -> None:
    """Ask on behalf of a comment's author for replies to it (`wish` "replies") or for its whole article ("article").

    To be called in the transaction of the post, before or after the comment's own INSERT; only its fields are read.
    """
    target = targets.of_article(comment.article_id)
    if wish == "replies":
        target = targets.of_comment(comment.pk, comment.article_id)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(AWAIT_COMMENT)
        proven = comment.reader_id is not None
        request_follow(
            *(comment.site_id, comment.author_email, target),
            door="comment-form",
            language=language,
            proven=proven,
            ref=ref,
        )


def confirm_follow(follow_id: int, request: int, *, door: str) -> Follow | None:
    """Confirm the follow if that request of it is still the current one; again does nothing more.

    Returns the confirmed follow, None where it was ended or asked for anew since, or is gone.
    """
    with transaction.atomic():
        asked = Follow.objects.filter(pk=follow_id, request=request)
        # Whoever erases a follower holds her row first, and then her follows.
        list(Follower.objects.select_for_update(of=("self",)).filter(follows__in=asked))
        changed = asked.filter(status=Follow.Status.UNCONFIRMED).update(
            status=Follow.Status.CONFIRMED, confirmed_at=Now()
        )
        follow = asked.confirmed().select_related("follower", "site", "article").first()
        if changed and follow is not None:
            _welcome(follow, door)
        return follow


def leave(leaving: Leaving, *, door: str) -> None:
    """End what a mail's leave link names; what has gone already, or was erased, is left in peace."""
    if leaving.suppress:
        with transaction.atomic():
            if Site.objects.filter(pk=leaving.site_id).exists():
                suppress(leaving.site_id, leaving.address_key, leaving.suppress)
        return
    which = Q(pk__in=leaving.follow_ids)
    if leaving.follower_id is not None:
        which = Q(follower_id=leaving.follower_id, frequency=leaving.frequency)
    elif leaving.delivery_id is not None:
        found = Delivery.objects.filter(pk=leaving.delivery_id, site_id=leaving.site_id)
        which = Q(pk__in=found.values_list("follow_ids", flat=True).first() or ())
    end_follows(which & Q(site_id=leaving.site_id), door=door)


def refuse(refusal: Refusal, *, door: str) -> bool:
    """End a request that somebody else made in her name, and let nobody have her asked again at this site.

    False, and nothing is done, where she has confirmed that very request. What has gone already is no hindrance.
    """
    with transaction.atomic():
        asked = Follow.objects.filter(pk=refusal.follow_id, request=refusal.request, site_id=refusal.site_id)
        # Whoever confirms holds her row, too.
        list(Follower.objects.select_for_update(of=("self",)).filter(follows__in=asked))
        if asked.confirmed().exists():
            return False
        end_follows(Q(pk__in=asked.values("pk")), door=door)
        if Site.objects.filter(pk=refusal.site_id).exists():
            suppress(refusal.site_id, refusal.address_key, Suppression.Kind.REFUSED)
    return True


def end_follows(which: Q, *, door: str) -> int:
    """End the follows that match and have not ended; return how many did."""
    with transaction.atomic():
        living = Follow.objects.exclude(status=Follow.Status.UNSUBSCRIBED).filter(which)
        follows = list(living.select_for_update(of=("self",)).select_related("follower").order_by("pk"))
        Follow.objects.filter(pk__in=[follow.pk for follow in follows]).update(
            status=Follow.Status.UNSUBSCRIBED, unsubscribed_at=Now()
        )
        _record(follows, Consent.Event.UNSUBSCRIBED, door)
    return len(follows)


def prune_unconfirmed() -> int:
    """Delete follows that nobody confirmed in 30 days, and followers without any; return how many rows went."""
    old = Now() - UNCONFIRMED_KEPT
    # One that was ended and asked for again lately has an old row and a young request.
    lately = Q(confirmation_asked_at__gte=old)
    follows = Follow.objects.filter(status=Follow.Status.UNCONFIRMED, created_at__lt=old).exclude(lately)
    gone, _ = follows.delete()
    lonely = Follower.objects.filter(~Exists(Follow.objects.filter(follower=OuterRef("pk"))), created_at__lt=old)
    with transaction.atomic():
        # Who asks for a follow locks the follower first, so that what is locked here and still lonely stays so.
        locked = list(lonely.select_for_update(skip_locked=True).values_list("pk", flat=True)[:PRUNED_AT_ONCE])
        more, _ = lonely.filter(pk__in=locked).delete()
    return gone + more


def change_follow(follower: Follower, follow_id: int, frequency: str) -> bool:
    """Let a follower be told of one of her follows as often as she says; False where it has ended. She has proven who
    she is."""
    with transaction.atomic():
        Follower.objects.select_for_update().get(pk=follower.pk)
        hers = Follow.objects.filter(pk=follow_id, follower=follower).exclude(status=Follow.Status.UNSUBSCRIBED)
        follow = hers.select_related("follower").first()
        if follow is not None:
            set_frequency(follow, frequency)
    return follow is not None


def change_language(follower: Follower, language: str) -> None:
    """Write to a follower in another language of ours, which she has chosen, from now on."""
    Follower.objects.filter(pk=follower.pk).update(language=language)


def change_schedule(follower: Follower, zone: str, hour: int, weekday: int) -> None:
    """Let a follower's digests come at her hour. Problem: validation_failed."""
    name = check_zone(zone)
    if not (0 <= hour <= 23 and 0 <= weekday <= 6):
        raise refused_field("hour", "out_of_range", gettext("Choose an hour of the day, and a day of the week."))
    with transaction.atomic():
        set_schedule(Follower.objects.select_for_update().get(pk=follower.pk), name, hour, weekday)


def suppress(site_id: int, address_key: str, kind: str) -> None:
    """Send nothing of one kind, or at all, to an address; again changes nothing."""
    row = Suppression(site_id=site_id, address_key=address_key, kind=kind)
    Suppression.objects.bulk_create([row], ignore_conflicts=True)


def _follower(row: Follower, key: str) -> Follower:
    """The address's row, locked until COMMIT, so that its requests count one after another."""
    parameters = {
        "site": row.site_id,
        "address": row.address,
        "key": key,
        "zone": row.timezone,
        "language": row.language,
    }
    [[pk]] = fetch(_KNOW, parameters)
    return Follower.objects.get(pk=pk)


def _follow(follower: Follower, target: Target, frequency: str, ref: str) -> Follow:
    """The follow, made or found; one that had ended begins anew, and older confirmations of it say nothing."""
    row = Follow(
        site_id=follower.site_id,
        follower=follower,
        target_kind=target.kind,
        target_key=target.key,
        article_id=target.article_id,
        comment_id=target.comment_id,
        frequency=frequency,
    )
    Follow.objects.bulk_create([row], ignore_conflicts=True)
    follow = Follow.objects.select_for_update().get(follower=follower, target_kind=target.kind, target_key=target.key)
    follow.follower = follower
    if follow.status == Follow.Status.UNSUBSCRIBED:
        follow.status, follow.request = Follow.Status.UNCONFIRMED, follow.request + 1
    if follow.status == Follow.Status.UNCONFIRMED:
        # A stranger may not change how often somebody who confirmed is told.
        follow.frequency = frequency
        follow.reference = reference_for(target, ref) or follow.reference
    follow.save(update_fields=["status", "request", "frequency", "reference"])
    return follow


def _begin(follow: Follow, frequency: str, door: str) -> None:
    """Confirm a follow on the word of a session; one that was confirmed is only told of as often as she says now."""
    if follow.status == Follow.Status.CONFIRMED:
        set_frequency(follow, frequency)
        return
    Follow.objects.filter(pk=follow.pk).update(status=Follow.Status.CONFIRMED, confirmed_at=Now())
    _welcome(follow, door)


def _welcome(follow: Follow, door: str) -> None:
    """What follows from it that she has confirmed: she may also be asked again."""
    start_clock(follow)
    credit_follow(follow)
    _record([follow], Consent.Event.CONFIRMED, door)
    of_address = Suppression.objects.filter(site_id=follow.site_id, address_key=follow.follower.address_key)
    of_address.filter(kind=Suppression.Kind.REFUSED).delete()


def _record(follows: Iterable[Follow], event: Consent.Event, door: str) -> None:
    Consent.objects.bulk_create(
        Consent(
            site_id=follow.site_id,
            address_key=follow.follower.address_key,
            target_kind=follow.target_kind,
            target_key=follow.target_key,
            event=event,
            door=door,
        )
        for follow in follows
    )
