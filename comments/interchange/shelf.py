"""What a reader must remember of a file while it reads on: on disk, so that it costs no memory."""

from __future__ import annotations

import sqlite3


class Shelf:
    """Short texts by kind and name, in a temporary file without a name: nothing of it is left behind."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute("PRAGMA synchronous = OFF")
        self._rows.execute(
            "CREATE TABLE shelf (kind TEXT, name TEXT, value TEXT, PRIMARY KEY (kind, name)) WITHOUT ROWID"
        )

    def put(self, kind: str, name: str, value: str = "") -> bool:
        """Keep a text unless one of this name is there; say whether it was new."""
        return self._rows.execute("INSERT OR IGNORE INTO shelf VALUES (?, ?, ?)", (kind, name, value)).rowcount == 1

    def get(self, kind: str, name: str) -> str:
        """Return what was kept, "" for nothing."""
        found = self._rows.execute("SELECT value FROM shelf WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        return str(found[0]) if found else ""
