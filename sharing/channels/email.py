"""Mail, through whatever backend Django is set up with; SMTP answers become what `channels.base` names."""

from __future__ import annotations

import contextlib
import smtplib
from types import TracebackType
from typing import Final, Self

from django.core.mail import get_connection

from sharing.channels import smtp
from sharing.channels.base import Refused, TryLater, Uncertain, Unreachable
from sharing.wire import WireMessage

PERMANENT: Final = 500


class EmailChannel:
    """One connection for many messages, opened at the first and again after a break. Use it in a `with`."""

    def __init__(self) -> None:
        self._backend = get_connection(fail_silently=False)
        self._is_open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def send(self, message: WireMessage) -> None:
        """Hand one message to the mail server; returns once it has taken it.

        Refused, TryLater, Uncertain: about this message, the next may be tried at once. Unreachable: about all.
        """
        self._open()
        try:
            self._hand_over(message)
        except smtplib.SMTPRecipientsRefused as error:
            # One recipient a message, so one answer.
            code, text = next(iter(error.recipients.values()))
            self._close_after(code)
            raise _by_code(code, text) from error
        except smtplib.SMTPSenderRefused as error:
            # The sender is ours: the fault is in the configuration, not in the recipient.
            self._close_after(error.smtp_code)
            raise TryLater(_sentence(error.smtp_code, error.smtp_error)) from error
        except smtplib.SMTPResponseException as error:
            self._close_after(error.smtp_code)
            raise _by_code(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Refused(str(error)) from error
        except OSError as error:  # also smtplib's own SMTPServerDisconnected
            self.close()
            raise Uncertain(f"the connection broke: {error}") from error

    def close(self) -> None:
        """End the connection; a server that is gone already is no error."""
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(OSError):
                self._backend.close()

    def _open(self) -> None:
        if self._is_open:
            return
        try:
            self._backend.open()
        except OSError as error:
            raise Unreachable(f"the mail server cannot be used: {error}") from error
        self._is_open = True

    def _hand_over(self, message: WireMessage) -> None:
        line = getattr(self._backend, "connection", None)
        if isinstance(line, smtplib.SMTP):
            # Django's backend would parse both addresses anew, which takes longer than the conversation; they are
            # plain `local@host` since they were taken in.
            smtp.send(line, message)
        else:
            self._backend.send_messages([message])

    def _close_after(self, code: int) -> None:
        if code == smtp.CLOSING:
            self.close()


def _by_code(code: int, text: bytes | str) -> Refused | TryLater:
    return (Refused if code >= PERMANENT else TryLater)(_sentence(code, text))


def _sentence(code: int, text: bytes | str) -> str:
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {plain}"
