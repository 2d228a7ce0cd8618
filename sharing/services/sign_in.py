"""The mail by which readers sign in: planned alike for every address, so that nobody learns who is a reader."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from comments.services.sign_in import LINK_LIVES
from project import addresses
from project.transactions import in_transaction
from sharing.models import Delivery
from sharing.tokens import EMBEDDED, OWN

# To one address of one site; more are asked for and not sent.
PER_MINUTE: Final = 1
PER_HOUR: Final = 5
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)


def request_sign_in(
    site_id: int, email: str, *, article_id: int = 0, embedded: bool = False, language: str = ""
) -> None:
    """Plan the mail with the link that signs an address in, in the language of whoever asks.

    Nothing is returned and nothing is refused for a well-formed address, known, new, suppressed or over its caps. At
    most one mail a minute and five an hour go to one address of one site. Problem `validation_failed`: no address.
    """
    address, canonical = addresses.normalise_email(email)
    key = addresses.email_key(canonical)
    where = EMBEDDED if embedded else OWN

    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"sign-in:{site_id}:{key}"])
        sent = Delivery.objects.filter(site_id=site_id, kind=Delivery.Kind.SIGN_IN, target_key=key)
        lately = sent.filter(created_at__gt=Now() - HOUR)
        if lately.filter(Q(created_at__gt=Now() - MINUTE)).count() >= PER_MINUTE or lately.count() >= PER_HOUR:
            return
        Delivery.objects.create(
            site_id=site_id,
            kind=Delivery.Kind.SIGN_IN,
            cause_key=f"sign-in:{where}:{article_id}:{uuid.uuid4().hex}",
            target_key=key,
            why=Delivery.Why.READER,
            address=address,
            language=language,
            queue=Delivery.Queue.CONFIRM,
            expires_at=Now() + LINK_LIVES,
        )

    in_transaction(work, joins=True)
