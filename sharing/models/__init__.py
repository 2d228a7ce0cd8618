"""What goes out: shares, follows, and the outbox of notifications and deliveries."""

from sharing.models.channel import Channel
from sharing.models.digest import AuthorNotice, Digest, DigestClock
from sharing.models.follow import Consent, Follow, Follower, Suppression
from sharing.models.outbox import Delivery, Notification, SendingPause
from sharing.models.reach import CreditedComment, ReachDay, Visit
from sharing.models.returned import MailEvent, MailReply
from sharing.models.share import Share, ShareCount, ShareDay, ShareMilestone, ShareSalt
from sharing.models.webmention import LinkingText, SentMention, Webmention

__all__ = [
    "AuthorNotice",
    "Channel",
    "Consent",
    "CreditedComment",
    "Delivery",
    "Digest",
    "DigestClock",
    "Follow",
    "Follower",
    "LinkingText",
    "MailEvent",
    "MailReply",
    "Notification",
    "ReachDay",
    "SendingPause",
    "SentMention",
    "Share",
    "ShareCount",
    "ShareDay",
    "ShareMilestone",
    "ShareSalt",
    "Suppression",
    "Visit",
    "Webmention",
]
