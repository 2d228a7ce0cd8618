"""The real PostgreSQL and Valkey of a test run: one database server for all, one broker for each xdist worker.

Their addresses are known before they run, so that settings can be read first and nothing starts for tests that
need no database. Nothing of theirs survives the run.
"""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from project.embedded.account import Place, choose_account, make_place
from project.embedded.postgres import Postgres
from project.embedded.processes import Child
from project.embedded.servers import start_server
from project.embedded.valkey import Valkey


class Servers:
    """PostgreSQL (unless `database_url` names one that another process started) and Valkey in a temporary folder.

    `careless`: PostgreSQL need not survive a power cut.
    """

    def __init__(self, database_url: str = "", *, careless: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="afterword-tests-"))
        self.place: Place = make_place(choose_account(self.folder / "postgres"))
        self.valkey = Valkey(self.folder / "valkey", self.place, self.folder / "valkey.log")
        # Each pytest worker keeps a database of its own, and real processes beside it open several connections.
        self.postgres = Postgres(
            self.folder / "postgres", self.place, self.folder / "postgres.log", connections=200, careless=careless
        )
        self.owns_postgres = not database_url
        self.database_url = database_url or self.postgres.url
        self.children: dict[str, Child] = {}

    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.valkey.url,
            "DATA_DIR": str(self.folder / "data"),
            "SECRET_KEY": "a key for tests, that signs nothing that matters",
            "PUBLIC_URL": "http://testserver",
            "MAIL_FROM": "afterword@testserver.example",
            # Tests of limits turn them on; all others come from one address.
            "RATE_LIMITS": "off",
        }

    def start_postgres(self) -> None:
        if self.owns_postgres and "postgres" not in self.children:
            self.postgres.make()
            self.children["postgres"] = start_server(self.postgres)

    def start_valkey(self) -> None:
        if "valkey" not in self.children:
            self.valkey.make()
            self.children["valkey"] = start_server(self.valkey)

    def stop_valkey(self) -> None:
        """Take the broker away; `start_valkey` brings it back with what its last snapshot held."""
        if child := self.children.pop("valkey", None):
            child.stop()

    def stop(self) -> None:
        for name in reversed(list(self.children)):
            self.children.pop(name).stop()
        self.place.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def clean_environment() -> dict[str, str]:
    """The environment without any variable that would configure the service."""
    ours = "DATABASE_URL REDIS_URL EMAIL_URL MAIL_FROM DATA_DIR SECRET_KEY PUBLIC_URL ALLOWED_HOSTS DEBUG"
    environment = dict(os.environ)
    for name in [
        *ours.split(),
        "APPLICATION_SOCKET",
        "FAIL_POINT",
        "PROMETHEUS_MULTIPROC_DIR",
        "TRUSTED_PROXIES",
        "RATE_LIMITS",
        "DJANGO_SETTINGS_MODULE",
        "DJANGO_ALLOW_ASYNC_UNSAFE",
    ]:
        with suppress(KeyError):
            del environment[name]
    return environment
