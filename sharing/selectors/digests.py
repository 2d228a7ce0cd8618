"""What a digest tells of: looked up when it is sent, by what may be seen then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from sharing.models import Delivery, Digest, Follow, Notification
from sharing.selectors.outbox import ancestors_among, targets_of

# What one message shows; the rest is counted.
SHOWN: Final = 30
# Notifications of a window that are looked at together.
LOOKED_AT: Final = 500
# So long a digest waits for a fan-out that is behind, or for a notification that cannot be planned at all.
PATIENCE: Final = timedelta(hours=1)
FLOOD: Final = "flood:"
FASTER: Final[dict[str, list[str]]] = {"daily": ["immediate"], "weekly": ["immediate", "daily"]}


@dataclass(frozen=True)
class Contents:
    """Notifications of public comments and articles, oldest first, and how many more there are.

    `is_complete` is False while the fan-out still has some of them in its hands, of which a reader may get one singly.
    """

    told: list[Notification]
    more: int = 0
    is_complete: bool = True


@dataclass(frozen=True)
class _Wish:
    """A follow, and in which time it counts; `until` is None where it still does."""

    kind: str
    key: str
    since: datetime
    until: datetime | None = None

    def counts_at(self, moment: datetime) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)


def contents_of(delivery: Delivery) -> Contents:
    """Return what a digest's delivery has to tell now; five queries, and two for each 500 notifications of its window.

    Left out is what the follower got singly or gets by a faster follow, what she wrote herself, and what is not public.
    """
    digest = delivery.digest
    if digest is None or delivery.follower_id is None:
        return Contents([])
    wishes = _wishes_of_thread(delivery) if digest.scope.startswith(FLOOD) else _wishes(delivery)
    faster = _faster(delivery)
    followed = [int(wish.key) for wish in (*wishes, *faster) if wish.kind == Follow.Target.COMMENT]
    newest: list[Notification] = []
    patient: bool | None = None
    more = 0
    for page in _pages(_candidates(delivery, wishes)):
        if patient is not False and any(one.fanned_out_at is None for one in page):
            patient = not _has_waited(digest)
            if patient:
                return Contents([], is_complete=False)
        above = ancestors_among([one.comment_id for one in page if one.comment_id], followed) if followed else {}
        found = [
            one
            for one in page
            if _is_seen(one, delivery) and _matches(one, wishes, above) and not _matches(one, faster, above)
        ]
        shown = found[: SHOWN - len(newest)]
        newest += shown
        more += len(found) - len(shown)
    return Contents(newest[::-1], more)


def _has_waited(digest: Digest) -> bool:
    waited = Now() - PATIENCE
    return Digest.objects.filter(pk=digest.pk, created_at__lte=waited, window_end__lte=waited).exists()


def _pages(newest_first: QuerySet[Notification]) -> Iterator[list[Notification]]:
    page = list(newest_first[:LOOKED_AT])
    while page:
        yield page
        last = page[-1]
        older = Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk)
        page = list(newest_first.filter(older)[:LOOKED_AT]) if len(page) == LOOKED_AT else []


def _wishes(delivery: Delivery) -> list[_Wish]:
    """The follows of the delivery that are still confirmed, each from when it counts."""
    assert delivery.digest is not None
    since = dict(zip(delivery.follow_ids, delivery.digest.since, strict=False))
    follows = Follow.objects.confirmed().filter(pk__in=delivery.follow_ids)
    return [_Wish(one.target_kind, one.target_key, since[one.pk]) for one in follows if one.pk in since]


def _wishes_of_thread(delivery: Delivery) -> list[_Wish]:
    """Whatever she follows at once in the thread that became too much, or did until she wanted it otherwise."""
    assert delivery.digest is not None
    article_id = int(delivery.digest.scope.removeprefix(FLOOD))
    follows = _hers(delivery).filter(article_id=article_id)
    now = follows.filter(frequency=Follow.Frequency.IMMEDIATE)
    before = follows.filter(pk__in=delivery.follow_ids).exclude(frequency=Follow.Frequency.IMMEDIATE)
    ended = [_Wish(one.target_kind, one.target_key, _confirmed(one), one.frequency_since) for one in before]
    return [*_from_confirmation(now), *ended]


def _faster(delivery: Delivery) -> list[_Wish]:
    assert delivery.digest is not None
    frequencies = FASTER.get(delivery.digest.scope, [])
    return list(_from_confirmation(_hers(delivery).filter(frequency__in=frequencies)))


def _hers(delivery: Delivery) -> QuerySet[Follow]:
    assert delivery.follower_id is not None
    return Follow.objects.confirmed().filter(follower_id=delivery.follower_id)


def _from_confirmation(follows: Iterable[Follow]) -> Iterable[_Wish]:
    for follow in follows:
        began = max(_confirmed(follow), follow.frequency_since or _confirmed(follow))
        yield _Wish(follow.target_kind, follow.target_key, began)


def _confirmed(follow: Follow) -> datetime:
    assert follow.confirmed_at is not None, "the database holds that a confirmed follow has a date"
    return follow.confirmed_at


def _candidates(delivery: Delivery, wishes: list[_Wish]) -> QuerySet[Notification]:
    assert delivery.digest is not None
    digest = delivery.digest
    threads = Follow.objects.filter(pk__in=delivery.follow_ids).values("article_id")
    about = Q(kind=Notification.Kind.COMMENT, article_id__in=threads)
    if any(wish.kind in {"site", "tag", "author"} for wish in wishes):
        about |= Q(kind=Notification.Kind.ARTICLE)
    singly = Delivery.objects.filter(
        kind=OuterRef("kind"), cause_key=OuterRef("cause_key"), channel="email", target_key=delivery.target_key
    )
    window = Notification.objects.filter(
        about, site_id=delivery.site_id, created_at__gte=digest.window_start, created_at__lt=digest.window_end
    )
    return window.exclude(Exists(singly)).select_related("article__site", "comment").order_by("-created_at", "-pk")


def _is_seen(notification: Notification, delivery: Delivery) -> bool:
    article, comment = notification.article, notification.comment
    if article is None or not article.is_public or article.deleted_at is not None:
        return False
    if notification.kind == Notification.Kind.ARTICLE:
        return True
    return comment is not None and comment.is_approved and comment.author_key != delivery.target_key


def _matches(notification: Notification, wishes: list[_Wish], above: dict[int, set[int]]) -> bool:
    """Whether something is told of that is wished for; `above` has the followed comments above each comment."""
    wanted = {(wish.kind, wish.key) for wish in wishes if wish.counts_at(notification.created_at)}
    if notification.kind == Notification.Kind.COMMENT:
        over = above.get(notification.comment_id or 0, set())
        about = {("article", str(notification.article_id)), *(("comment", str(one)) for one in over)}
        return not wanted.isdisjoint(about)
    return bool(wanted) and any((target.kind, target.key) in wanted for target in targets_of(notification))
