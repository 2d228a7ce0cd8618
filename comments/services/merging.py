"""The conversation below one article becomes part of that below another."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

from articles.models import Article
from comments.services.versions import Change, commit_change

# The locks that every writer of comments takes in this order.
_LOCK: Final = """
    SELECT id FROM comments_comment WHERE article_id = %(gone)s ORDER BY depth DESC, id FOR UPDATE"""
# What a version says is said of one thread: the new one stamps all that can be seen.
_MOVE: Final = """
    UPDATE comments_comment SET article_id = %(into)s, changed_version = 0, shown_version = NULL
    WHERE article_id = %(gone)s
    RETURNING id, status = 'approved' OR shown_replies > 0"""
_FOLLOW_ON: Final = (
    "UPDATE comments_vote SET article_id = %(into)s WHERE article_id = %(gone)s",
    "UPDATE comments_searchentry SET article_id = %(into)s WHERE comment_id = ANY(%(moved)s)",
    "DELETE FROM comments_threadorder WHERE article_id = %(gone)s",
    # A partner's id that names a comment of both leads to that of the article which stays.
    """
    DELETE FROM comments_externalref AS e USING comments_externalref AS k
    WHERE e.comment_id = ANY(%(moved)s) AND e.source = 'article:' || %(gone)s AND k.site_id = e.site_id
        AND k.provider = e.provider AND k.external_id = e.external_id AND k.source = 'article:' || %(into)s""",
    """
    UPDATE comments_externalref SET source = 'article:' || %(into)s
    WHERE comment_id = ANY(%(moved)s) AND source = 'article:' || %(gone)s""",
    # Whether she is the article's author is another question below another article.
    """
    UPDATE comments_reader SET spread_from = now()
    WHERE id IN (SELECT reader_id FROM comments_comment WHERE id = ANY(%(moved)s))""",
)
_UNCOUNT: Final = "DELETE FROM comments_threadcount WHERE article_id = %(gone)s RETURNING provider, count"


def move_comments(gone: Article, into: Article, *, anew: bool) -> int:
    """Move every comment of `gone` below `into`, with votes, references and words to be found by; return how many.

    Both articles are locked, and the check of foreign keys waits for the end of the transaction. Both threads get a new
    version, `anew` also where there was nothing to move; nothing may be written after it in the same transaction.
    """
    names: dict[str, Any] = {"gone": gone.pk, "into": into.pk}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, names)
        cursor.execute(_MOVE, names)
        moved = dict(cursor.fetchall())
        for statement in _FOLLOW_ON:
            cursor.execute(statement, {**names, "moved": list(moved)})
        cursor.execute(_UNCOUNT, names)
        counted = {provider: int(count) for provider, count in cursor.fetchall()}
    if not (moved or anew):
        return 0
    shown = [comment for comment, is_shown in moved.items() if is_shown]
    changes = [Change(gone), Change(into, counted, changed=shown, shown=shown)]
    for change in sorted(changes, key=lambda one: one.article.pk):
        commit_change(change)
    return len(moved)
