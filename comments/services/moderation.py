"""What moderators decide, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from articles.models import ApiKey, Site
from comments.models import Comment, Decision
from comments.services.news import tell_changed, tell_published
from comments.services.tree import adjust_ancestors
from comments.services.versions import Change, commit_change, thread_version
from project.errors import Problem
from project.transactions import in_transaction

MAX_PINS = 5


@dataclass(frozen=True)
class Moderator:
    """Who decides: a person in the admin, or a publisher's key."""

    user: User | None = None
    api_key: ApiKey | None = None


@dataclass(frozen=True)
class Decided:
    comment: Comment
    version: int


def decide(
    site: Site, comment_id: int, status: str, moderator: Moderator, *, reason: str = "", revision: int | None = None
) -> Decided:
    """Give a comment of `site` another status and record who did it; the same status again changes nothing.

    `revision` is the text that the moderator has read: the decision is refused if there is a newer one.
    Problem: not_found, stale_revision.
    """
    return in_transaction(lambda: _decide(site, comment_id, Comment.Status(status), moderator, reason, revision))


def _decide(
    site: Site, comment_id: int, status: Comment.Status, moderator: Moderator, reason: str, revision: int | None
) -> Decided:
    comment = _locked(site, comment_id)
    if revision is not None and revision != comment.revision:
        raise Problem("stale_revision", f"The comment's text has changed; it is now revision {comment.revision}.")
    old = Comment.Status(comment.status)
    if old == status:
        return Decided(comment, thread_version(comment.article))
    first_time = status == Comment.Status.APPROVED and comment.published_at is None
    _write(comment, old, status, moderator, reason)
    tell_changed(comment, old=old)
    if first_time:
        tell_published(comment)
    return Decided(comment, _carry(comment, old))


def _write(comment: Comment, old: Comment.Status, status: Comment.Status, moderator: Moderator, reason: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE comments_comment SET status = %s, reason = %s,"
            " published_at = CASE WHEN %s = 'approved' THEN coalesce(published_at, now()) ELSE published_at END"
            " WHERE id = %s RETURNING published_at, shown_replies",
            [status, "decision", status, comment.pk],
        )
        comment.published_at, comment.shown_replies = cursor.fetchone()
    comment.status, comment.reason = status, "decision"
    Decision.objects.create(
        site_id=comment.site_id,
        comment=comment,
        revision=comment.revision,
        old_status=old,
        status=status,
        reason=reason,
        user=moderator.user,
        api_key=moderator.api_key,
    )


def _carry(comment: Comment, old: Comment.Status) -> int:
    """Bring counters and version in line with the new status and return the version."""
    approved = int(comment.is_approved) - int(old == Comment.Status.APPROVED)
    if not approved:
        return thread_version(comment.article)
    # A comment above shown replies stands in the tree whatever its status: as itself or as a tombstone.
    shown = 0 if comment.shown_replies else approved
    flips = adjust_ancestors(comment, approved=approved, shown=shown)
    appeared = [flip.id for flip in flips if flip.shown] + ([comment.pk] if shown > 0 else [])
    changed = [flip.id for flip in flips] + [comment.pk]
    return commit_change(Change(comment.article, {comment.provider: approved}, changed=changed, shown=appeared))


def undo(site: Site, comment_id: int, moderator: Moderator) -> Decided:
    """Take the last decision about a comment back: a decision of its own, to the status before.

    Problem: not_found, where there is no such comment or nothing was decided.
    """

    def work() -> Decided:
        last = Decision.objects.filter(site=site, comment_id=comment_id).order_by("-id").first()
        if last is None:
            raise Problem("not_found", f"Nothing was decided about comment {comment_id}.")
        return _decide(site, comment_id, Comment.Status(last.old_status), moderator, "undo", None)

    return in_transaction(work)


def pin(site: Site, comment_id: int, *, pinned: bool) -> Decided:
    """Pin a public root comment above the others of its thread, or take the pin away.

    Problem: not_found, pin_not_possible (not a public root, or five are pinned already).
    """
    return in_transaction(lambda: _pin(site, comment_id, pinned))


def _pin(site: Site, comment_id: int, pinned: bool) -> Decided:
    comment = _locked(site, comment_id)
    if pinned == (comment.pinned_at is not None):
        return Decided(comment, thread_version(comment.article))
    if pinned:
        _check_room_for_pin(comment)
    comment.pinned_at = timezone.now() if pinned else None
    Comment.objects.filter(pk=comment.pk).update(pinned_at=comment.pinned_at)
    return Decided(comment, commit_change(Change(comment.article, changed=[comment.pk])))


def _check_room_for_pin(comment: Comment) -> None:
    if comment.parent_id is not None or not comment.is_approved:
        raise Problem("pin_not_possible", "Only a public root comment can be pinned.")
    # Equal pins wait for one another, or five could become six.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"pin:{comment.article_id}"])
    if Comment.objects.filter(article_id=comment.article_id, pinned_at__isnull=False).count() >= MAX_PINS:
        raise Problem("pin_not_possible", f"{MAX_PINS} comments of this thread are pinned already.")


def _locked(site: Site, comment_id: int) -> Comment:
    comment = (
        Comment.objects.filter(site=site, pk=comment_id)
        .select_related("article__site")
        .select_for_update(of=("self",), no_key=True)
        .first()
    )
    if comment is None:
        raise Problem("not_found", f"The site has no comment {comment_id}.")
    return comment
