"""The door for changes of a text, and for taking a comment back: by its author within the site's time, or a moderator.

An edit is judged by the same rules as a new comment. An approval is one of a text: whatever replaces that text goes
back to the queue where the first post of it would have been held, and a comment that waits goes on waiting.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from articles.models import ApiKey, Site
from comments.claims import AUTHORS_MAY_CHANGE, Claim, is_in_time
from comments.models import Comment, ExternalRef, Revision
from comments.rules import judge, submission_of
from comments.services.moderation import Moderator, decide
from comments.services.news import tell_rewritten
from comments.services.rendering import render_body
from comments.services.visibility import carry, give_status, locked
from comments.tokens import comment_ids, proven
from project import text
from project.errors import Problem
from project.transactions import in_transaction

TAKEN_BACK: Final = "author"


@dataclass(frozen=True)
class Editor:
    """Who changes a comment: a moderator of its site or, without one, its author, with what she has to show."""

    moderator: Moderator | None = None
    claim: Claim = field(default_factory=Claim)


@dataclass(frozen=True)
class Edited:
    """The comment as it is now, and the version of its thread."""

    comment: Comment
    version: int


def editor_of(comment: Comment, claim: Claim, api_key: ApiKey | None) -> Editor:
    """Return as whom the sender of a request may change a comment; the one place that decides it.

    Problem: unauthorized, where she shows nothing; forbidden, where it is not hers; not_found, where she could not
    even read it, and for a key of another site.
    """
    if api_key is not None and api_key.allows(ApiKey.Scope.MODERATE):
        if api_key.site_id != comment.site_id:
            raise _not_found(comment.pk)
        return Editor(Moderator(api_key=api_key), claim)
    if claim.covers(comment):
        return Editor(claim=claim)
    if not (comment.is_approved and comment.article.is_public):
        raise _not_found(comment.pk)
    if api_key is None and not claim:
        detail = "Send the comment's edit token, or a key that may moderate."
        raise Problem("unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
    raise Problem("forbidden", "Only its author and the site's moderators may change this comment.")


def edit_comment(comment: Comment, editor: Editor, body: str, *, revision: int | None = None) -> Edited:
    """Give a comment another text and keep the one before; the same text again changes nothing.

    `body` is Markdown; of an imported comment, which only moderators change, it is HTML, as its source is. `revision`
    is the text that the editor began with: refused if there is a newer one.
    Closed comments do not keep an author from putting right what stands there: she adds no voice. On an article that
    is not public she cannot.
    Problem: comments_closed, edit_window_over, not_found, stale_revision, validation_failed.
    """
    if editor.moderator is None and not comment.article.is_public:
        raise Problem("comments_closed", "The article of this comment is not public.")
    return in_transaction(lambda: _edit(comment.pk, editor, body, revision))


def _edit(comment_id: int, editor: Editor, body: str, revision: int | None) -> Edited:
    rows = Comment.objects.annotate(is_imported=Exists(_IMPORTED))
    comment, now = _lock(rows, comment_id)
    if editor.moderator is None:
        _check_author(comment, now)
    if revision is not None and revision != comment.revision:
        raise Problem("stale_revision", f"The text has changed meanwhile; it is now revision {comment.revision}.")
    is_imported: bool = comment.is_imported  # type: ignore[attr-defined]  # annotated above
    rendered = render_body(body, comment.article.site, is_html=is_imported)
    old = comment.status
    if rendered.source == comment.source:
        return Edited(comment, carry(comment, old))
    keep_revisions(comment, editor, rendered.source)
    write_text(comment, rendered)
    if comment.is_approved and editor.moderator is None:
        known = comment.article.site.moderation == Site.Moderation.NEWCOMERS and _is_known(comment, editor.claim)
        verdict = judge(submission_of(rendered, comment.author_name, author_is_known=known), comment.article.site)
        if verdict.status != old:
            give_status(comment, verdict.status, verdict.reason)
    return Edited(comment, carry(comment, old, looks_different=True))


def delete_comment(comment: Comment, editor: Editor) -> int:
    """Remove a comment and return the thread's version; what is removed already stays so.

    Only the public loses it: moderators still see the text, and may restore it.
    Problem: edit_window_over, not_found.
    """
    if editor.moderator is not None:
        return decide(comment.article.site, comment.pk, Comment.Status.REMOVED, editor.moderator).version

    def work() -> int:
        found, now = _lock(Comment.objects.all(), comment.pk)
        old = found.status
        if old != Comment.Status.REMOVED:
            _check_author(found, now)
            give_status(found, Comment.Status.REMOVED, TAKEN_BACK)
        return carry(found, old)

    return in_transaction(work)


_IMPORTED: Final = ExternalRef.objects.filter(comment=OuterRef("pk"), direction=ExternalRef.Direction.IN)


def _lock(rows: QuerySet[Comment], comment_id: int) -> tuple[Comment, datetime]:
    """Return the locked comment, and what the database's clock said when the transaction began."""
    comment = locked(rows.annotate(now=Now()), comment_id)
    now: datetime = comment.now  # type: ignore[attr-defined]  # annotated here
    return comment, now


def _check_author(comment: Comment, now: datetime) -> None:
    if comment.status not in AUTHORS_MAY_CHANGE:
        raise _not_found(comment.pk)
    if not is_in_time(comment, now, comment.article.site.edit_minutes):
        raise Problem("edit_window_over", "The time in which you could change this comment is over.")


def _is_known(comment: Comment, claim: Claim) -> bool:
    """Say whether another comment of hers was approved here: this one cannot vouch for its own next text."""
    others = Comment.objects.approved().filter(site_id=comment.site_id).exclude(pk=comment.pk)
    by_session = claim.reader_id is not None and others.filter(reader=claim.reader_id).exists()
    return by_session or bool(proven(claim.edit_tokens, others.filter(pk__in=comment_ids(claim.edit_tokens))))


def keep_revisions(comment: Comment, editor: Editor, source: str) -> None:
    """Write the new text's row and, with the first edit, the one of the text that was posted."""
    new = _revision(comment, comment.revision + 1, source)
    if editor.moderator is not None:
        new.editor = Revision.Editor.MODERATOR
        new.user, new.api_key = editor.moderator.user, editor.moderator.api_key
    first = _revision(comment, 1, comment.source)
    first.created_at = comment.created_at
    Revision.objects.bulk_create([first, new] if comment.revision == 1 else [new])


def _revision(comment: Comment, number: int, source: str) -> Revision:
    return Revision(
        site_id=comment.site_id,
        comment=comment,
        number=number,
        source=source,
        text_hash=hashlib.sha256(source.encode()).hexdigest(),
        editor=Revision.Editor.AUTHOR,
    )


def write_text(comment: Comment, rendered: text.Rendered) -> None:
    """Give a locked comment another text and tell whom it concerns; its revisions were kept before."""
    replace_text(comment, rendered)
    tell_rewritten(comment)


def replace_text(comment: Comment, rendered: text.Rendered) -> None:
    """Give a locked comment another text and tell nobody; its revisions were kept before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE comments_comment SET source = %s, html = %s, text = %s, renderer = %s, revision = revision + 1,"
            " edited_at = now() WHERE id = %s RETURNING revision, edited_at",
            [*rendered, text.RENDERER, comment.pk],
        )
        comment.revision, comment.edited_at = cursor.fetchone()
    comment.source, comment.html, comment.text = rendered


def _not_found(comment_id: int) -> Problem:
    return Problem("not_found", f"There is no comment {comment_id}.")
