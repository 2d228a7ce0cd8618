"""A mail that answers one of ours, as values: which delivery it answers, who sent it, and what is new in it.

Nothing here is believed but the signed address to which it came; whether its sender may write is decided where
deliveries are known (`services.replies`). Anybody may write to such an address, so sizes are bounded, attachments are
not looked at, and whatever cannot be read is one error, `NotAReply`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses
from typing import Any, Final, TypeAlias
from uuid import UUID

from django.conf import settings

from project.addresses import bare_address
from project.text import FORBIDDEN
from project.tokens import BadToken
from sharing.heavy import is_heavy
from sharing.quoting import new_words, unfolded, words_of_html
from sharing.verp import read_reply_address, token_in

Part: TypeAlias = "Message[Any, Any]"

MAX_BYTES: Final = 1024 * 1024
MAX_PARTS: Final = 50
MAX_DEPTH: Final = 5
MAX_HEADER: Final = 2_000
MAX_HEADERS: Final = 64 * 1024
MAX_VALUES: Final = 20
ADDRESSED: Final = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")
ADDRESS: Final = re.compile(r"[^\s<>,;:\"]{1,250}@[^\s<>,;:\"]{1,250}")
ENDED: Final = re.compile(rb"\r?\n\r?\n")
# Who answers by machine says so in one of these (RFC 3834, section 2, and what went before it).
MACHINES: Final = frozenset({"mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply"})
TOLD_BY_NAME: Final = (
    *("List-Id", "List-Unsubscribe", "List-Post", "X-Auto-Response-Suppress", "X-Autoreply", "X-Autorespond"),
    *("X-Auto-Reply-From", "X-Mail-Autoreply", "X-Failed-Recipients"),
)
BULK: Final = frozenset({"bulk", "junk", "list", "auto_reply"})


class NotAReply(Exception):  # noqa: N818 — most mail is none, and that is no fault
    """The message answers none of ours; the text says why, on one line."""


@dataclass(frozen=True)
class Reply:
    """One answer. `token` is that of the delivery; `sender` the address in From as written, `name` what it is called;
    `message_id` is without brackets, "" without one. `is_automatic` says that no person wrote it."""

    text: str
    token: UUID
    message_id: str
    is_automatic: bool
    sender: str
    name: str


def read_reply(raw: bytes, recipient: str = "") -> Reply:
    """Return the answer in a message; `recipient` is where it was sent, if the mail server tells.

    Of a larger message the first MiB is looked at: pictures come behind the text. NotAReply: anything else.
    """
    return reply_in(_parsed(raw[:MAX_BYTES]), recipient)


def reply_in(message: Part, recipient: str = "", sender: str | None = None) -> Reply:
    """Return the answer in a message that is parsed already; `sender` is that of its envelope, None where unknown.

    NotAReply: as `read_reply`.
    """
    try:
        return _read(message, recipient, sender)
    except BadToken as error:
        raise NotAReply("it was sent to an address that we did not make") from error
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The library's ways of saying that headers, encodings or nested parts are broken.
        raise NotAReply("it is broken") from error


def is_addressed(raw: bytes, recipient: str = "") -> bool:
    """Say whether a message came to an address for answers, be it one that we made or not."""
    if not settings.REPLY_ADDRESS:
        return False
    try:
        return _token(Message(), recipient) is not None or _token(_parsed(raw[:MAX_HEADERS]), "") is not None
    except BadToken:
        return True
    except (NotAReply, MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def _parsed(raw: bytes) -> Part:
    head = ENDED.search(raw)
    if is_heavy(raw) or (head.start() if head else len(raw)) > MAX_HEADERS:
        raise NotAReply("its headers are too long")
    try:
        return message_from_bytes(raw, policy=compat32)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NotAReply("it is broken") from error


def _read(message: Part, recipient: str, envelope: str | None) -> Reply:
    token = _token(message, recipient)
    if token is None:
        raise NotAReply("it was not sent to an address for answers")
    name, sender = _sender(message)
    message_id = _first(message, "Message-ID").strip(" <>")
    return Reply(
        _words(message), token, message_id, _is_automatic(message, sender, envelope), sender, _called(name, sender)
    )


def _sender(message: Part) -> tuple[str, str]:
    """Name and address of who sent it; both empty where From names several: programs show one of them."""
    found = getaddresses(_values(message, "From"))
    return found[0] if len(found) == 1 else ("", "")


def _token(message: Part, recipient: str) -> UUID | None:
    """BadToken: one of the addresses looks like one of ours; then no other is believed either."""
    headers = [value for name in ADDRESSED for value in _values(message, name)]
    written = [one for text in (recipient[:MAX_HEADER], *headers) for one in ADDRESS.findall(text)]
    tokens = [token for address in written if (token := read_reply_address(address)) is not None]
    return next(iter(tokens), None)


def _is_automatic(message: Part, sender: str, envelope: str | None) -> bool:
    said = _first(message, "Auto-Submitted").lower().split(";")[0].strip()
    returned = envelope if envelope is not None else _first(message, "Return-Path") or None
    own = {bare_address(settings.MAIL_FROM).lower(), settings.BOUNCE_ADDRESS, settings.REPLY_ADDRESS}
    return (
        said not in {"", "no"}
        or _first(message, "Precedence").lower() in BULK
        or any(_values(message, name) for name in TOLD_BY_NAME)
        or (returned is not None and not returned.strip(" <>"))
        or message.get_content_type() == "multipart/report"
        or (sender != "" and sender.lower() in own)
        or sender.lower().partition("@")[0] in MACHINES
        or token_in(_first(message, "Message-ID")) is not None
    )


def _words(message: Part) -> str:
    parts = [part for part in _leaves(message) if not _is_attached(part)]
    for wanted, words in (("text/plain", _plain), ("text/html", lambda part: words_of_html(_decoded(part)))):
        part = next((one for one in parts if one.get_content_type() == wanted), None)
        # Some programs write an empty plain part beside the HTML.
        if part is not None and (text := new_words(FORBIDDEN.sub("", words(part).replace("\xa0", " ")))):
            return text
    return ""


def _plain(part: Part) -> str:
    text = _decoded(part)
    if str(part.get_param("format", "")).lower() != "flowed":
        return text
    return unfolded(text, without_blank=str(part.get_param("delsp", "")).lower() == "yes")


def _leaves(part: Part, depth: int = 0) -> Iterator[Part]:
    """The parts of the message itself, in order; what is inside a message that it carries is not looked into."""
    if part.get_content_maintype() != "multipart":
        yield part
        return
    payload: Any = part.get_payload()
    if isinstance(payload, list) and depth < MAX_DEPTH:
        for inner in payload[:MAX_PARTS]:
            yield from _leaves(inner, depth + 1)


def _is_attached(part: Part) -> bool:
    return part.get_content_disposition() == "attachment" or part.get_filename() is not None


def _decoded(part: Part) -> str:
    payload: Any = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def _values(message: Part, name: str) -> list[str]:
    found = [value for key, value in message.raw_items() if key.lower() == name.lower()]
    return [_legible(str(value)[:MAX_HEADER]) for value in found[:MAX_VALUES]]


def _first(message: Part, name: str) -> str:
    return next((" ".join(value.split()) for value in _values(message, name)), "")


def _legible(text: str) -> str:
    """A header as text; eight-bit octets come as halves of surrogate pairs."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _called(name: str, sender: str) -> str:
    """The name in From, "" where it is the address again."""
    written = " ".join(FORBIDDEN.sub("", str(make_header(decode_header(name)))).split())
    return "" if "@" in written or written.lower() == sender.lower() else written
