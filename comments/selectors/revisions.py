"""One comment as those see it who may change it, and the texts that it had."""

from __future__ import annotations

from articles.models import Site
from comments.models import Comment, Revision
from comments.selectors.moderation import missing_ids
from project.errors import Problem


def comment_to_change(comment_id: int) -> Comment:
    """Return any comment with its article and site, in one SELECT: who may see it is the caller's question.

    Problem: not_found.
    """
    comment = Comment.objects.filter(pk=comment_id).select_related("article__site").first()
    if comment is None:
        raise Problem("not_found", f"There is no comment {comment_id}.")
    return comment


def revisions_of(site: Site, comment_id: int, *, before: int | None, limit: int) -> list[Revision]:
    """Return at most `limit` texts of a comment with a number below `before`, the newest first, in two SELECTs.

    None were kept of a comment that was never edited. Problem: not_found.
    """
    if missing_ids(site, [comment_id]):
        raise Problem("not_found", f"The site has no comment {comment_id}.")
    kept = Revision.objects.filter(comment=comment_id).select_related("user", "api_key").order_by("-number")
    return list((kept if before is None else kept.filter(number__lt=before))[:limit])
