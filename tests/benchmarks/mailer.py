"""One process that does what a worker's tasks do, and says in JSON how long it took and what it held.

`python -m tests.benchmarks.mailer plan NOTIFICATION`, `… send`, and beside them `… bare NUMBER`: the standard library's
client with one connection and messages that are ready.
"""

from __future__ import annotations

import json
import os
import resource
import smtplib
import sys
import time

import django
from django.conf import settings
from django.db import connection

# As long as one of ours.
READY = b"From: news@example.org\r\nTo: reader@example.org\r\nSubject: Re: News\r\n\r\n" + (b"x" * 70 + b"\r\n") * 48


def plan(notification_id: int) -> None:
    from sharing.services.fan_out import plan_next_page

    while plan_next_page(notification_id):
        pass


def send() -> None:
    from sharing.services.dispatch import send_due

    while send_due("mail"):
        pass


def loop(number: int) -> None:
    with smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT) as client:
        for one in range(number):
            client.sendmail("news@example.org", [f"reader{one}@example.org"], READY)


def main(work: str, *arguments: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    from project.statements import prepare_statements

    prepare_statements()
    connection.ensure_connection()
    statements = 0

    def count(execute, *given):  # type: ignore[no-untyped-def]
        nonlocal statements
        statements += 1
        return execute(*given)

    began = time.time()
    with connection.execute_wrapper(count):
        {"plan": plan, "send": send, "bare": loop}[work](*map(int, arguments))
    ended = time.time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"began": began, "ended": ended, "seconds": ended - began, "memory": memory, "statements": statements}
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
