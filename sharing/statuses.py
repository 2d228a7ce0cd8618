"""What the answers of mail servers mean (RFC 3463): whether an address is no good, or a message was not wanted."""

from __future__ import annotations

import re
from typing import Final

# "5.1.1", alone or in a sentence of SMTP ("550 5.1.1 unknown user", "550-5.1.1 The email account …").
STATUS: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# The mailbox or its domain does not exist, or was closed. Not among them: a full mailbox (5.2.2), a message too large,
# a server or a policy that does not want us (5.3 to 5.7), a fault in the sender's address (5.1.7, 5.1.8).
NO_SUCH_MAILBOX: Final = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.9", "5.1.10", "5.2.1"})
VAGUE: Final = "0.0"


def status_in(text: str) -> str:
    """Return the first enhanced status code in a text, "" where there is none; one that says nothing comes last."""
    found = [".".join(str(int(part)) for part in match.groups()) for match in STATUS.finditer(text[:2_000])]
    return next((status for status in found if not status.endswith(VAGUE)), found[0] if found else "")


def is_hard(status: str) -> bool:
    """Say whether a status means that nothing will ever reach this address."""
    return status in NO_SUCH_MAILBOX


def blames_mailbox(status: str) -> bool:
    """Say whether a refusal may be the recipient's fault: address, mailbox, or the way there; "" says nothing else.

    Whoever blocks us, or dislikes what we wrote, says nothing about the reader, and must not cost her follows.
    """
    return not status or status.split(".")[1] in {"0", "1", "2", "4"}
