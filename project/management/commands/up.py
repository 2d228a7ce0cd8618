"""`manage.py up`: the whole system in the foreground."""

import json
import os
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from project.embedded.errors import EmbeddedError
from project.embedded.system import Options, System, say

# Seconds for workers and web server to be up; a slow machine under load needs some of them.
PATIENCE = 120.0
STEP = 0.1
NEEDED = ("database", "migrations", "broker", "workers")


class Command(BaseCommand):
    """Start PostgreSQL and Valkey (unless the environment names servers), web server, workers and beat."""

    help = "Run the whole system in the foreground until Ctrl-C or SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to serve on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="the port to serve on (8000)")
        parser.add_argument("--web-workers", type=int, default=1, help="processes of the web server (1)")
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *args: Any, **given: Any) -> None:
        options = Options(
            root=settings.BASE_DIR,
            data_dir=settings.DATA_DIR,
            host=given["host"],
            port=given["port"],
            web_workers=given["web_workers"],
            demo=not given["no_demo"],
            embed_database=not os.environ.get("DATABASE_URL"),
            embed_broker=not os.environ.get("REDIS_URL"),
        )
        try:
            _check(options)
            System(options, lambda found, pause: self._announce(options, found, pause)).run()
        except EmbeddedError as error:
            say(str(error))
            sys.exit(2)

    def _announce(self, options: Options, found: dict[str, object], pause: Callable[[float], None]) -> None:
        report = _wait_until_ready(options.web_url, pause)
        base = os.environ.get("PUBLIC_URL", options.web_url).rstrip("/")
        article = found.get("article")
        lines = [
            ("Article page", f"{base}/a/{article}" if article else "none yet; `manage.py create_site` makes a site"),
            ("Moderation", f"{base}/admin/{_admin_hint(options.data_dir)}"),
            ("API docs", f"{base}/api/v1/docs"),
            ("Sent mail", _mail_place(base)),
        ]
        if report["delivery"] != "ok":
            say("Warning: mail has waited for more than a minute; `manage.py doctor` says more.")
        if reason := _mail_server_fault():
            say(f"Warning: the mail server {settings.EMAIL_HOST}:{settings.EMAIL_PORT} does not answer ({reason}).")
        for name, place in lines:
            self.stdout.write(f"{name:<14}{place}")
        self.stdout.flush()


def _check(options: Options) -> None:
    if not 1 <= options.port <= 65535:
        raise EmbeddedError(f"--port must be between 1 and 65535, not {options.port}.")
    if not 1 <= options.web_workers <= 64:
        raise EmbeddedError(f"--web-workers must be between 1 and 64, not {options.web_workers}.")


def _wait_until_ready(base: str, pause: Callable[[float], None]) -> dict[str, str]:
    report: dict[str, str] = {}
    for _ in range(int(PATIENCE / STEP)):
        report = _ask(f"{base}/readyz")
        if all(report.get(part) == "ok" for part in NEEDED):
            return report
        pause(STEP)
    unwell = ", ".join(part for part in NEEDED if report.get(part) != "ok")
    raise EmbeddedError(f"Not ready after {PATIENCE:.0f} s, for want of: {unwell}. Lines above may say why.")


def _ask(address: str) -> dict[str, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=5) as response:
            found: dict[str, str] = json.load(response)
    except urllib.error.HTTPError as error:
        error.close()
        return {}
    except (OSError, ValueError):
        return {}
    return found


def _admin_hint(data_dir: Path) -> str:
    password = data_dir / "admin.password"
    return f"  (user admin, password in {password})" if password.exists() else "  (`manage.py createsuperuser`)"


def _mail_place(base: str) -> str:
    if settings.EMAIL_BACKEND == "project.mailbox.EmailBackend":
        return f"{base}/sent-mail/  (files in {settings.EMAIL_FILE_PATH})"
    return f"through {settings.EMAIL_HOST}:{settings.EMAIL_PORT}" if settings.EMAIL_HOST else "on standard output"


def _mail_server_fault() -> str:
    from project.health import check_mail

    part = check_mail()
    return "" if part.state == "ok" else part.fact
