"""Sessions of readers: whose a bearer token is, and which of hers are open."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from comments.models import Reader, ReaderSession
from project.tokens import session_digest

TOUCHED_EVERY: Final = timedelta(minutes=1)


def session_of(plain: str) -> ReaderSession | None:
    """Return the open session, with its reader and site, that a bearer token opens; None for any other text.

    One query. `is_due` says that its use has not been noted for a minute.
    """
    found = _open().filter(digest=session_digest(plain)).annotate(is_due=Q(used_at__lt=Now() - TOUCHED_EVERY))
    session = found.select_related("reader", "site").first()
    if session is not None:
        session.reader.site = session.site
    return session


def sessions_of(reader: Reader) -> list[ReaderSession]:
    """Return a reader's open sessions, the newest first, at most 100."""
    return list(_open().filter(reader=reader).order_by("-id")[:100])


def _open() -> QuerySet[ReaderSession]:
    return ReaderSession.objects.filter(ended_at=None, expires_at__gt=Now()).exclude(method=ReaderSession.CODE)
