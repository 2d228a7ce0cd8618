"""One comment under lock, its status, and what follows from it for counters, tombstones and the version.

Moderators, authors and reports all change a status here, so that none of them can miscount.
"""

from __future__ import annotations

from django.db import connection
from django.db.models import QuerySet

from comments.models import Comment
from comments.services.news import tell_changed, tell_published
from comments.services.tree import adjust_ancestors
from comments.services.versions import Change, commit_change, thread_version
from project.errors import Problem


def locked(comments: QuerySet[Comment], comment_id: int) -> Comment:
    """Return one of `comments` with article and site, locked until the transaction ends.

    Whoever changes text or status takes this lock first: what was decided about one text never meets another.
    Problem: not_found.
    """
    rows = comments.filter(pk=comment_id).select_related("article__site")
    comment = rows.select_for_update(of=("self",), no_key=True).first()
    if comment is None:
        raise Problem("not_found", f"The site has no comment {comment_id}.")
    return comment


def give_status(comment: Comment, status: Comment.Status, reason: str) -> None:
    """Write another status of a locked comment and tell whom it concerns; `carry` has to follow."""
    old, first_time = comment.status, comment.published_at is None
    write_status(comment, status, reason)
    tell_changed(comment, old=old)
    if comment.is_approved and first_time:
        tell_published(comment)


def write_status(comment: Comment, status: Comment.Status, reason: str) -> None:
    """Write another status of a locked comment and tell nobody; `carry` has to follow."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE comments_comment SET status = %s, reason = %s,"
            " published_at = CASE WHEN %s = 'approved' THEN coalesce(published_at, now()) ELSE published_at END"
            " WHERE id = %s RETURNING published_at, shown_replies",
            [status, reason, status, comment.pk],
        )
        comment.published_at, comment.shown_replies = cursor.fetchone()
    comment.status, comment.reason = status, reason


def carry(comment: Comment, old: str, *, looks_different: bool = False, quietly: bool = False) -> int:
    """Bring counters and version in line with the status that followed `old`, and return the version.

    `looks_different` says that the public sees another text of a comment that stays approved; `quietly`, that nobody is
    told of it. The last statement of the transaction.
    """
    approved = int(comment.is_approved) - int(old == Comment.Status.APPROVED)
    if not approved:
        if looks_different and comment.is_approved:
            if not quietly:
                tell_changed(comment, old=old)
            return commit_change(Change(comment.article, changed=[comment.pk]))
        return thread_version(comment.article)
    # A comment above shown replies stands in the tree whatever its status: as itself or as a tombstone.
    shown = 0 if comment.shown_replies else approved
    flips = adjust_ancestors(comment, approved=approved, shown=shown)
    appeared = [flip.id for flip in flips if flip.shown] + ([comment.pk] if shown > 0 else [])
    changed = [flip.id for flip in flips] + [comment.pk]
    return commit_change(Change(comment.article, {comment.provider: approved}, changed=changed, shown=appeared))
