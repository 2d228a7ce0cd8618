"""What readers have reported and no moderator has looked at yet."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber

from articles.models import Article, Site
from comments.models import Comment, Report
from project.errors import Problem

NEWEST: Final = 20


@dataclass(frozen=True, slots=True)
class Reported:
    """A comment with its open reports: how many they are, and the 20 newest of them."""

    comment: Comment
    total: int
    reports: list[Report]


def comment_to_report(comment_id: int) -> Comment:
    """Return a public comment with its article and site, in one SELECT.

    Problem: not_found for a comment that the public may not see, a tombstone too: what it said is gone already.
    """
    public = Comment.objects.approved().filter(pk=comment_id, article__visibility=Article.Visibility.PUBLIC)
    comment = public.select_related("article__site").first()
    if comment is None:
        raise Problem("not_found", f"There is no comment {comment_id} to report.")
    return comment


def reported_comments(site: Site, *, after: int, limit: int) -> list[Reported]:
    """Return at most `limit` comments with open reports and an id above `after`, the oldest first, in two SELECTs."""
    open_reports = Report.objects.filter(site=site, resolved_at=None, comment__gt=after)
    ids = open_reports.order_by("comment").values_list("comment", flat=True).distinct()[:limit]
    comments = list(Comment.objects.filter(site=site, pk__in=ids).select_related("article").order_by("pk"))
    of_comment = Window(RowNumber(), partition_by=F("comment"), order_by=F("id").desc())
    numbered = Report.objects.filter(comment__in=comments, resolved_at=None).annotate(
        place=of_comment, total=Window(Count("id"), partition_by=F("comment"))
    )
    reports: dict[int, list[Report]] = defaultdict(list)
    for report in numbered.filter(Q(place__lte=NEWEST)).order_by("-id"):
        reports[report.comment_id].append(report)
    return [
        # Between the two SELECTs a moderator may have settled all of them.
        Reported(comment, reports[comment.pk][0].total if reports[comment.pk] else 0, reports[comment.pk])  # type: ignore[attr-defined]
        for comment in comments
    ]
