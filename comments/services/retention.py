"""What is kept for a while only: from which networks readers wrote, voted and reported."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

# The bound without a site lets the walk along the index end at the youngest row that any site could forget.
_FORGET: Final = """
    UPDATE {table} SET network_key = ''{more} WHERE id IN (
        SELECT kept.id FROM {table} AS kept JOIN articles_site AS s ON s.id = kept.site_id
        WHERE kept.network_key <> ''
          AND kept.created_at <= now() - (SELECT make_interval(days => min(forget_networks_days)) FROM articles_site)
          AND kept.created_at <= now() - make_interval(days => s.forget_networks_days)
        ORDER BY kept.created_at LIMIT %(limit)s
        FOR UPDATE OF kept SKIP LOCKED)"""

# The name of a reporter without an account may be made of her network too.
_REPORTER: Final = (
    ", reporter_key = CASE WHEN reader_id IS NULL THEN replace(gen_random_uuid()::text, '-', '') ELSE reporter_key END"
)

_STATEMENTS: Final = (
    _FORGET.format(table="comments_comment", more=""),
    _FORGET.format(table="comments_vote", more=""),
    _FORGET.format(table="comments_report", more=_REPORTER),
)


def forget_networks(limit: int) -> int:
    """Forget the networks of at most `limit` comments, votes and reports each, the oldest first; return how many.

    A forgotten vote or report stays, but counts for no network any more.
    """
    parameters: dict[str, Any] = {"limit": limit}
    forgotten = 0
    with connection.cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement, parameters)
            forgotten += cursor.rowcount
    return forgotten
