"""`manage.py rebuild_share_counts`: the counters of shares, made anew from the shares themselves."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from sharing.services.shares import rebuild_counts


class Command(BaseCommand):
    help = "Make the counters of shares anew from the shares themselves, and tell how many were wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{rebuild_counts()} counters were wrong and are right now.")
