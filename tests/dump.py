"""Everything that is stored, as one text: what a test about privacy looks through."""

from __future__ import annotations

import redis
from django.db import connection


def dump_of_database() -> str:
    """Return every row of every table of this database, one a line."""
    lines = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT kept::text FROM {table} AS kept")
            lines += [f"{table} {row}" for (row,) in cursor.fetchall()]
    return "\n".join(lines)


def dump_of_valkey(url: str) -> str:
    """Return every key with its value, as the server dumps it, and the text of plain ones."""
    with redis.Redis.from_url(url) as client:
        lines = []
        for key in client.scan_iter():
            value = client.get(key) if client.type(key) == b"string" else client.dump(key)
            lines.append(f"{key!r} {value!r}")
    return "\n".join(lines)
