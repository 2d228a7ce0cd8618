"""Edit tokens made again for an answer that is repeated."""

from __future__ import annotations

from typing import Any

from comments.models import Comment
from project import tokens


def edit_token_again(data: dict[str, Any], nonce: str) -> dict[str, str]:
    """Return the `edit_token` of the comment that a kept answer shows, nothing once another nonce has ended it."""
    if not Comment.objects.filter(pk=data["id"], nonce=nonce).exists():
        return {}
    return {"edit_token": tokens.edit_token(data["id"], nonce)}
