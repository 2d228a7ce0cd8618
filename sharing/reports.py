"""What mail servers send back: delivery status notifications (RFC 3464, 6533) and complaints (RFC 5965), as values.

Nothing here is believed: a report only says which of our addresses and message ids it names, and what became of the
message. Whether it speaks of a delivery of ours is decided where deliveries are known (`services.returns`). Anybody may
write to a bounce address, so sizes are bounded and whatever cannot be read is one error, `NotAReport`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.errors import MessageError
from email.message import Message
from email.policy import compat32
from typing import Any, Final, Literal, TypeAlias

from sharing.heavy import is_heavy
from sharing.statuses import is_hard, status_in

Kind: TypeAlias = Literal["hard", "soft", "delayed", "delivered", "complaint"]
Part: TypeAlias = "Message[str, str]"

MAX_BYTES: Final = 1024 * 1024
MAX_PARTS: Final = 50
MAX_BLOCKS: Final = 20
MAX_HEADER: Final = 2_000
MAX_IDS: Final = 20
ACTIONS: Final[dict[str, Kind]] = {"delayed": "delayed", "delivered": "delivered"}
# The first that is met decides: one dead address of several that an alias stands for does not make the alias dead.
WEAKEST_FIRST: Final[tuple[Kind, ...]] = ("delivered", "delayed", "soft", "hard")
# To whom the report came, and what it says of the sender of our message.
ADDRESSED: Final = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
SENDERS: Final = ("Return-Path", "X-Envelope-From")
ANGLES: Final = re.compile(r"<([^<>\s]{3,320})>")
BARE: Final = re.compile(r"[^\s<>,;:\"]{1,250}@[^\s<>,;:\"]{1,250}")


class NotAReport(Exception):  # noqa: N818 — most mail is none, and that is no fault
    """The message reports nothing that we understand; the text says why, on one line."""


@dataclass(frozen=True)
class Report:
    """One report. `addresses` may hold the delivery's own bounce address, `message_ids` (without brackets) its id.

    `status` is an enhanced status code or ""; `says` is what the mail server said, for people: one line, untrusted.
    """

    kind: Kind
    addresses: tuple[str, ...]
    message_ids: tuple[str, ...]
    status: str = ""
    says: str = ""


def read_report(raw: bytes, recipient: str = "") -> Report:
    """Return what a message reports; `recipient` is the address to which it came, if the mail server tells.

    NotAReport: anything else, automatic replies too, also what is larger than 1 MiB or broken.
    """
    if len(raw) > MAX_BYTES:
        raise NotAReport(f"it has more than {MAX_BYTES:,} bytes")
    if is_heavy(raw):
        raise NotAReport("its headers are too long")
    try:
        return _read(message_from_bytes(raw, policy=compat32), recipient)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The library's ways of saying that headers, encodings or nested parts are broken.
        raise NotAReport("it is broken") from error


def _read(message: Part, recipient: str) -> Report:
    parts = _parts(message)
    by_type = {part.get_content_type(): part for part in reversed(parts)}
    to = (recipient, *_values([message], ADDRESSED))
    if feedback := by_type.get("message/feedback-report"):
        return _complaint(feedback, parts, to)
    for name in ("message/delivery-status", "message/global-delivery-status"):
        if name in by_type:
            return _status(by_type[name], parts, to)
    if message.get("X-Failed-Recipients"):
        # What Exim wrote before it knew the standard: the status is in the words, if anywhere.
        return _told(to, parts, "soft", "", "")
    raise NotAReport("it is neither a report of a delivery nor of a complaint")


def _complaint(feedback: Part, parts: list[Part], to: Iterable[str]) -> Report:
    fields = _blocks(feedback)
    kind = _first(fields, "Feedback-Type").lower()
    if kind not in {"abuse", "fraud", "virus", "other", "opt-out"}:
        # "not-spam" takes a complaint back; an opt-out is the reader's own word, however it is spelled.
        raise NotAReport("its feedback is no complaint")
    senders = tuple(_values(fields, ("Original-Mail-From",)))
    return _told((*to, *senders), parts, "complaint", "", kind)


def _status(status: Part, parts: list[Part], to: Iterable[str]) -> Report:
    blocks = [block for block in _blocks(status) if block.get("Action") or block.get("Status")]
    found: dict[Kind, tuple[str, str]] = {}
    for block in blocks[:MAX_BLOCKS]:
        kind, code, says = _recipient(block)
        found.setdefault(kind, (code, says))
    weakest = next((kind for kind in WEAKEST_FIRST if kind in found), None)
    if weakest is None:
        raise NotAReport("it reports on no recipient")
    return _told(to, parts, weakest, *found[weakest])


def _recipient(block: Part) -> tuple[Kind, str, str]:
    """What became of the message to one recipient: kind, status code, and what the server said."""
    action, says = _first([block], "Action").lower().split(" ")[0], _first([block], "Diagnostic-Code")
    status, told = status_in(_first([block], "Status")), status_in(says)
    # Some servers call everything 5.0.0 and tell the reason in the sentence only.
    code = told if told and (not status or status.endswith(".0.0")) else status
    if action in ACTIONS:
        return ACTIONS[action], code, says
    if action != "failed":
        # Relayed to where no reports come from, or expanded to many: no word about the mailbox.
        raise NotAReport(f"its action is {action[:20]!r}")
    return ("hard" if is_hard(code) else "soft"), code, says


def _told(to: Iterable[str], parts: list[Part], kind: Kind, status: str, says: str) -> Report:
    """Put together what is said of our message with what names it: the headers of the copy that came back."""
    copies = [copy for part in parts if (copy := _copy(part)) is not None]
    addresses = [address for text in (*to, *_values(copies, SENDERS)) for address in BARE.findall(text)]
    ids = [found for text in _values(copies, ("Message-ID",)) for found in ANGLES.findall(text)]
    return Report(
        kind,
        tuple(dict.fromkeys(addresses))[:MAX_IDS],
        tuple(dict.fromkeys(ids))[:MAX_IDS],
        status,
        " ".join(says.partition(";")[2].split() or says.split())[:300],
    )


def _parts(message: Part) -> list[Part]:
    """The parts of the report itself, in order; what is inside the message that came back is not looked into."""
    if not message.is_multipart() or message.get_content_maintype() == "message":
        return [message]
    found: list[Part] = []
    for part in _inner(message)[:MAX_PARTS]:
        if part.get_content_maintype() == "multipart":
            found += [inner for inner in _inner(part)[:MAX_PARTS] if inner.get_content_maintype() != "multipart"]
        else:
            found.append(part)
    return found[:MAX_PARTS]


def _inner(part: Part) -> list[Part]:
    payload: Any = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _copy(part: Part) -> Part | None:
    """Our own message, or its headers, as they came back."""
    if part.get_content_type() in {"message/rfc822", "message/global"}:
        return next(iter(_inner(part)), None)
    if part.get_content_type() in {"text/rfc822-headers", "message/global-headers"}:
        return _headers(_text(part))
    return None


def _blocks(part: Part) -> list[Part]:
    """The groups of fields of a report, as the library has parsed them or, for types it does not know, as text."""
    inner = _inner(part)
    blocks = [*inner, *(_headers(text) for one in inner for text in _paragraphs(_text(one)))]
    return blocks or [_headers(text) for text in _paragraphs(_text(part))]


def _text(part: Part) -> str:
    if part.is_multipart():
        inner = _inner(part)
        return inner[0].as_string() if inner else ""
    payload: Any = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _paragraphs(text: str) -> Iterator[str]:
    return (block for block in re.split(r"\r?\n[ \t]*\r?\n", text, maxsplit=MAX_BLOCKS)[:MAX_BLOCKS] if block.strip())


def _headers(text: str) -> Part:
    return message_from_string(text.lstrip(), policy=compat32)


def _values(messages: Iterable[Part], names: Iterable[str]) -> list[str]:
    return [str(v)[:MAX_HEADER] for one in messages for name in names for v in (one.get_all(name) or [])[:MAX_IDS]]


def _first(messages: Iterable[Part], name: str) -> str:
    return next((value.strip() for value in _values(messages, (name,))), "")
