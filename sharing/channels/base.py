"""What every way out of the system promises, and the ways in which it can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol
from uuid import UUID

from sharing.channels.wording import Rule


class SendError(Exception):
    """The message did not go out; the text says why, for operators, and `wait` for how long to leave all alone.

    `wait` is in seconds, None where the other side said nothing of it.
    """

    def __init__(self, text: str, *, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


class Refused(SendError):  # noqa: N818
    """For ever: the other side wants this message, or this recipient, under no circumstances."""


class TryLater(SendError):  # noqa: N818
    """Not now: the other side answered, or was not reached, and a later attempt at this message may succeed."""


class Uncertain(SendError):  # noqa: N818
    """The line broke in the middle: the message may or may not have been taken."""


class Unreachable(SendError):  # noqa: N818
    """The way out is closed; no message was tried, and none needs to be until it opens."""


class Ended(SendError):  # noqa: N818
    """The other side takes nothing from us any more until somebody looks after the channel."""


@dataclass(frozen=True)
class Post:
    """What happened, for a channel to say: the same at each attempt but for what has changed meanwhile.

    `words` are the plain values of the placeholders of a template, `url` the page's address, `data` what a program
    wants to know. `in_doubt` says that an earlier attempt may have succeeded.
    """

    token: UUID
    number: int
    event: str
    happened_at: datetime
    planned_at: datetime
    url: str
    words: Mapping[str, str]
    data: Mapping[str, Any]
    in_doubt: bool = False


@dataclass
class Account:
    """Whose post it is, and by which right. An adapter may put what is worth keeping into `session`."""

    settings: Mapping[str, str]
    template: str = ""
    secret: str = field(default="", repr=False)
    old_secret: str = field(default="", repr=False)
    session: str = field(default="", repr=False)


@dataclass(frozen=True)
class Receipt:
    """The other side has it: its address or id there, and for how many seconds we should leave all alone."""

    remote: str = ""
    wait: float = 0.0


@dataclass(frozen=True)
class Draft:
    """What would be posted: the words as people read them, and the body as it is sent."""

    text: str
    body: Mapping[str, Any]


Check = Callable[[str], str]


class Adapter(Protocol):
    """One kind of channel. It holds nothing, and its methods run in any thread: no database, nothing but the post.

    `required` and `optional` say what its settings may be: each check returns the value as it is kept, or raises
    ValueError with a sentence; `check_secret` does so for the secret. `doubt` is for how long after a lost answer the
    same post may be sent again without being there twice: None never, `timedelta.max` always.
    """

    label: ClassVar[str]
    asks_for: ClassVar[str]
    required: ClassVar[Mapping[str, Check]]
    optional: ClassVar[Mapping[str, Check]]
    events: ClassVar[frozenset[str]]
    doubt: ClassVar[timedelta | None]

    def check_secret(self, secret: str) -> str:
        """Return the secret as it is kept, made by us if "" is given and the kind has secrets of ours."""
        ...

    def rule(self, settings: Mapping[str, str]) -> Rule | None:
        """Return what a text there may be, None where no template is used."""
        ...

    def draft(self, account: Account, post: Post) -> Draft:
        """Return what `send` would send, without its signatures. Refused: it cannot be said there."""
        ...

    def send(self, account: Account, post: Post) -> Receipt:
        """Post it, within a minute. A SendError says what became of it otherwise."""
        ...
