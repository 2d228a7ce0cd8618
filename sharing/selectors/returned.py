"""What came back of our messages, counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db.models import Count
from django.db.models.functions import Now

from sharing.models import MailEvent

LATELY: Final = timedelta(hours=24)


def returned_lately(*, per_site: bool) -> list[tuple[list[str], int]]:
    """How many events of each kind the last 24 hours brought, each kind once; `per_site` adds the site's slug to the
    kind, for sites that had any. One query over the events of that day."""
    by = ("kind", "site__slug") if per_site else ("kind",)
    rows = MailEvent.objects.filter(happened_at__gt=Now() - LATELY).values_list(*by).annotate(n=Count("pk"))
    counts = {tuple(labels): int(n) for *labels, n in rows}
    if not per_site:
        counts = {(kind,): counts.get((kind,), 0) for kind in MailEvent.Kind.values}
    return sorted((list(labels), n) for labels, n in counts.items())
