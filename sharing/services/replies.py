"""From an answer by mail to a comment, through the one door and all its rules.

Who writes: whoever got the message. Its signed address for answers was sent to her mailbox alone, and the mail must
also say that it comes from there. A From line alone proves nothing, and an address for answers may have been passed
on with the message, so neither is enough. Nobody is written to about a refusal: a mail that claims to come from
somebody may not make us write to her.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from enum import StrEnum
from typing import Final

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from comments.models import Comment, Reader
from comments.services.posting import Author, Draft, post_comment
from comments.services.readers import reader_of_address, role_of
from project import addresses
from project.errors import Problem
from project.text import clean_line, excerpt
from project.throttling import spend_for_site
from project.tokens import Purpose, keyed_hash
from project.transactions import in_transaction
from sharing.models import Delivery, Follow, MailReply, Suppression
from sharing.replies import Reply

log = logging.getLogger(__name__)

ANSWERED_WITHIN: Final = timedelta(days=30)
HOUR: Final = timedelta(hours=1)
PER_HOUR: Final = 20  # of one address, on all sites
NAME_LENGTH: Final = 60
NAMELESS: Final = "Reader"


class Outcome(StrEnum):
    """What became of an answer by mail."""

    POSTED = "posted"
    HELD = "held for a moderator"
    KNOWN = "known already"
    AUTOMATIC = "ignored: a machine wrote it"
    EMPTY = "ignored: nothing in it is new"
    UNKNOWN = "refused: it answers no message of ours about a comment"
    FOREIGN = "refused: it comes from another address than the one that got the message"
    TOO_LATE = "refused: it answers a message of long ago"
    UNWANTED = "refused: its sender is sent no more of this"
    GONE = "refused: what it answers is no longer to be seen"
    TOO_MANY = "refused: its sender wrote too much within the hour"
    BY_THE_RULES = "refused by the rules of the site"


def take_reply(reply: Reply) -> Outcome:
    """Post the answer as a reply to the comment of which its sender was told; the same mail again changes nothing.

    Problem: rate_limited, when the whole site has had its share; then the mail may be handed in again.
    """
    outcome = _outcome(reply)
    log.info("answer by mail to %s: %s", _shown(reply), outcome)
    return outcome


def prune_replies() -> None:
    """Forget which mails became comments, once nothing that they answer can be answered."""
    MailReply.objects.filter(created_at__lt=Now() - ANSWERED_WITHIN).delete()


def _outcome(reply: Reply) -> Outcome:
    if reply.is_automatic:
        return Outcome.AUTOMATIC
    if not reply.text:
        return Outcome.EMPTY
    site_id = Delivery.objects.filter(token=reply.token).values_list("site_id", flat=True).first()
    if site_id is None:
        return Outcome.UNKNOWN
    spend_for_site("comments", site_id)
    for name in dict.fromkeys((_name(reply.name), NAMELESS)):
        try:
            return in_transaction(lambda signed=name: _post(reply, signed))  # type: ignore[misc]
        except Problem as problem:
            if problem.code != "identity_not_proven":
                log.info("answer by mail to %s is refused: %s", _shown(reply), problem.code)
                return Outcome.BY_THE_RULES
            # She is called like somebody who has proven who he is. She cannot be asked, and her words count.
    return Outcome.BY_THE_RULES


def _post(reply: Reply, name: str) -> Outcome:
    # Held to the COMMIT, so that erasing its recipient finds what she wrote, or is found.
    locked = Delivery.objects.select_for_update(no_key=True, of=("self",))
    chosen = locked.select_related("notification__comment", "notification__article__site")
    delivery = chosen.filter(token=reply.token).first()
    objection = _objection(delivery, reply)
    if objection is not None or delivery is None:
        return objection or Outcome.UNKNOWN
    if not _is_first(delivery, reply):
        return Outcome.KNOWN
    hers = MailReply.objects.filter(address_key=delivery.target_key, created_at__gt=Now() - HOUR)
    if hers.count() >= PER_HOUR:
        return Outcome.TOO_MANY
    key = _message_key(reply)
    MailReply.objects.create(site_id=delivery.site_id, address_key=delivery.target_key, message_key=key)
    posted = _write(delivery, reply, name)
    return Outcome.POSTED if posted.is_approved else Outcome.HELD


def _objection(delivery: Delivery | None, reply: Reply) -> Outcome | None:
    """Why the answer is not posted, None if nothing speaks against it."""
    if delivery is None or delivery.kind != Delivery.Kind.COMMENT or not delivery.address:
        return Outcome.UNKNOWN
    if _key(reply.sender) != delivery.target_key:
        return Outcome.FOREIGN
    if not Delivery.objects.filter(pk=delivery.pk, created_at__gt=Now() - ANSWERED_WITHIN).exists():
        return Outcome.TOO_LATE
    if not _is_still_told(delivery):
        return Outcome.UNWANTED
    told = delivery.notification
    if told is None or told.comment is None or not told.comment.is_approved:
        return Outcome.GONE
    return None if told.article is not None and told.article.is_public else Outcome.GONE


def _is_still_told(delivery: Delivery) -> bool:
    """Whether the recipient would get the message today."""
    silences = Suppression.objects.filter(site_id=delivery.site_id, address_key=delivery.target_key)
    if silences.filter(Q(kind__in=Suppression.TOTAL) | Q(kind=delivery.why)).exists():
        return False
    if delivery.why == Delivery.Why.AUTHOR:
        article = delivery.notification.article if delivery.notification else None
        return article is not None and _key(article.author_email) == delivery.target_key
    return Follow.objects.confirmed().filter(pk__in=delivery.follow_ids, site_id=delivery.site_id).exists()


def _is_first(delivery: Delivery, reply: Reply) -> bool:
    """Take turns with whatever else comes from the address, and say whether this mail is new."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"mail-reply:{delivery.target_key}"])
    return not MailReply.objects.filter(site_id=delivery.site_id, message_key=_message_key(reply)).exists()


def _write(delivery: Delivery, reply: Reply, name: str) -> Comment:
    told = delivery.notification
    assert told is not None and told.article is not None and told.comment_id is not None, "looked at before"
    reader = Reader.objects.filter(site_id=delivery.site_id, address_key=delivery.target_key).first()
    is_authors = _key(told.article.author_email) == delivery.target_key
    if reader is None and (is_authors or role_of(told.article.site, delivery.target_key)):
        # The door lets nobody sign with such an address who has not proven it; she has, as by the link of a sign-in.
        reader = reader_of_address(told.article.site, delivery.address)
    if reader is None:
        author = Author(name, addresses.normalise_email(delivery.address).address)
    else:
        author = Author(reader.name or name, url=reader.url)
    return post_comment(told.article, Draft(reply.text, author, told.comment_id, reader=reader)).comment


def _shown(reply: Reply) -> str:
    """What the log says of the delivery, which is no token any more."""
    return f"delivery {reply.token.hex[:8]}…"


def _message_key(reply: Reply) -> str:
    return keyed_hash(Purpose.REPLY_MAIL, reply.token.hex, reply.message_id or reply.text)


def _name(written: str) -> str:
    try:
        return clean_line(excerpt(written, NAME_LENGTH), limit=NAME_LENGTH, field="name")
    except Problem:
        return NAMELESS


def _key(written: str) -> str:
    try:
        return addresses.email_key(written) if written else ""
    except Problem:
        return ""
