"""What came back of the messages that we sent: reports of mail servers, and answers of readers."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from articles.models import Site
from sharing.models.outbox import Delivery


class MailEvent(models.Model):
    """What a mail server or a provider told of one delivery: once for each kind, however often and in whatever order.

    It holds no address and none of the words that came: those a mail server wrote stand in the delivery's
    `last_error`, and go with the address. A `delivered` one is kept only where it matters, after soft bounces.
    """

    class Kind(models.TextChoices):
        HARD = "hard", "Nothing will ever reach the address"
        SOFT = "soft", "This message was not taken"
        DELAYED = "delayed", "The mail server still tries"
        DELIVERED = "delivered", "It reached the mailbox"
        COMPLAINT = "complaint", "The recipient called it spam"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # The database deletes them with their delivery, so that Django may go on deleting deliveries before what they
    # point at: it does not know that composite keys are checked at once.
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, related_name="events", db_index=False, db_constraint=False
    )
    address_key = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=Kind)
    source = models.CharField(max_length=32, help_text="Who told: dsn, arf, smtp, or the name of a provider.")
    status = models.CharField(max_length=16, blank=True, help_text="Enhanced status code (RFC 3463).")
    # The delivery's own time: by it events are in order, however late they come.
    planned_at = models.DateTimeField()
    happened_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["delivery", "kind"], name="one_event_per_delivery_and_kind"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["site", "address_key", "planned_at"], name="events_of_address"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status} ({self.source})"


class MailReply(models.Model):
    """An answer by mail that became a comment, so that the same mail becomes one once; kept while it can be answered.

    It holds none of its words. `message_key` is a keyed hash of the delivery that it answers and of its Message-ID.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    address_key = models.CharField(max_length=64)
    message_key = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        verbose_name_plural = "mail replies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "message_key"], name="one_comment_per_mail"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["address_key", "created_at"], name="mail_replies_of_address"),
        ]

    def __str__(self) -> str:
        return f"mail reply {self.pk}"
