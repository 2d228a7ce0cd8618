"""What authors and members are told of without a follow: how often they want it, and what one of their days has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from articles.models import Article, Member
from comments.models import Comment
from project import addresses
from project.errors import Problem
from project.statements import fetch
from sharing import networks
from sharing.models import AuthorNotice, Delivery, Digest, Notification, Suppression
from sharing.selectors.outbox import milestone_of
from sharing.tokens import Recipient

# What one message shows; the rest is counted.
SHOWN: Final = 30
SHOWN_SHARED: Final = 5
# A notification that waited longer for its fan-out is of no use to anybody.
OF_USE: Final = timedelta(days=2)
NOTHING: Final = "none"

_SHARED: Final = """
    SELECT n.article_id, s.network, count(*) FROM sharing_notification n JOIN sharing_share s
        ON s.article_id = n.article_id AND s.created_at >= n.due_at - interval '1 hour' AND s.created_at < n.due_at
    WHERE n.id = ANY(%(notices)s) GROUP BY n.article_id, s.network ORDER BY count(*) DESC, s.network, n.article_id DESC
"""


@dataclass(frozen=True)
class Shared:
    """An article and how often it was shared, by the networks' labels, most first; `milestone` is the round number of
    all its shares that it reached, 0 for none."""

    article: Article
    by_network: list[tuple[str, int]]
    milestone: int = 0

    @property
    def total(self) -> int:
        return sum(count for _, count in self.by_network)


@dataclass(frozen=True)
class Notices:
    """A day's comments with their articles, oldest first, what was shared, most first, and how many more of each."""

    comments: list[Comment]
    more: int
    shared: list[Shared]
    more_shared: int = 0


@dataclass(frozen=True)
class Choice:
    """What a recipient chose: `immediate`, `daily` or `none`; `summary` is None for whoever owns no site."""

    often: str
    summary: bool | None = None


def has_key(written: str, key: str) -> bool:
    """Tell whether an address, which an import or the admin need not have written well, has this key."""
    try:
        return addresses.email_key(written) == key
    except Problem:
        return False


def members_with(recipient: Recipient) -> list[Member]:
    """The memberships of a site whose mail goes to this address."""
    members = Member.objects.filter(site_id=recipient.site_id, user__is_active=True).select_related("user")
    return [member for member in members.order_by("pk") if has_key(member.user.email, recipient.address_key)]


def choice_of(recipient: Recipient) -> Choice | None:
    """How often a recipient wants to be told; None for one who is no member any more."""
    of_address = {"site_id": recipient.site_id, "address_key": recipient.address_key}
    silent = set(Suppression.objects.filter(**of_address).values_list("kind", flat=True))
    if recipient.why == Delivery.Why.AUTHOR:
        chosen = AuthorNotice.objects.filter(**of_address).values_list("choice", flat=True).first()
        often = NOTHING if Suppression.Kind.AUTHOR in silent else chosen or AuthorNotice.Choice.IMMEDIATE
        return Choice(str(often))
    members = members_with(recipient)
    if not members:
        return None
    owned = [member for member in members if member.role == Member.Role.OWNER]
    wanted = Suppression.Kind.SUMMARY not in silent and any(member.summary for member in owned)
    often = NOTHING if Suppression.Kind.MEMBER in silent else members[0].notice
    return Choice(often, summary=wanted if owned else None)


def notices_of(delivery: Delivery) -> Notices:
    """Return what the message of a day has to tell now.

    Left out is what she was told of singly, what she wrote herself, what was decided and what is not public.
    """
    window = delivery.digest
    if window is None:
        return Notices([], 0, [])
    gathered = _gathered(delivery, window)
    if delivery.why == Delivery.Why.MEMBER:
        return _shown(delivery, gathered.filter(kind=Notification.Kind.HELD), Comment.Status.PENDING)
    written = gathered.order_by().values_list("article__author_email", flat=True).distinct()
    hers = [address for address in written if address and has_key(address, delivery.target_key)]
    public = Q(article__visibility=Article.Visibility.PUBLIC, article__author_email__in=hers)
    mine = gathered.filter(public)
    told = _shown(delivery, mine.filter(kind=Notification.Kind.COMMENT), Comment.Status.APPROVED)
    shared = _shared(mine.filter(kind=Notification.Kind.SHARES), mine.filter(kind=Notification.Kind.MILESTONE))
    shared.sort(key=lambda one: one.total, reverse=True)
    return Notices(told.comments, told.more, shared[:SHOWN_SHARED], len(shared[SHOWN_SHARED:]))


def _gathered(delivery: Delivery, window: Digest) -> QuerySet[Notification]:
    """What was fanned out in the window: when it was, whether to tell of it singly or in one was decided."""
    since = max([window.window_start, *window.since])
    singly = Delivery.objects.filter(
        kind=OuterRef("kind"), cause_key=OuterRef("cause_key"), channel="email", target_key=delivery.target_key
    )
    found = Notification.objects.filter(
        site_id=delivery.site_id,
        created_at__gte=since - OF_USE,
        created_at__lt=window.window_end,
        fanned_out_at__gte=since,
        fanned_out_at__lt=window.window_end,
    )
    return found.exclude(Exists(singly))


def _shown(delivery: Delivery, gathered: QuerySet[Notification], status: str) -> Notices:
    # One that was held twice in a day is one.
    comments = Comment.objects.filter(site_id=delivery.site_id, pk__in=gathered.values("comment_id"), status=status)
    others = comments.exclude(author_key=delivery.target_key).order_by("created_at", "pk")
    shown = list(others.select_related("article__site")[: SHOWN + 1])
    more = others.count() - SHOWN if len(shown) > SHOWN else 0
    return Notices(shown[:SHOWN], more, [])


def _shared(gathered: QuerySet[Notification], milestones: QuerySet[Notification]) -> list[Shared]:
    rows = fetch(_SHARED, {"notices": list(gathered.values_list("pk", flat=True))})
    reached = {one.article_id: milestone_of(one) for one in milestones.order_by("pk")}
    articles = Article.objects.in_bulk({row[0] for row in rows} | {pk for pk in reached if pk is not None})
    counts: dict[int, list[tuple[str, int]]] = {pk: [] for pk in reached if pk is not None}
    for article_id, key, count in rows:
        label = found.label if (found := networks.find(key)) else key
        counts.setdefault(article_id, []).append((label, count))
    return [Shared(articles[pk], found, reached.get(pk, 0)) for pk, found in counts.items()]
