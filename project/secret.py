"""The key under everything that we sign: named by the environment, or made once in the data folder."""

import os
import secrets
from pathlib import Path

from project.env import EnvError, text

SHORTEST = 32


def secret_key(data_dir: Path) -> str:
    """SECRET_KEY, else the key kept in `data_dir`/secret_key (0600), made when missing.

    With DATABASE_URL the variable is required: several machines on one database must share one key, and a data
    folder that is lost with its container would end every link that was ever mailed.
    """
    if value := text("SECRET_KEY"):
        if len(value) < SHORTEST:
            raise EnvError("SECRET_KEY", f"must have at least {SHORTEST} characters.")
        return value
    if text("DATABASE_URL"):
        raise EnvError("SECRET_KEY", "must be set when DATABASE_URL is, so that all processes share one key.")
    return _kept_key(data_dir)


def _kept_key(data_dir: Path) -> str:
    path = data_dir / "secret_key"
    if not path.exists():
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_key(path)
        except OSError as error:
            raise EnvError("DATA_DIR", f"cannot be written: {error.strerror} ({path}).") from None
    try:
        value = path.read_text().strip()
    except OSError as error:
        raise EnvError("DATA_DIR", f"cannot be read: {error.strerror} ({path}).") from None
    if len(value) < SHORTEST:
        raise EnvError("DATA_DIR", f"holds a broken key in {path}; restore it, since every mailed link depends on it.")
    return value


def _make_key(path: Path) -> None:
    # Written beside and linked: of two processes that start at once, one key wins and both read it.
    new = path.with_name(f".secret_key.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        new.unlink()
