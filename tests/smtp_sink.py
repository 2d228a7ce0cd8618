"""A mail server on loopback that keeps what it gets, and refuses, delays or drops when it is told to."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Received:
    """One accepted message: its envelope, and the message as a mail program parses it."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    at: float = field(default_factory=time.monotonic)


def offering(responses: list[str]) -> list[str]:
    """The answer to EHLO with PIPELINING in it: aiosmtpd understands it and does not say so."""
    return [*responses[:-1], "250-PIPELINING", responses[-1]]


class SmtpSink:
    """`messages` grows as mail comes in.

    `refuse["ben@example.org"] = "550 5.1.1 unknown"` answers RCPT for one address so, `refuse["*"]` for all others;
    `after_data` is called with the recipients after DATA and may return an answer in place of 250 (a 4xx or 5xx).
    `silence` (seconds) delays each answer to RCPT; with `hangs_up` the line is cut in place of the answer to a message.
    It offers PIPELINING, as mail servers do, unless that is taken away.
    """

    def __init__(self) -> None:
        self.messages: list[Received] = []
        self.refuse: dict[str, str] = {}
        self.after_data: Callable[[list[str]], str | None] | None = None
        self.silence = 0.0
        self.hangs_up = False
        self.pipelining = True
        self.attempts = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="smtp sink", daemon=True)

    @property
    def url(self) -> str:
        """Its address as EMAIL_URL has it."""
        return f"smtp://127.0.0.1:{self.port}?timeout=5"

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10), "the SMTP sink did not start"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def reset(self) -> None:
        self.messages.clear()
        self.refuse.clear()
        self.after_data, self.silence, self.attempts = None, 0.0, 0
        self.hangs_up, self.pipelining = False, True

    def to(self, address: str) -> list[EmailMessage]:
        """What one address got, in order."""
        return [received.message for received in list(self.messages) if address in received.recipients]

    def wait_for(self, count: int, *, to: str = "", seconds: float = 20.0) -> list[EmailMessage]:
        """Wait until `count` messages (to one address, if named) have come; fail loudly with what has come."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.to(to) if to else [received.message for received in list(self.messages)]
            if len(found) >= count:
                return found
            if time.monotonic() > deadline:
                seen = [(received.recipients, str(received.message["Subject"])) for received in self.messages]
                raise AssertionError(f"waited {seconds} s for {count} messages to {to or 'anybody'}, got {seen}")
            time.sleep(0.05)

    # aiosmtpd calls these by name.
    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return offering(responses) if self.pipelining else responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.attempts += 1
        if self.silence:
            await asyncio.sleep(self.silence)
        if answer := self.refuse.get(address, self.refuse.get("*")):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        recipients = [str(address) for address in envelope.rcpt_tos]
        if self.after_data and (answer := self.after_data(recipients)):
            return answer
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(Received(str(envelope.mail_from), recipients, message))
        if self.hangs_up and server.transport:
            server.transport.abort()
        return "250 OK"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        make: Callable[[], Any] = lambda: SMTP(self, hostname="sink", enable_SMTPUTF8=True, loop=self._loop)  # noqa: E731
        server = self._loop.run_until_complete(self._loop.create_server(make, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
