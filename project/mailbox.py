"""Mail as files: each message becomes one .eml file, so that a laptop without a mail server shows what is sent."""

import itertools
import os
import time
from collections.abc import Sequence
from email.policy import SMTP
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

_numbers = itertools.count()


class EmailBackend(BaseEmailBackend):
    """Writes to EMAIL_FILE_PATH (made when missing, 0700); names sort by the time of sending (UTC)."""

    def __init__(self, file_path: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = Path(file_path or settings.EMAIL_FILE_PATH)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            self._write(message.message().as_bytes(policy=SMTP))
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
