"""The door for reports: a reader asks a moderator to look at a comment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connection

from comments.models import Comment
from comments.services.visibility import carry, give_status, locked
from project.tokens import Purpose, keyed_hash
from project.transactions import in_transaction

REPORTED: Final = "reports"

# A report of the same reader is there already: nothing is written, and she is not told.
_REPORT: Final = """
    INSERT INTO comments_report (site_id, comment_id, reader_id, reporter_key, network_key, reason, detail)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (comment_id, reporter_key) DO NOTHING"""

# Tokens cost nothing, so networks are counted.
_NETWORKS: Final = """
    SELECT count(DISTINCT network_key) FROM comments_report
    WHERE comment_id = %s AND resolved_at IS NULL AND network_key <> ''"""


@dataclass(frozen=True)
class Reporter:
    """Who reports: two keyed hashes of 32 hex digits, and the reader where one is known."""

    key: str
    network: str
    reader_id: int | None = None


def reporter_of(site_id: int, *, reader_id: int | None = None, voter_key: str = "", prefix: str = "") -> Reporter:
    """Return who reports in a site: a reader, else the bearer of a voter token, else somebody of a network."""
    who = f"voter:{voter_key}" if voter_key else f"network:{prefix}"
    if reader_id is not None:
        who = f"reader:{reader_id}"
    network = keyed_hash(Purpose.REPORTERS_NETWORK, site_id, prefix) if prefix else ""
    return Reporter(keyed_hash(Purpose.REPORTER, site_id, who), network, reader_id)


def report_comment(comment: Comment, reporter: Reporter, reason: str, detail: str = "") -> None:
    """Keep a report of a public comment, one of each reporter, for moderators to look at.

    Where the site wants it, reports from so many networks hold the comment until a moderator has looked; those that
    a moderator has settled count no more.
    """
    in_transaction(lambda: _report(comment, reporter, reason, detail))


def _report(comment: Comment, reporter: Reporter, reason: str, detail: str) -> None:
    row = [comment.site_id, comment.pk, reporter.reader_id, reporter.key, reporter.network, reason, detail]
    with connection.cursor() as cursor:
        cursor.execute(_REPORT, row)
        is_new = cursor.rowcount > 0
    if is_new and comment.article.site.hold_after_reports:
        _hold(comment.pk, comment.article.site.hold_after_reports)


def _hold(comment_id: int, limit: int) -> None:
    """Hold a comment that `limit` networks have reported; counted under the lock, or two could miss each other."""
    comment = locked(Comment.objects.all(), comment_id)
    if not comment.is_approved:
        return
    with connection.cursor() as cursor:
        cursor.execute(_NETWORKS, [comment_id])
        (networks,) = cursor.fetchone()
    if networks >= limit:
        give_status(comment, Comment.Status.PENDING, REPORTED)
        carry(comment, Comment.Status.APPROVED)
