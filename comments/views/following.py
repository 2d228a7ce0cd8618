"""The wish to follow that comes with a comment."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest

from comments.services.posting import Draft
from project.proof import may_cause_mail


def within_share(request: HttpRequest, draft: Draft, proof: object) -> Draft:
    """Return the draft; without its wish, where the author's network has caused its share of confirmations.

    It is the share of `POST follows`, or this door would be the way around it, and `proof` (`altcha`, unread) is worth
    the same. A reader with a session has proven her address, and nobody needs to be mailed.
    """
    asks = bool(draft.follow) and draft.reader is None
    return draft if not asks or may_cause_mail(request, proof) else replace(draft, follow="")
