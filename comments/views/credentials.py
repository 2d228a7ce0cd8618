"""What a request brings to show whose comments are its sender's."""

from __future__ import annotations

from articles.authentication import Credential
from comments.claims import Claim


def claim_of(sent: Credential) -> Claim:
    """Return the claim in what was sent; nothing of it is proven yet."""
    return Claim(sent.edit_tokens)
