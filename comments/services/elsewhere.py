"""Comments that were made elsewhere and stand here as well: written, changed and taken back as their home says.

They pass the rules of a guest whom nobody knows. What a moderator has decided about one, or written in its place, stays
whatever its home says later.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.db import connection

from articles.models import Article
from comments.claims import AUTHORS_MAY_CHANGE
from comments.models import Comment, ExternalRef, Revision
from comments.rules import judge, submission_of
from comments.services.editing import TAKEN_BACK, Editor, keep_revisions, write_text
from comments.services.posting import Draft, Elsewhere, post_comment
from comments.services.rendering import render_body
from comments.services.visibility import carry, give_status, locked
from project import text
from project.errors import Problem
from project.transactions import in_transaction

ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def put_from_elsewhere(article: Article, draft: Draft, *, plain_name: str) -> Comment:
    """Store what was said elsewhere below an article, or give the comment that it already is its text of today.

    One comment for each `draft.elsewhere`, also of two processes at once. It signs as `plain_name` where its author
    is called like somebody who has proven here who she is. A parent that is gone makes it a comment on the article.
    Nothing may be written after it in the same transaction. Problem: as `post_comment`.
    """
    return in_transaction(lambda: _put(article, draft, plain_name), joins=True)


def take_back_from_elsewhere(article: Article, elsewhere: Elsewhere) -> bool:
    """Remove the comment that something elsewhere is, as its author would; False where none was to be seen.

    Nothing may be written after it in the same transaction.
    """
    return in_transaction(lambda: _take_back(article, elsewhere), joins=True)


def _put(article: Article, draft: Draft, plain_name: str) -> Comment:
    assert draft.elsewhere is not None, "it was said elsewhere"
    known = _known(article, draft.elsewhere)
    if known is not None:
        return _change(known, render_body(draft.body, article.site, is_html=True))
    # Each is tried within a savepoint: a refusal leaves nothing behind.
    for attempt in (draft, replace(draft, author=replace(draft.author, name=plain_name))):
        try:
            return in_transaction(lambda one=attempt: _post(article, one))  # type: ignore[misc]
        except Problem as problem:
            if problem.code != "identity_not_proven":
                raise
            refusal = problem
    raise refusal


def _post(article: Article, draft: Draft) -> Comment:
    try:
        return post_comment(article, draft).comment
    except Problem as problem:
        if problem.code not in {"parent_unknown", "parent_elsewhere"}:
            raise
    return post_comment(article, replace(draft, parent=None)).comment


def _change(comment_id: int, rendered: text.Rendered) -> Comment:
    comment = locked(Comment.objects.all(), comment_id)
    old = comment.status
    comes_back = old == Comment.Status.REMOVED and comment.reason == TAKEN_BACK
    is_new = rendered.source != comment.source and not _is_moderators_text(comment)
    if not comes_back and (old not in AUTHORS_MAY_CHANGE or not is_new):
        return comment
    if is_new:
        keep_revisions(comment, Editor(), rendered.source)
        write_text(comment, rendered)
    if comes_back or comment.is_approved:
        shown = text.Rendered(comment.source, comment.html, comment.text)
        submission = submission_of(shown, comment.author_name, author_is_known=False)
        verdict = judge(submission, comment.article.site)
        if verdict.status != old:
            give_status(comment, verdict.status, verdict.reason)
    carry(comment, old, looks_different=True)
    return comment


def _is_moderators_text(comment: Comment) -> bool:
    return Revision.objects.filter(comment=comment, editor=Revision.Editor.MODERATOR).exists()


def _take_back(article: Article, elsewhere: Elsewhere) -> bool:
    known = _known(article, elsewhere)
    if known is None:
        return False
    comment = locked(Comment.objects.all(), known)
    old = comment.status
    if old not in AUTHORS_MAY_CHANGE:
        return False
    give_status(comment, Comment.Status.REMOVED, TAKEN_BACK)
    carry(comment, old)
    return True


def _known(article: Article, elsewhere: Elsewhere) -> int | None:
    """Return the id of the comment that something elsewhere is here; whoever asks next waits for this COMMIT."""
    name = (article.site_id, elsewhere.provider, elsewhere.source, elsewhere.external_id)
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME, [f"elsewhere:{name}"])
    fields = ("site_id", "provider", "source", "external_id")
    found = ExternalRef.objects.filter(**dict(zip(fields, name, strict=True)))
    return found.values_list("comment_id", flat=True).first()
