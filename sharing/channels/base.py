"""What every way out of the system promises, and the four ways in which it can fail."""

from __future__ import annotations


class SendError(Exception):
    """The message did not go out; the text says why, for operators."""


class Refused(SendError):  # noqa: N818
    """For ever: the other side wants this message, or this recipient, under no circumstances."""


class TryLater(SendError):  # noqa: N818
    """Not now: the other side answered, and a later attempt at this message may succeed."""


class Uncertain(SendError):  # noqa: N818
    """The line broke in the middle: the message may or may not have been taken."""


class Unreachable(SendError):  # noqa: N818
    """The way out is closed; no message was tried, and none needs to be until it opens."""
