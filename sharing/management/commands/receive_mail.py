"""`manage.py receive_mail [RECIPIENT] < message`: the pipe by which a mail server hands us what came back."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from project.errors import Problem
from sharing.replies import NotAReply, is_addressed, read_reply
from sharing.reports import MAX_BYTES, NotAReport
from sharing.services.replies import take_reply
from sharing.services.returns import Outcome, take_in

PIECE = 64 * 1024


class Command(BaseCommand):
    """Reads one message from standard input, notes what it reports, or posts what it answers, and says so in one line.

    Exit status as mail servers read it (sysexits.h): 0 done, also where there was nothing to do, as with an automatic
    reply, a report of a message that is not ours, or one that was noted before; 65 a report larger than 1 MiB; 67 a
    bounce address that we did not make; 75 the database is away, keep the message and try again; 64 bad arguments.
    Of a message to an address for answers nothing is ever sent back: it is 0, 75 or 64.
    """

    help = "Read one message from standard input: note the bounce or complaint, or post the answer, that it is."
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.error = _bad_arguments  # type: ignore[method-assign]
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "recipient", nargs="?", default="", help="the address to which it was sent; else its headers tell"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        raw, recipient = sys.stdin.buffer.read(MAX_BYTES + 1), options["recipient"]
        try:
            self.stdout.write(_answer(raw, recipient) if is_addressed(raw, recipient) else _report(raw, recipient))
        except (OperationalError, InterfaceError) as error:
            raise CommandError("The database does not answer; try again.", returncode=os.EX_TEMPFAIL) from error


def _answer(raw: bytes, recipient: str) -> str:
    while sys.stdin.buffer.read(PIECE):
        pass  # a mail server may take it for a failure that its message was not read to the end
    try:
        return take_reply(read_reply(raw, recipient)).value
    except NotAReply as reason:
        return f"ignored: {reason}"
    except Problem as problem:
        raise CommandError("The site has too many comments now; try again.", returncode=os.EX_TEMPFAIL) from problem


def _report(raw: bytes, recipient: str) -> str:
    if len(raw) > MAX_BYTES:
        raise CommandError(f"The message has more than {MAX_BYTES:,} bytes.", returncode=os.EX_DATAERR)
    try:
        outcome = take_in(raw, recipient)
    except NotAReport as reason:
        # To be refused now, it would have to be bounced to whoever it claims to be from.
        return f"ignored: {reason}"
    if outcome is Outcome.FORGED:
        raise CommandError("This bounce address is none of ours.", returncode=os.EX_NOUSER)
    return outcome.value


def _bad_arguments(message: str) -> NoReturn:
    sys.stderr.write(f"Error: {message}\n")
    raise SystemExit(os.EX_USAGE)
