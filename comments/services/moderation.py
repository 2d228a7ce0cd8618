"""What moderators decide, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from articles.models import ApiKey, Site
from comments.models import Comment, Decision, Report
from comments.services.versions import Change, commit_change, thread_version
from comments.services.visibility import carry, give_status, locked
from project.errors import Problem
from project.transactions import in_transaction

MAX_PINS = 5
DECISION: Final = "decision"


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

    Whatever was reported of it is settled by that, and then the same status is recorded too: somebody has looked.
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
    return _give(comment, status, moderator, reason)


def _give(comment: Comment, status: Comment.Status, moderator: Moderator, reason: str) -> Decided:
    old = Comment.Status(comment.status)
    was_reported = Report.objects.filter(comment=comment, resolved_at=None).update(resolved_at=Now())
    if old != status or was_reported:
        _record(comment, old, status, moderator, reason)
    if old != status:
        give_status(comment, status, DECISION)
    return Decided(comment, carry(comment, old))


def _record(comment: Comment, old: Comment.Status, status: Comment.Status, moderator: Moderator, reason: str) -> None:
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


def undo(site: Site, comment_id: int, moderator: Moderator) -> Decided:
    """Take the last decision about a comment back: a decision of its own, to the status before.

    Problem: not_found, where there is no such comment or nothing was decided; stale_revision, where its status is not
    what was decided any more, because its author took it back or wrote what a rule holds.
    """

    def work() -> Decided:
        comment = _locked(site, comment_id)
        last = Decision.objects.filter(comment=comment).order_by("-id").first()
        if last is None:
            raise Problem("not_found", f"Nothing was decided about comment {comment_id}.")
        if last.status != comment.status:
            raise Problem("stale_revision", f"The comment is {comment.status} now, which nobody decided.")
        return _give(comment, Comment.Status(last.old_status), moderator, "undo")

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
    return locked(Comment.objects.filter(site=site), comment_id)
