"""Mail as files: each message becomes one .eml file, so that a laptop without a mail server shows what is sent."""

import itertools
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{9}-[0-9]+-[0-9]+\.eml")
_numbers = itertools.count()


class EmailBackend(BaseEmailBackend):
    """Writes to EMAIL_FILE_PATH (made when missing, 0700); names sort by the time of sending (UTC)."""

    def __init__(self, file_path: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = Path(file_path or settings.EMAIL_FILE_PATH)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            # Django's own messages take `linesep`; the stubs do not know it.
            self._write(message.message().as_bytes(linesep="\r\n"))  # type: ignore[call-arg]
        return len(email_messages)

    def _write(self, message: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        moment = time.time_ns()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(moment // 10**9))
        name = f"{stamp}.{moment % 10**9:09d}-{os.getpid()}-{next(_numbers)}"
        new = self.folder / f".{name}.new"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(message)
        # Whoever watches the folder sees whole messages only.
        new.rename(self.folder / f"{name}.eml")


@dataclass(frozen=True)
class Letter:
    """One message as a person reads it."""

    name: str
    subject: str
    sender: str
    recipient: str
    date: str
    text: str
    raw: bytes


def recent_letters(limit: int) -> list[Letter]:
    """The newest messages first."""
    folder = Path(settings.EMAIL_FILE_PATH)
    names = sorted((path.name for path in folder.glob("*.eml")), reverse=True)[:limit] if folder.is_dir() else []
    return [letter for name in names if (letter := read_letter(name))]


def forget_letters(address: str) -> int:
    """Delete the messages to an address, in whatever letter case it was typed; return how many."""
    folder, forgotten = Path(settings.EMAIL_FILE_PATH), 0
    for path in folder.glob("*.eml") if folder.is_dir() else ():
        letter = read_letter(path.name)
        if letter is not None and parseaddr(letter.recipient)[1].lower() == address.lower():
            path.unlink(missing_ok=True)
            forgotten += 1
    return forgotten


def read_letter(name: str) -> Letter | None:
    """The message in this file; None for a name that is none of ours."""
    path = Path(settings.EMAIL_FILE_PATH) / name
    if not NAME.fullmatch(name) or not path.is_file():
        return None
    raw = path.read_bytes()
    message = message_from_bytes(raw, policy=default)
    body = message.get_body(("plain", "html"))
    headers = {part: str(message.get(part, "")) for part in ("Subject", "From", "To", "Date")}
    text = str(body.get_content()).replace("\r\n", "\n") if body else ""
    return Letter(name, headers["Subject"], headers["From"], headers["To"], headers["Date"], text, raw)
