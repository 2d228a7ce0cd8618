"""Whom a reader does not want to read: kept for her alone, and told to nobody."""

from __future__ import annotations

from comments.models import Comment, Mute, Reader
from project.errors import Problem, refused_field

MOST = 500
NAME_LENGTH = 70


def mute_author(reader: Reader, comment_id: int) -> Mute:
    """Mute whoever wrote a public comment of the reader's site: a reader, an address, or a guest by her name alone.

    Again changes nothing. Problem: not_found; validation_failed for oneself, or beyond 500.
    """
    comment = Comment.objects.approved().filter(site_id=reader.site_id, pk=comment_id).first()
    if comment is None:
        raise Problem("not_found", f"There is no comment {comment_id}.")
    if comment.reader_id == reader.pk:
        raise refused_field("comment", "own_comment", "This comment is your own.")
    key = muted_key(comment)
    known = Mute.objects.filter(reader=reader)
    if not known.filter(muted_key=key).exists() and known.count() >= MOST:
        raise refused_field("comment", "too_many", f"You have muted {MOST} authors already.")
    row = Mute(site_id=reader.site_id, reader=reader, muted_key=key, label=comment.author_name)
    Mute.objects.bulk_create([row], ignore_conflicts=True)
    return known.get(muted_key=key)


def muted_key(comment: Comment) -> str:
    """Return who wrote a comment, as mutes name her."""
    if comment.reader_id is not None:
        return f"reader:{comment.reader_id}"
    return f"guest:{comment.author_key}" if comment.author_key else f"name:{comment.author_name[:NAME_LENGTH]}"


def unmute(reader: Reader, mute_id: int) -> None:
    """Take a mute back; one that is gone stays gone."""
    Mute.objects.filter(reader=reader, pk=mute_id).delete()
