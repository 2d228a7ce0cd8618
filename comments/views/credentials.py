"""What a request brings to show whose comments are its sender's."""

from __future__ import annotations

from django.http import HttpRequest

from articles.authentication import Credential
from articles.models import Site
from comments.authentication import reader_of
from comments.claims import Claim


def claim_of(request: HttpRequest, sent: Credential, site: Site) -> Claim:
    """Return the claim in what was sent: its edit tokens are not proven yet, its session is. Problem: unauthorized."""
    reader = reader_of(request, site)
    return Claim(sent.edit_tokens, reader.pk if reader else None)
