"""Messages as mail servers send them back: `tests/sharing/returned/*.eml`, with our addresses put in."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from uuid import UUID

FOLDER: Final = Path(__file__).resolve().parent / "sharing" / "returned"
SAMPLES: Final = (
    "auto_reply broken exchange exim exim_old expanded gmail not_spam outlook_complaint postfix postfix_delayed utf8 "
    "yahoo_complaint"
).split()
TOKEN: Final = UUID("9b2d7a54-6f0e-4d7c-8a31-2f4c5e6d7b80")


def sample(name: str, bounce: str, message_id: str) -> bytes:
    """Return a message about the delivery with this bounce address and this message id (without brackets)."""
    raw = (FOLDER / f"{name}.eml").read_bytes()
    return raw.replace(b"{bounce}", bounce.encode()).replace(b"{message_id}", message_id.encode())
