"""What lower rooms say and what it means here; each receiver runs inside the transaction of its cause.

The comment of `comment_published` may not be in the table yet: only its ids are used.
"""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from articles.models import Article
from articles.signals import article_published, article_written
from comments.models import Comment
from comments.signals import comment_changed, comment_published, comment_rewritten
from sharing.models import Notification
from sharing.services import outbox
from sharing.services.channels import note_change
from sharing.services.follows import follow_from_comment
from sharing.services.sent_webmentions import mark_article, mark_comment
from sharing.services.visits import credit_comment
from sharing.tasks import deliver_confirmations, fan_out, send_webmentions


@receiver(comment_published, dispatch_uid="sharing.comment_published")
def on_comment_published(comment: Comment, **_: Any) -> None:
    """Followers of the thread and the article's author will hear of it."""
    _wake(_note(comment, Notification.Kind.COMMENT, f"comment:{comment.pk}:published"))


@receiver(comment_changed, dispatch_uid="sharing.comment_changed")
def on_comment_changed(
    comment: Comment, old: str | None, new: str, follow: str = "", language: str = "", ref: str = "", **_: Any
) -> None:
    """A comment that waits is announced to the site's members, what became of a public one to channels and to the pages
    that it links to; its author may have asked to follow, or may have come through a shared address."""
    _tell_members(comment, old, new)
    _tell_elsewhere(comment, old, new)
    _heed_author(comment, old, follow, language, ref)


@receiver(article_written, dispatch_uid="sharing.article_written")
def on_article_written(article: Article, **_: Any) -> None:
    """Pages that it links to, or did, will be told."""
    if mark_article(article):
        send_webmentions.delay_on_commit()


@receiver(comment_rewritten, dispatch_uid="sharing.comment_rewritten")
def on_comment_rewritten(comment: Comment, **_: Any) -> None:
    """Pages that it links to, or did, will be told."""
    _mark(comment)


@receiver(article_published, dispatch_uid="sharing.article_published")
def on_article_published(article: Article, **_: Any) -> None:
    """Followers of the site, of its tags and of its author will hear of it."""
    key = f"article:{article.pk}:published"
    kind = Notification.Kind.ARTICLE
    _wake(outbox.note(kind=kind, cause_key=key, site_id=article.site_id, article_id=article.pk))


def _tell_members(comment: Comment, old: str | None, new: str) -> None:
    if new == Comment.Status.PENDING and comment.reason != "decision":
        # Held once when it was posted, and once for each text with which it lost its place.
        edition = "" if old is None else f":{comment.revision}"
        _wake(_note(comment, Notification.Kind.HELD, f"comment:{comment.pk}:held{edition}"))


def _tell_elsewhere(comment: Comment, old: str | None, new: str) -> None:
    if Comment.Status.APPROVED in {old, new}:
        _mark(comment)
    if old == Comment.Status.APPROVED and note_change(comment):
        fan_out.delay_on_commit()


def _heed_author(comment: Comment, old: str | None, follow: str, language: str, ref: str) -> None:
    if old is None and ref:
        credit_comment(comment, ref)
    if old is None and follow and comment.author_email:
        follow_from_comment(comment, follow, language=language, ref=ref)
        deliver_confirmations.delay_on_commit()


def _mark(comment: Comment) -> None:
    if mark_comment(comment):
        send_webmentions.delay_on_commit()


def _note(comment: Comment, kind: Notification.Kind, cause_key: str) -> Notification | None:
    return outbox.note(
        kind=kind,
        cause_key=cause_key,
        site_id=comment.site_id,
        article_id=comment.article_id,
        comment_id=comment.pk,
    )


def _wake(notification: Notification | None) -> None:
    if notification is not None:
        fan_out.delay_on_commit()
