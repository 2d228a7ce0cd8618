"""An embedded PostgreSQL: made once with our own initdb, reached through a Unix socket and a password."""

import os
import secrets
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from project.embedded.account import Place, server_environment
from project.embedded.errors import EmbeddedError
from project.embedded.processes import HERE, Child, start_child

USER = "afterword"
DATABASE = "afterword"
# 18 is what the wheel has; a data folder of another main version needs pg_upgrade or a dump.
VERSION = "18"
# For tests: nothing need survive a power cut.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """A server whose files lie in `home`; `home`.password beside it holds the password (0600)."""

    home: Path
    place: Place
    log: Path
    connections: int = 100
    careless: bool = False

    @property
    def url(self) -> str:
        """Its address as DATABASE_URL has it."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password()}@/{database}?host={quote(str(self.place.sockets))}"

    def make(self) -> bool:
        """Make the database folder if there is none; True if it was made."""
        if (self.home / "PG_VERSION").exists():
            self._check_home()
            return False
        # Made beside and renamed when whole, so that a start killed in the middle leaves nothing half done.
        new = self.home.with_name(f"{self.home.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        self.place.account.own(new, 0o700)
        self._initdb(new)
        new.rename(self.home)
        return True

    def start(self) -> Child:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.place.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": str(self.connections),
            "log_timezone": "UTC",
            **(CARELESS if self.careless else {}),
        }
        command = [str(self.place.postgres / "postgres"), "-D", HERE or str(self.home)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as output:
            return start_child(
                "postgresql",
                command,
                cwd=self.home,
                env=server_environment(),
                account=self.place.account,
                output=output,
                # SIGINT is PostgreSQL's fast shutdown: connections are closed, everything is written.
                stop_signal=signal.SIGINT,
                grace=30.0,
                precious=True,
            )

    def answers(self) -> bool:
        """Whether it takes connections; makes our database on the way when it is missing."""
        try:
            with psycopg.connect(self.url_of("postgres"), autocommit=True, connect_timeout=2) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def _initdb(self, new: Path) -> None:
        reading, writing = os.pipe()
        try:
            if self.place.account.switch:
                os.fchown(reading, self.place.account.uid, self.place.account.gid)
            os.write(writing, self._password().encode() + b"\n")
            os.close(writing)
            command = [str(self.place.postgres / "initdb"), "-D", HERE or str(new), "-U", USER]
            command += ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile=/dev/fd/{reading}"]
            command += ["--no-sync"] if self.careless else []
            made = self.place.account.run(command, cwd=new, pass_fds=(reading,))
        finally:
            os.close(reading)
        if made.returncode != 0:
            reason = (made.stderr.strip() or "no reason given").splitlines()[-1]
            raise EmbeddedError(f"PostgreSQL could not be set up in {self.home}: {reason}")

    def _check_home(self) -> None:
        version = (self.home / "PG_VERSION").read_text().strip()
        if version != VERSION:
            raise EmbeddedError(
                f"{self.home} was made by PostgreSQL {version}, but this is {VERSION}: dump and restore it."
            )
        if not self._password_file().exists():
            raise EmbeddedError(f"{self._password_file()} is missing, so nobody can open the database in {self.home}.")

    def _password_file(self) -> Path:
        return self.home.with_name(f"{self.home.name}.password")

    def _password(self) -> str:
        """The password; made here for a database that is not made yet, so that its address is known beforehand."""
        path = self._password_file()
        if not path.exists() and not self.home.exists():
            _write_private(path, secrets.token_urlsafe(24))
        return path.read_text().strip()


def _write_private(path: Path, content: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
