"""`manage.py doctor`: is everything well? One line for each check, exit status 1 if any fails."""

import ipaddress
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from project import health
from project.commandline import unreachable
from project.health import Part


class Command(BaseCommand):
    help = "Check configuration, database, broker, workers and mail; exit status 1 if any check fails."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("part", nargs="?", choices=["mail"], help="mail: what mail servers see of our domains")
        mail = parser.add_argument_group("doctor mail")
        mail.add_argument("--message", type=Path, metavar="FILE", help="a notification, saved as a mailbox got it")
        mail.add_argument(
            "--sent-from", action="append", default=[], type=_address, metavar="IP", help="from where mail leaves"
        )
        mail.add_argument("--nameserver", metavar="IP[:PORT]", help="ask this one instead of the system's")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = False
        for name, part in _examine_mail(options) if options["part"] else examine():
            failed = failed or part.state == "failed"
            self.stdout.write(f"{part.state:<9} {name:<14} {part.fact}")
        if failed:
            sys.exit(1)


def _address(written: str) -> str:
    return str(ipaddress.ip_address(written))


def _examine_mail(options: dict[str, Any]) -> Iterator[tuple[str, Part]]:
    # Loaded where it is wanted: no other command resolves names or checks signatures.
    from project import mail_records

    message = None
    try:
        if options["nameserver"]:
            mail_records.use_nameserver(options["nameserver"])
        if options["message"]:
            with options["message"].open("rb") as file:
                message = file.read(mail_records.MAX_MESSAGE)
    except ValueError as error:
        raise CommandError(f"--nameserver: {error}") from error
    except OSError as error:
        raise CommandError(f"{options['message']}: {error.strerror}") from error
    return mail_records.examine_mail(options["sent_from"], message)


def examine() -> Iterator[tuple[str, Part]]:
    """Name and result of each check, in the order in which one depends on another."""
    yield "configuration", check_configuration()
    for warning in run_checks(include_deployment_checks=True):
        if (warning.id or "").startswith("project.") and warning.level < ERROR:
            yield "configuration", Part("degraded", warning.msg)
    database = check_connection()
    yield "database", database
    if database.state == "ok":
        yield "language", health.check_language()
        yield "migrations", health.check_migrations()
    broker = _needed(health.check_broker())
    yield "broker", broker
    if broker.state == "ok":
        yield "workers", _needed(health.check_workers())
    if database.state == "ok" and health.check_migrations().state == "ok":
        yield "delivery", health.check_delivery()
    yield "mail", health.check_mail()


def check_configuration() -> Part:
    errors = [message for message in run_checks() if message.level >= ERROR]
    if errors:
        return Part("failed", f"{errors[0].id}: {errors[0].msg}")
    return Part("ok", f"data in {settings.DATA_DIR}, reached at {settings.PUBLIC_URL}")


def check_connection() -> Part:
    """The database, with the sentence that says what to do when it is away."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        return Part("failed", unreachable(error))
    return health.check_database()


def _needed(part: Part) -> Part:
    """The web goes on without broker and workers, so they only degrade it; mail does not."""
    return part if part.state == "ok" else Part("failed", part.fact)
