"""Round numbers of shares, told once for ever: 10, 100, 1,000 …

They are looked for when the hour of a share is over, among what is committed by then: of two shares at one moment
neither sees the other, and both would miss the number between them.
"""

from __future__ import annotations

from typing import Final

from articles.models import Article
from project.statements import fetch
from sharing.models import Notification
from sharing.services import outbox

FIRST: Final = 10

# The row is locked by whoever raises it, and is raised or left: of two that look at once one tells.
_REACH: Final = """
    INSERT INTO sharing_sharemilestone AS milestone (site_id, article_id, reached)
    VALUES (%(site)s, %(article)s, %(reached)s)
    ON CONFLICT (article_id) DO UPDATE SET reached = excluded.reached, reached_at = statement_timestamp()
    WHERE milestone.reached < excluded.reached
    RETURNING reached
"""
_TOTAL: Final = """
    SELECT coalesce(sum(count), 0)::bigint FROM sharing_sharecount WHERE article_id = %(article)s AND comment_id IS NULL
"""


def milestone_below(total: int) -> int:
    """Return the highest power of ten from 10 up that `total` has reached, 0 for none."""
    return 0 if total < FIRST else int(10 ** (len(str(total)) - 1))


def note_milestone(article: Article) -> Notification | None:
    """Note that an article was shared so often for the first time; return the notification, None where there is none.

    Only the highest number is told of several that were passed at once, and none that lies below one told before. To
    be called in a transaction.
    """
    ((total,),) = fetch(_TOTAL, {"article": article.pk})
    reached = milestone_below(total)
    if not reached or not fetch(_REACH, {"site": article.site_id, "article": article.pk, "reached": reached}):
        return None
    return outbox.note(
        kind=Notification.Kind.MILESTONE,
        cause_key=f"milestone:{article.pk}:{reached}",
        site_id=article.site_id,
        article_id=article.pk,
    )
