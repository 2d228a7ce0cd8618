"""The record of a running `manage.py up`, read by every other command on the same data folder.

`DATA_DIR/run/up.json` (0600) says which process supervises, where database and broker answer, which children run
and which place they use. The lock beside it lets one `up` run at a time. The record outlives a killed `up`: the
next one reads it, ends the children that are still there and removes the place.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from project.embedded.errors import EmbeddedError
from project.embedded.processes import Identity


@dataclass
class Stray:
    """A child as the record keeps it: enough to recognise it and to end it as it wants to be ended."""

    name: str
    identity: Identity
    stop_signal: int


@dataclass
class Record:
    """What `up.json` holds. `data` is device and inode of the data folder, so that a copy of it claims nobody."""

    supervisor: Identity
    data: str
    database_url: str = ""
    redis_url: str = ""
    web_url: str = ""
    place: str = ""
    children: list[Stray] = field(default_factory=list)

    def write(self, data_dir: Path) -> None:
        path = _path(data_dir)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=1)
        new.rename(path)


def lock(data_dir: Path) -> int:
    """Take the data folder for this process until it ends, however it ends; the descriptor must stay open."""
    folder = _path(data_dir).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise EmbeddedError(f"Another `manage.py up` runs on {data_dir}; stop it first or set DATA_DIR.") from None
    return descriptor


def read_record(data_dir: Path) -> Record | None:
    """The record of the last `up` on this data folder, running or not; None if there is none that fits."""
    try:
        found = json.loads(_path(data_dir).read_text())
        children = [Stray(c["name"], Identity(**c["identity"]), c["stop_signal"]) for c in found.pop("children")]
        record = Record(**{**found, "supervisor": Identity(**found["supervisor"]), "children": children})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if record.data == folder_mark(data_dir) else None


def read_running(data_dir: Path) -> Record | None:
    """The record of the `up` that runs now on this data folder, or None."""
    record = read_record(data_dir)
    return record if record and record.supervisor.alive else None


def forget(data_dir: Path) -> None:
    _path(data_dir).unlink(missing_ok=True)


def folder_mark(data_dir: Path) -> str:
    status = data_dir.stat()
    return f"{status.st_dev}:{status.st_ino}"


def _path(data_dir: Path) -> Path:
    return data_dir / "run" / "up.json"
