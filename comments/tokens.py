"""Which comments a guest can prove to be hers by the edit tokens that she brings along."""

from __future__ import annotations

from collections.abc import Iterable

from comments.models import Comment
from project import tokens


def proven(raw_tokens: Iterable[str], comments: Iterable[Comment]) -> list[Comment]:
    """Return those of `comments` whose edit token is among `raw_tokens`."""
    read = [token for raw in raw_tokens if (token := tokens.read_edit_token(raw))]
    held = {token.comment_id: token for token in read}
    return [c for c in comments if c.pk in held and tokens.proves_edit(held[c.pk], c.nonce.hex)]


def comment_ids(raw_tokens: Iterable[str]) -> list[int]:
    """Return the ids of the comments that the tokens speak of."""
    return [token.comment_id for raw in raw_tokens if (token := tokens.read_edit_token(raw))]
