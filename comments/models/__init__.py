"""What readers say: threads, comments, the decisions about them, and where they came from."""

from comments.models.comment import Comment, CommentQuerySet, Provider
from comments.models.disqus_forum import DisqusForum
from comments.models.moderation import Decision
from comments.models.reader import Identity, Mute, Reader, ReaderSession, SpentToken
from comments.models.reference import ExternalRef
from comments.models.revision import Report, Revision
from comments.models.search import SearchEntry
from comments.models.thread import Thread, ThreadCount, ThreadOrder
from comments.models.vote import Vote

__all__ = [
    "Comment",
    "CommentQuerySet",
    "Decision",
    "DisqusForum",
    "ExternalRef",
    "Identity",
    "Mute",
    "Provider",
    "Reader",
    "ReaderSession",
    "Report",
    "Revision",
    "SearchEntry",
    "SpentToken",
    "Thread",
    "ThreadCount",
    "ThreadOrder",
    "Vote",
]
