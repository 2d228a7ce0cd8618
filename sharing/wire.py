"""Messages as mail servers read them: serialised once for all recipients, then filled in for each.

To build and serialise a message costs more than to send it, and of a notice to thousands only a few links differ. So
the parts are cut where these stand, each piece is encoded by itself, and a recipient's message is joined from bytes.
"""

from __future__ import annotations

import re
import secrets
from binascii import b2a_qp
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final

from django.core.mail import EmailMessage
from django.core.mail.message import SafeMIMEMultipart

LINE: Final = "\r\n"
# Ends a line for the wire alone (RFC 2045, section 6.7, rule 5), so that pieces can be encoded apart.
SOFT_BREAK: Final = b"=\r\n"
# Header lines are not folded here, and one may have 998 octets (RFC 5322, section 2.1.1).
MAX_VALUE: Final = 900
UNSAFE: Final = re.compile(r"[^ -~]")


class Form:
    """A message of a plain and an HTML part whose marks stand for what differs from one recipient to the next."""

    def __init__(self, headers: Mapping[str, str], text: str, html: str, marks: Mapping[str, str]) -> None:
        """`marks` gives the mark of each name; `headers` are of any length and in any characters, on one line each."""
        # Neither appears in what is encoded so: `=` is always followed by two digits or the end of a line.
        boundary = f"=_{secrets.token_hex(16)}"
        self._headers: Final = _header_block(headers, boundary)
        self._names: Final = {mark: name for name, mark in marks.items()}
        self._pieces: Final[list[bytes | str]] = [b""]
        for subtype, part in (("plain", text), ("html", html)):
            self._add_part(boundary, subtype, part)
        self._add(f"{LINE}--{boundary}--{LINE}".encode())

    def filled(self, headers: Mapping[str, str], values: Mapping[str, str]) -> bytes:
        """Return the whole message with further headers and the values of its marks, all in ASCII.

        ValueError: a header with another character, or longer than a line.
        """
        encoded = {name: _joint(value) for name, value in values.items()}
        body = b"".join(piece if isinstance(piece, bytes) else encoded[piece] for piece in self._pieces)
        return b"".join((_lines(headers), self._headers, body))

    def _add_part(self, boundary: str, subtype: str, part: str) -> None:
        head = f'Content-Type: text/{subtype}; charset="utf-8"', "Content-Transfer-Encoding: quoted-printable", ""
        self._add(LINE.join((f"{LINE}--{boundary}", *head, "")).encode())
        marks = "|".join(map(re.escape, self._names))
        for piece in re.split(f"({marks})", part):
            if name := self._names.get(piece):
                self._pieces.append(name)
            else:
                self._add(_encoded(piece))

    def _add(self, piece: bytes) -> None:
        last = self._pieces[-1]
        if isinstance(last, bytes):
            self._pieces[-1] = last + piece
        else:
            self._pieces.append(piece)


class Wire:
    """A message that is bytes already, as far as Django's backends ask a message for anything."""

    def __init__(self, raw: bytes) -> None:
        self.raw: Final = raw

    def as_bytes(self, *, linesep: str = LINE) -> bytes:
        """Return the message; `linesep` is what stands between its lines."""
        return self.raw if linesep == LINE else self.raw.replace(LINE.encode(), linesep.encode())

    def get_charset(self) -> None:
        """Return None: nothing is left to encode."""


class WireMessage(EmailMessage):
    """One message from `sender` (of the envelope) to one recipient, in these bytes."""

    def __init__(self, sender: str, recipient: str, raw: bytes) -> None:
        super().__init__(from_email=sender, to=[recipient])
        self.raw: Final = raw

    def message(self, **_: Any) -> Wire:  # type: ignore[override]
        return Wire(self.raw)


def date_header() -> str:
    """Return the time as a message has it."""
    return formatdate(localtime=False)


def _header_block(headers: Mapping[str, str], boundary: str) -> bytes:
    """Return the headers of a message of several parts, folded, and the empty line behind them."""
    head = SafeMIMEMultipart("alternative", boundary=boundary, encoding="utf-8")
    for name, value in headers.items():
        head[name] = value
    block, end, _ = head.as_bytes(linesep=LINE).partition(b"\r\n\r\n")
    return block + end


def _lines(headers: Mapping[str, str]) -> bytes:
    for name, value in headers.items():
        if UNSAFE.search(value) or len(value) > MAX_VALUE:
            raise ValueError(f"no value of the header {name}: {value[:100]!r}")
    return "".join(f"{name}: {value}{LINE}" for name, value in headers.items()).encode("ascii")


def _encoded(text: str) -> bytes:
    plain = text.replace(LINE, "\n").replace("\r", "\n")
    # It ends its own lines as the text does, and as it likes where that has one line.
    return b2a_qp(plain.encode(), istext=True).replace(b"\n", LINE.encode())


def _joint(value: str) -> bytes:
    return SOFT_BREAK + _encoded(value) + SOFT_BREAK
