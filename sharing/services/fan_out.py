"""From one notification to one delivery per recipient: set-based, page by page, resumable, never twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models.functions import Now

from articles.models import Member
from comments.models import Comment
from project import addresses
from project.errors import Problem
from project.statements import fetch
from sharing.channels.posts import EVENT_OF
from sharing.models import AuthorNotice, Delivery, Notification, Suppression
from sharing.selectors.digests import FLOOD
from sharing.selectors.outbox import targets_of
from sharing.services.channels import plan_posts
from sharing.services.digests import SETTLED
from sharing.services.mentions import plan_mentioned
from sharing.services.milestones import note_milestone
from sharing.services.notices import gather

PAGE: Final = 5_000
EXPIRES: Final = {
    Notification.Kind.COMMENT: timedelta(hours=24),
    Notification.Kind.HELD: timedelta(hours=24),
    Notification.Kind.ARTICLE: timedelta(hours=48),
    Notification.Kind.SHARES: timedelta(hours=24),
    Notification.Kind.MILESTONE: timedelta(hours=48),
}
# What an article's author is told of.
OF_AUTHORS: Final = frozenset({Notification.Kind.COMMENT, Notification.Kind.SHARES, Notification.Kind.MILESTONE})
# A channel is asked again for three days, and may have to be looked after first.
POSTS_EXPIRE: Final = timedelta(days=4)

# The next page of followers by id. Every target gives its own next followers from the index; whoever stands under
# several is one row, her follows in order of the targets. A page's last follower is at most any target's last one,
# so nobody is passed over. `page` is what was looked at, also where the insert leaves somebody out: whoever was erased
# meanwhile is gone when her row is to be locked, and whoever is locked is not erased before the COMMIT.
#
# How often she wanted to be told when it happened decides, not what she has changed it to since.
#
# In a lively hour those who had so many mails of the thread get no more of them singly: what comes is told in one
# digest at the hour's end, whose contents are then whatever they did not get.
PLAN_FOLLOWERS: Final = """
    WITH target AS (
        SELECT kind, key, rank FROM unnest(%(kinds)s::text[], %(keys)s::text[]) WITH ORDINALITY AS t(kind, key, rank)
    ), page AS (
        SELECT f.follower_id, array_agg(f.id ORDER BY target.rank) AS follow_ids
        FROM target CROSS JOIN LATERAL (
            SELECT id, follower_id FROM sharing_follow
            WHERE site_id = %(site)s AND target_kind = target.kind AND target_key = target.key
                AND status = 'confirmed' AND confirmed_at <= %(since)s
                AND ((frequency = 'immediate' AND (frequency_since IS NULL OR frequency_since <= %(since)s))
                    OR immediate_until > %(since)s)
                AND follower_id > %(cursor)s
            ORDER BY follower_id LIMIT %(page)s
        ) AS f
        GROUP BY f.follower_id ORDER BY f.follower_id LIMIT %(page)s
    ), recipient AS MATERIALIZED (
        SELECT r.id, r.address, r.address_key, page.follow_ids, {flooded} AS flooded
        FROM page JOIN sharing_follower r ON r.id = page.follower_id
        WHERE r.address_key <> %(author)s AND NOT EXISTS (
            SELECT FROM sharing_suppression s
            WHERE s.site_id = %(site)s AND s.address_key = r.address_key AND s.kind = ANY(%(total)s))
        ORDER BY r.id
        FOR KEY SHARE OF r
    ), planned AS (
        INSERT INTO sharing_delivery (site_id, kind, cause_key, channel, target_key, notification_id, follower_id,
            follow_ids, why, address, queue, status, token, last_error, expires_at)
        SELECT %(site)s, %(kind)s, %(cause)s, 'email', address_key, %(notification)s, id,
            follow_ids, 'follow', address, 'mail', 'queued', gen_random_uuid(), '', %(expires)s
        FROM recipient WHERE NOT flooded
        ON CONFLICT DO NOTHING
    ){digests}
    SELECT count(*), max(follower_id) FROM page
"""
IN_ORDINARY_HOURS: Final = {"flooded": "false", "digests": ""}
IN_A_LIVELY_HOUR: Final = {
    "flooded": """(
            SELECT count(*) FROM sharing_delivery d JOIN sharing_notification n ON n.id = d.notification_id
            WHERE d.follower_id = r.id AND d.kind = 'comment' AND n.article_id = %(article)s
                AND n.created_at >= %(hour)s AND n.created_at < %(hour_end)s) >= %(most)s""",
    "digests": """, digest AS (
        INSERT INTO sharing_digest (site_id, follower_id, scope, window_start, window_end, since)
        SELECT %(site)s, id, %(scope)s, %(hour)s, %(hour_end)s, '{}' FROM recipient WHERE flooded
        ON CONFLICT DO NOTHING
        RETURNING id, follower_id
    ), gathered AS (
        INSERT INTO sharing_delivery (site_id, kind, cause_key, channel, target_key, digest_id, follower_id, follow_ids,
            why, address, queue, status, token, last_error, next_attempt_at, expires_at)
        SELECT %(site)s, 'digest', 'digest:' || digest.id, 'email', r.address_key, digest.id, r.id, r.follow_ids,
            'follow', r.address, 'mail', 'queued', gen_random_uuid(), '', %(hour_end)s + %(settled)s,
            %(hour_end)s + interval '24 hours'
        FROM digest JOIN recipient r ON r.id = digest.follower_id
    ), widened AS (
        -- The digest is there already: it is wanted as long as any follow is that it tells for.
        UPDATE sharing_delivery d SET follow_ids = ARRAY(SELECT DISTINCT unnest(d.follow_ids || r.follow_ids))
        FROM recipient r JOIN sharing_digest g
            ON g.follower_id = r.id AND g.scope = %(scope)s AND g.window_start = %(hour)s
        WHERE r.flooded AND d.kind = 'digest' AND d.cause_key = 'digest:' || g.id AND d.channel = 'email'
            AND d.target_key = r.address_key AND d.status IN ('queued', 'awaiting_retry')
            AND NOT d.follow_ids @> r.follow_ids
    )""",
}


def plan_next_page(notification_id: int) -> bool:
    """Plan deliveries for the next followers of a notification, or, behind the last one, for author and members.

    One transaction; True while there is more to do. False too where it is done, not due, gone, or in another worker's
    hands. The cursor moves in the transaction of the page, and a delivery is unique by recipient and cause: a crash
    or a twin repeats nothing.
    """
    with transaction.atomic():
        waiting = Notification.objects.filter(pk=notification_id, fanned_out_at__isnull=True, due_at__lte=Now())
        locked = waiting.select_for_update(skip_locked=True, of=("self",))
        notification = locked.select_related("article__site", "comment").first()
        if notification is None:
            return False
        moment = None
        if _is_wanted(notification):
            looked_at, last = _plan_followers(notification)
            if looked_at == PAGE:
                waiting.update(cursor=last)
                return True
            moment = _plan_others(notification)
            if event := EVENT_OF.get(notification.kind):
                plan_posts(notification, event, POSTS_EXPIRE)
        # What goes into the mail of somebody's day belongs to the day in which it was put there.
        waiting.update(fanned_out_at=moment or Now())
    return False


def _is_wanted(notification: Notification) -> bool:
    """Whether anything can come of it still; each message is looked at again before it goes out."""
    article, comment = notification.article, notification.comment
    if notification.kind == Notification.Kind.HELD:
        return comment is not None and comment.status == Comment.Status.PENDING
    if notification.kind in {Notification.Kind.COMMENT, Notification.Kind.CHANGED} and not (
        comment is not None and comment.is_approved
    ):
        return False
    if notification.kind == Notification.Kind.REMOVED and (comment is None or comment.is_approved):
        return False
    return article is not None and article.is_public


def _plan_followers(notification: Notification) -> tuple[int, int | None]:
    """Return how many followers were looked at, and the id of the last one."""
    targets = targets_of(notification)
    if not targets:
        return 0, None
    parameters: dict[str, Any] = {
        "kinds": [target.kind for target in targets],
        "keys": [target.key for target in targets],
        "site": notification.site_id,
        "since": notification.created_at,
        "cursor": notification.cursor,
        "page": PAGE,
        "kind": notification.kind,
        "cause": notification.cause_key,
        "notification": notification.pk,
        "author": _comment_author(notification),
        "expires": _expires_at(notification),
        "total": sorted(Suppression.TOTAL),
    }
    lively = _lively_hour(notification)
    statement = PLAN_FOLLOWERS.format_map(IN_A_LIVELY_HOUR if lively else IN_ORDINARY_HOURS)
    ((looked_at, last),) = fetch(statement, parameters | lively)
    return looked_at, last


def _lively_hour(notification: Notification) -> dict[str, Any]:
    """Return the hour of a comment as parameters, if its thread had more comments in it than one is told of singly.

    Empty otherwise: then nobody can have had too many.
    """
    article = notification.article
    most = article.site.mails_per_thread if article else 0
    if notification.kind != Notification.Kind.COMMENT or article is None or not most:
        return {}
    hour = notification.created_at.replace(minute=0, second=0, microsecond=0)
    end = hour + timedelta(hours=1)
    comments = Notification.objects.filter(
        article=article, kind=notification.kind, created_at__gte=hour, created_at__lt=end
    )
    if comments.count() <= most:
        return {}
    scope = f"{FLOOD}{article.pk}"
    return {"article": article.pk, "hour": hour, "hour_end": end, "most": most, "scope": scope, "settled": SETTLED}


def _plan_others(notification: Notification) -> datetime | None:
    """Plan for whoever is a recipient without a follow; one who has a delivery as a follower gets no second one.

    Return when it was put into the mail of somebody's day, None if it was into none.
    """
    article = notification.article
    if notification.kind == Notification.Kind.HELD:
        return _plan_members(notification)
    if article is not None and notification.kind in OF_AUTHORS:
        if notification.kind == Notification.Kind.SHARES:
            note_milestone(article)
        if notification.kind == Notification.Kind.COMMENT:
            author, expires_at = _comment_author(notification), _expires_at(notification)
            plan_mentioned(notification, author=author, expires_at=expires_at)
        found = _recipients(notification, Delivery.Why.AUTHOR, [article.author_email])
        chosen = AuthorNotice.objects.filter(
            site_id=notification.site_id, address_key__in=list(found), choice=AuthorNotice.Choice.DAILY
        )
        daily = set(chosen.values_list("address_key", flat=True)) if found else set()
        return _plan(notification, Delivery.Why.AUTHOR, found, daily)
    return None


def _plan_members(notification: Notification) -> datetime | None:
    """A mailbox of two members that want it at once and once a day is told at once."""
    members = Member.objects.filter(site_id=notification.site_id, user__is_active=True).exclude(
        notice=Member.Notice.NONE
    )
    rows = list(members.order_by("pk").values_list("user__email", "notice"))
    found = _recipients(notification, Delivery.Why.MEMBER, [email for email, _ in rows])
    at_once = {
        addresses.email_key(email.canonical)
        for email in (_mailbox(written) for written, notice in rows if written and notice == Member.Notice.IMMEDIATE)
        if email
    }
    return _plan(notification, Delivery.Why.MEMBER, found, found.keys() - at_once)


def _recipients(notification: Notification, why: Delivery.Why, written: Iterable[str]) -> dict[str, str]:
    """Addresses by their keys, without whoever wrote it herself or wants no such notices."""
    found = {addresses.email_key(email.canonical): email.address for email in map(_mailbox, written) if email}
    found.pop(_comment_author(notification), None)
    silent = Suppression.objects.filter(
        site_id=notification.site_id, address_key__in=list(found), kind__in=[*Suppression.TOTAL, why.value]
    )
    for key in silent.values_list("address_key", flat=True):
        found.pop(key, None)
    return found


def _plan(
    notification: Notification, why: Delivery.Why, found: Mapping[str, str], daily: Collection[str]
) -> datetime | None:
    Delivery.objects.bulk_create(
        (_delivery(notification, why, key, address) for key, address in found.items() if key not in daily),
        ignore_conflicts=True,
    )
    if not daily:
        return None
    return gather(notification.site_id, why, {key: address for key, address in found.items() if key in daily})


def _delivery(notification: Notification, why: Delivery.Why, key: str, address: str) -> Delivery:
    return Delivery(
        site_id=notification.site_id,
        kind=notification.kind,
        cause_key=notification.cause_key,
        target_key=key,
        notification=notification,
        why=why,
        address=address,
        expires_at=_expires_at(notification),
    )


def _mailbox(written: str) -> addresses.Email | None:
    """An address from an import or the admin need not be one."""
    try:
        return addresses.normalise_email(written)
    except Problem:
        return None


def _comment_author(notification: Notification) -> str:
    """The key of the address that wrote the comment, "" where there is none: nobody is mailed about her own."""
    return notification.comment.author_key if notification.comment else ""


def _expires_at(notification: Notification) -> datetime:
    return notification.due_at + EXPIRES[Notification.Kind(notification.kind)]
