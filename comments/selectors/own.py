"""What one reader has in a thread beside what everybody sees: by her edit tokens, or by her session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db.models import Q
from django.db.models.functions import Now

from articles.models import Article
from comments.claims import AUTHORS_MAY_CHANGE, Claim, is_in_time
from comments.models import Comment
from comments.tokens import comment_ids

MOST: Final = 500


@dataclass(frozen=True, slots=True)
class OwnComments:
    """Those that wait for a moderator, oldest first, and the ids of those that their author may still change."""

    pending: list[Comment] = field(default_factory=list)
    editable: list[int] = field(default_factory=list)


def own_comments(article: Article, claim: Claim) -> OwnComments:
    """Return what a claim proves to be the sender's below an article, at most her 500 latest, in one SELECT."""
    hers = Q(pk__in=comment_ids(claim.edit_tokens))
    if claim.reader_id is not None:
        hers |= Q(reader=claim.reader_id)
    rows = Comment.objects.of(article).filter(hers, status__in=AUTHORS_MAY_CHANGE).annotate(now=Now())
    own = sorted(claim.own(rows.order_by("-id")[:MOST]), key=lambda comment: (comment.created_at, comment.pk))
    minutes = article.site.edit_minutes
    return OwnComments(
        [comment for comment in own if comment.status == Comment.Status.PENDING],
        [comment.pk for comment in own if is_in_time(comment, _now(comment), minutes)],
    )


def held_comments(article: Article, ids: Iterable[int]) -> list[Comment]:
    """Return those of the comments `ids` that wait for a moderator below this article, oldest first."""
    pending = Comment.objects.of(article).filter(pk__in=list(ids), status=Comment.Status.PENDING)
    return list(pending.order_by("created_at", "id"))


def _now(comment: Comment) -> datetime:
    now: datetime = comment.now  # type: ignore[attr-defined]  # annotated above
    return now
