"""What moderators read: their queue and the record of what was decided."""

from __future__ import annotations

from collections.abc import Sequence

from articles.models import Site
from comments.models import Comment, Decision
from project.errors import Problem


def moderation_queue(site: Site, status: str, *, after: int, limit: int) -> list[Comment]:
    """Return at most `limit` comments of one status with an id above `after`, oldest first, articles at hand."""
    waiting = Comment.objects.filter(site=site, status=status, pk__gt=after)
    return list(waiting.select_related("article").order_by("pk")[:limit])


def missing_ids(site: Site, ids: Sequence[int]) -> list[int]:
    """Return those of `ids` that name no comment of the site, in their order."""
    found = set(Comment.objects.filter(site=site, pk__in=ids).values_list("pk", flat=True))
    return [pk for pk in ids if pk not in found]


def decisions_about(site: Site, comment_id: int) -> list[Decision]:
    """Return every decision about a comment of the site, newest first; Problem: not_found."""
    if missing_ids(site, [comment_id]):
        raise Problem("not_found", f"The site has no comment {comment_id}.")
    decisions = Decision.objects.filter(comment=comment_id).select_related("user", "api_key")
    return list(decisions.order_by("-pk"))
