"""Following what Disqus made of comments that came from there: other texts, other states.

Disqus decides about them until somebody here has: a moderator, the author, an erasure. What they decided stays, and so
does a moderator's text. A text is taken over only where Disqus shows it too. Nobody is told: these are no news of ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from django.db import connection

from articles.models import Site
from comments.interchange.disqus_api import Post
from comments.models import Comment, Decision, ExternalRef, Revision
from comments.services.editing import Editor, keep_revisions, replace_text
from comments.services.visibility import carry, locked, write_status
from project.text import Rendered, clean_imported
from project.transactions import in_transaction

FOLLOWED: Final = "disqus"
# Who gave a status that Disqus may change: the import of a file or of a page, and this module.
THEIRS: Final = ("import", FOLLOWED)

_KNOWN: Final = """
    SELECT external_id FROM comments_externalref
    WHERE site_id = %s AND provider = 'disqus' AND source = %s AND external_id = ANY(%s)"""

# A reference without a hash belongs to a comment whose words were erased. What was sent there is ours.
_DIFFERENT: Final = """
    SELECT given.position, e.id, c.id
    FROM unnest(%(ids)s::text[], %(hashes)s::text[], %(states)s::text[])
            WITH ORDINALITY AS given (external_id, content_hash, status, position)
        JOIN comments_externalref AS e ON e.site_id = %(site)s AND e.provider = 'disqus' AND e.source = %(source)s
            AND e.external_id = given.external_id AND e.direction = 'in' AND e.content_hash <> ''
        JOIN comments_comment AS c ON c.id = e.comment_id AND c.provider = 'disqus'
    WHERE (e.content_hash <> given.content_hash AND given.status <> 'removed' AND c.status <> 'removed')
        OR (c.status <> given.status AND c.reason = ANY(%(theirs)s)
            AND NOT EXISTS (SELECT FROM comments_decision AS d WHERE d.comment_id = c.id))
    ORDER BY given.position"""


def known_posts(site: Site, source: str, ids: Sequence[str]) -> set[str]:
    """Return those of a forum's posts that are comments of the site, whichever way they became so."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [site.pk, source, list(ids)])
        return {row[0] for row in cursor}


def follow_changes(site: Site, source: str, posts: Sequence[Post]) -> int:
    """Let the comments that posts of a forum are here follow them; return how many look or stand different now.

    Each is a transaction of its own; doing it again changes nothing.
    """
    texts = [clean_imported(post.record.html) for post in posts]
    parameters: dict[str, Any] = {
        "site": site.pk,
        "source": source,
        "ids": [post.record.external_id for post in posts],
        "hashes": [_hash(rendered) for rendered in texts],
        "states": [post.record.status for post in posts],
        "theirs": list(THEIRS),
    }
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENT, parameters)
        found = cursor.fetchall()
    followed = 0
    for position, reference_id, comment_id in found:
        one = partial(_follow, comment_id, reference_id, posts[position - 1], texts[position - 1])
        followed += in_transaction(one)
    return followed


def _follow(comment_id: int, reference_id: int, post: Post, rendered: Rendered) -> bool:
    comment = locked(Comment.objects.filter(provider="disqus"), comment_id)
    # Erasure writes it under the same lock.
    reference = ExternalRef.objects.get(pk=reference_id)
    if not reference.content_hash:
        return False
    old = comment.status
    status = _status(comment, Comment.Status(post.record.status))
    if status != old:
        write_status(comment, status, FOLLOWED)
    is_edit = False
    if reference.content_hash != _hash(rendered) and _may_say(comment, post):
        is_edit = _is_edit(comment, post, rendered)
        ExternalRef.objects.filter(pk=reference_id).update(content_hash=_hash(rendered))
    if is_edit:
        keep_revisions(comment, Editor(), rendered.source)
        replace_text(comment, rendered)
    carry(comment, old, looks_different=is_edit, quietly=True)
    return is_edit or status != old


def _status(comment: Comment, said: Comment.Status) -> Comment.Status:
    """Return what the comment is to be: as Disqus says, unless somebody here has decided."""
    is_ours = comment.reason not in THEIRS or Decision.objects.filter(comment=comment).exists()
    return Comment.Status(comment.status) if is_ours else said


def _may_say(comment: Comment, post: Post) -> bool:
    """Say whether a comment may have the post's text: not what a moderator here approved and Disqus holds back."""
    if Comment.Status.REMOVED in {comment.status, post.record.status}:
        return False
    if comment.is_approved and post.record.status != Comment.Status.APPROVED:
        return False
    return not Revision.objects.filter(comment=comment, editor=Revision.Editor.MODERATOR).exists()


def _is_edit(comment: Comment, post: Post, rendered: Rendered) -> bool:
    """Say whether somebody has written another text: an export spells the same one a little differently."""
    if rendered.text.split() != comment.text.split():
        return True
    return post.is_edited and rendered.html != comment.html


def _hash(rendered: Rendered) -> str:
    return hashlib.sha256(rendered.source.encode()).hexdigest()
