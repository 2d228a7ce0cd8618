"""Telling upper rooms about comments: the only places that send this app's signals."""

from __future__ import annotations

from comments.models import Comment
from comments.signals import comment_changed, comment_published, comment_rewritten


def tell_changed(comment: Comment, *, old: str | None, follow: str = "", language: str = "", ref: str = "") -> None:
    """Tell that a comment has another status than `old`, None for a new one, or, with the same, says something else.

    Of a new one `follow` is its author's wish, in her `language`, and `ref` what the address carried by which she came.
    """
    new = {"follow": follow, "language": language, "ref": ref}
    comment_changed.send(Comment, comment=comment, old=old, new=comment.status, **new)


def tell_published(comment: Comment) -> None:
    """Tell that a comment is public for the first time."""
    comment_published.send(Comment, comment=comment)


def tell_rewritten(comment: Comment) -> None:
    """Tell that a comment has another text."""
    comment_rewritten.send(Comment, comment=comment)
