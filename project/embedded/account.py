"""As whom the servers run, and a short place for their sockets.

PostgreSQL refuses to run as root. So for root the servers run under an unprivileged account: the owner of the
data where there is one already, else `nobody`. For everybody else they run as the caller. Nothing outside the
data folder changes its mode or owner: a server enters its folder through its working directory (`processes`),
and programs that the account cannot reach are copied into the place.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from project.embedded import wheels
from project.embedded.errors import EmbeddedError

# A socket's path may have 107 bytes (sun_path on Linux; 103 on macOS); "/sockets/.s.PGSQL.5432.lock" comes after.
LONGEST_PLACE = 70
PREFIX = "afterword-"


class Switch(TypedDict, total=False):
    """The arguments of `subprocess` that change the account."""

    user: int
    group: int
    extra_groups: list[str | int]


@dataclass(frozen=True)
class Account:
    """The account of the servers. `switch` tells whether it differs from the caller's, who is then root."""

    uid: int
    gid: int
    switch: bool

    def own(self, path: Path, mode: int) -> None:
        """Give a folder or file of ours to the account."""
        path.chmod(mode)
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def can_run(self, program: Path) -> bool:
        try:
            return self.run([str(program), "--version"], cwd=Path("/")).returncode == 0
        except PermissionError:
            return False

    def run(self, command: list[str], cwd: Path, pass_fds: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=cwd,
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            pass_fds=pass_fds,
            **self.arguments(),
        )

    def arguments(self) -> Switch:
        """Keyword arguments of `subprocess` that make a child run under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}


def server_environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def choose_account(data: Path) -> Account:
    """The account for servers whose files lie in `data` (which need not exist yet)."""
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise EmbeddedError(f"{data} belongs to another user; start as that user or choose another DATA_DIR.")
        return Account(os.geteuid(), os.getegid(), switch=False)
    if owner and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, switch=True)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and there is no user nobody: start as another user."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid, switch=True)


@dataclass(frozen=True)
class Place:
    """A short folder in the system's temporary folder: sockets (0700), and copied programs where needed."""

    root: Path
    account: Account
    postgres: Path
    valkey: Path

    @property
    def sockets(self) -> Path:
        return self.root / "sockets"

    def remove(self) -> None:
        remove_place(self.root)


def make_place(account: Account) -> Place:
    """Make a place in the first temporary folder whose path is short and whose files the account may run."""
    postgres, valkey = wheels.postgres_programs(), wheels.valkey_program()
    copy = not (account.can_run(postgres / "postgres") and account.can_run(valkey))
    for folder in _short_folders():
        root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        root.chmod(0o711 if account.switch else 0o700)
        (root / "sockets").mkdir()
        account.own(root / "sockets", 0o700)
        if copy:
            postgres, valkey = wheels.copy_postgres(root / "programs"), wheels.copy_valkey(root / "programs")
        if not copy or (account.can_run(postgres / "postgres") and account.can_run(valkey)):
            return Place(root, account, postgres, valkey)
        shutil.rmtree(root)
    raise EmbeddedError(
        "No temporary folder has a short path and lets programs run: set TMPDIR, or DATABASE_URL and REDIS_URL."
    )


def make_own_place() -> Path:
    """Make a place (0700) for our own sockets where no server needs one; `remove_place` takes it away."""
    for folder in _short_folders():
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    raise EmbeddedError("No temporary folder has a short path: set TMPDIR.")


def _short_folders() -> list[str]:
    folders = dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"))  # noqa: S108
    longest = LONGEST_PLACE - len(PREFIX) - 8
    return [folder for folder in folders if len(os.fsencode(folder)) <= longest and os.access(folder, os.W_OK)]


def remove_place(root: Path) -> None:
    """Remove a place, also one that a killed `up` left. What is not certainly ours stays."""
    ours = root.name.startswith(PREFIX) and root.is_dir() and not root.is_symlink()
    if ours and root.stat().st_uid == os.geteuid():
        shutil.rmtree(root, ignore_errors=True)
