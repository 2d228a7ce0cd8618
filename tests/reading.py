"""Reading as a client does it: what the tests of threads and comments share."""

from __future__ import annotations

from typing import Any

from django.test import Client

# The members of a comment, exactly (contract 3).
COMMENT = {
    *("id", "parent", "root", "depth", "author", "html", "created_at", "edited_at", "status", "provider"),
    *("permalink", "pinned", "up", "down", "score", "reply_count", "replies", "next_replies"),
}


def get(client: Client, path: str, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
    return client.get(f"/api/v1/{path}", query, headers=headers or {})


def code(answer: Any) -> tuple[int, str]:
    """Return status and code of a refusal, which is a problem document that nobody may keep."""
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()["code"]
