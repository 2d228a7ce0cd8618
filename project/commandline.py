"""What manage.py does around Django's commands: the two failures that an operator meets become one sentence each."""

import os
import sys

from project.env import stop_on_env_error

REFUSED = 2
# A mail server that runs this as a pipe keeps the message on this status only, and drops or bounces it on others.
STATUS_OF = {"receive_mail": os.EX_TEMPFAIL}


def main(arguments: list[str]) -> None:
    """Run a command. Exit status 2 and one line on standard error for a bad variable or a database that is away.

    A command with a status of its own for these (STATUS_OF) ends with that.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    refused = STATUS_OF.get(arguments[1] if len(arguments) > 1 else "", REFUSED)
    try:
        with stop_on_env_error(refused):
            execute_from_command_line(arguments)
    except OperationalError as error:
        # Without an SQLSTATE the server was not reached, or hung up; with one the fault is in a statement.
        if getattr(error.__cause__, "sqlstate", None) is not None:
            raise
        sys.stderr.write(f"{unreachable(error)}\n")
        raise SystemExit(refused) from None


def unreachable(error: Exception) -> str:
    """Say in one sentence that the database is away, and what to do about it."""
    from django.conf import settings

    if os.environ.get("DATABASE_URL"):
        reason = " ".join(str(error).split())
        return f"DATABASE_URL names a database that does not answer: {reason}"
    if settings.RUNNING is None:
        return f"No `manage.py up` runs on {settings.DATA_DIR}: start it, or set DATABASE_URL."
    return f"The database of the `manage.py up` on {settings.DATA_DIR} does not answer; see {settings.DATA_DIR}/log."
