"""Many decisions at once, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import connection

from articles.models import Site
from comments.selectors.moderation import missing_ids
from comments.services.moderation import Decided, Moderator, decide
from project.errors import Problem
from project.transactions import in_transaction

# All writers take their locks in one order: comments from the deepest up, counters, threads. A second decision would
# begin at the bottom again while the first one's thread is locked, so everything is locked before the first.
_LOCKS: Final = (
    """
    WITH RECURSIVE path AS (
        SELECT id, parent_id FROM comments_comment WHERE id = ANY(%(ids)s)
        UNION
        SELECT c.id, c.parent_id FROM comments_comment AS c JOIN path ON c.id = path.parent_id
    )
    SELECT FROM comments_comment WHERE id IN (SELECT id FROM path) ORDER BY depth DESC, id FOR NO KEY UPDATE""",
    """
    SELECT FROM comments_threadcount
    WHERE article_id IN (SELECT article_id FROM comments_comment WHERE id = ANY(%(ids)s))
    ORDER BY article_id, provider FOR NO KEY UPDATE""",
    """
    SELECT FROM comments_thread
    WHERE article_id IN (SELECT article_id FROM comments_comment WHERE id = ANY(%(ids)s))
    ORDER BY article_id FOR NO KEY UPDATE""",
)


def decide_many(
    site: Site, ids: Sequence[int], status: str, moderator: Moderator, *, reason: str = ""
) -> list[Decided]:
    """Give comments of `site` another status, in the order given, in one transaction.

    Problem: not_found, where one of them is no comment of the site; then nothing was decided.
    """

    def work() -> list[Decided]:
        if missing := missing_ids(site, ids):
            raise Problem("not_found", f"The site has no comment {missing[0]}; nothing was decided.")
        with connection.cursor() as cursor:
            for statement in _LOCKS:
                cursor.execute(statement, {"ids": list(ids)})
        return [decide(site, pk, status, moderator, reason=reason) for pk in ids]

    return in_transaction(work, joins=True)
