"""A mail server that takes everything and keeps nothing but a count: `python -m tests.benchmarks.mail_sink`.

It says its port on one line, ends with its input, and answers XCOUNT with how many messages came.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import subprocess
import sys

import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.benchmarks.cores import LOAD_CORE, on_cores
from tests.processes import ROOT, end
from tests.smtp_sink import offering


class Taker:
    """What aiosmtpd asks about each message."""

    # aiosmtpd calls them by these names.
    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return offering(responses)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        CountingServer.count += 1
        return "250 taken"


class CountingServer(SMTP):
    """It also answers a command of ours."""

    count = 0

    async def smtp_XCOUNT(self, argument: str) -> None:  # noqa: N802
        await self.push(f"250 {self.count}")


class MailSink:
    """The server as a process on the core of those who only take part."""

    def __init__(self) -> None:
        with on_cores(LOAD_CORE):
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def count(self) -> int:
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            return int(client.docmd("XCOUNT")[1])

    def stop(self) -> None:
        end(self.process)


async def _serve() -> None:
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: CountingServer(Taker(), loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_serve())
