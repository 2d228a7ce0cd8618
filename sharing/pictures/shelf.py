"""Pictures that were drawn, kept as files for a day; a lost file is drawn again.

A file is written under another name and moved, so that two processes may draw the same picture at once and nobody
reads half of one. Whoever adds one takes away what is too old or too much.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Final

from django.conf import settings

log = logging.getLogger(__name__)

# Some 60 kB each.
MOST: Final = 1_000
SECONDS: Final = 24 * 3600


def take(name: str) -> bytes | None:
    """Return a kept picture, None where there is none."""
    try:
        return (folder() / name).read_bytes()
    except OSError:
        return None


def put(name: str, body: bytes) -> None:
    """Keep a picture; where nothing can be written it is drawn again each time."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder(), suffix=".new", delete=False) as file:
            file.write(body)
        Path(file.name).replace(folder() / name)
    except OSError:
        log.warning("a picture cannot be kept in %s", folder(), exc_info=True)
        return
    prune()


def prune() -> None:
    """Take away pictures that are older than a day, and the oldest of more than there may be."""
    kept = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder()) as entries:
        for entry in entries:
            # Another process may have taken it away since.
            with contextlib.suppress(FileNotFoundError):
                kept.append((entry.stat().st_mtime, entry.path))
    kept.sort(reverse=True)
    oldest = time.time() - SECONDS
    for position, (written, path) in enumerate(kept):
        if position >= MOST or written < oldest:
            Path(path).unlink(missing_ok=True)


def folder() -> Path:
    """Return the folder of the pictures."""
    return Path(settings.DATA_DIR) / "cards"
