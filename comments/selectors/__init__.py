"""Big reads: thread pages, counts, lists. Nothing here writes."""

from comments.selectors.branches import Listing
from comments.selectors.changes import Changes, thread_changes
from comments.selectors.counts import Counts, page_counts, register_share_counts
from comments.selectors.lists import RecentComment, recent_comments, recent_of_article
from comments.selectors.own import OwnComments, held_comments, own_comments
from comments.selectors.rows import CommentRow
from comments.selectors.snapshot import snapshot
from comments.selectors.thread import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Permalink,
    ReplyPage,
    ThreadPage,
    read_comment,
    read_replies,
    read_thread,
    thread_counts,
)

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "Changes",
    "CommentRow",
    "Counts",
    "Listing",
    "OwnComments",
    "Permalink",
    "RecentComment",
    "ReplyPage",
    "ThreadPage",
    "held_comments",
    "own_comments",
    "page_counts",
    "read_comment",
    "read_replies",
    "read_thread",
    "recent_comments",
    "recent_of_article",
    "register_share_counts",
    "snapshot",
    "thread_changes",
    "thread_counts",
]
