"""Everything that is stored, as one text: what a test about privacy looks through."""

from __future__ import annotations

from typing import Any, Final

import redis
from django.db import connection

TABLES: Final = """
    SELECT c.table_schema, c.table_name,
        array_agg(c.column_name::text) FILTER (WHERE c.data_type = 'bytea')
    FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
    WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')
    GROUP BY 1, 2 ORDER BY 1, 2"""


def dump_of_database() -> str:
    """Return every row of every table of this database, one a line; bytes also as the letters that they may be."""
    lines = []
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        for schema, table, binary in cursor.fetchall():
            letters = "".join(f""" || ' ' || coalesce(encode("{name}", 'escape'), '')""" for name in binary or ())
            cursor.execute(f'SELECT kept::text{letters} FROM "{schema}"."{table}" AS kept')
            lines += [f"{table} {row}" for (row,) in cursor.fetchall()]
    return "\n".join(lines)


def dump_of_valkey(url: str) -> str:
    """Return every key with its value; nothing of it is compressed, as it would be in the server's own dump."""
    with redis.Redis.from_url(url) as client:
        return "\n".join(f"{key!r} {_value(client, key)!r}" for key in client.scan_iter())


def _value(client: Any, key: bytes) -> Any:
    match client.type(key):
        case b"string":
            return client.get(key)
        case b"hash":
            return client.hgetall(key)
        case b"list":
            return client.lrange(key, 0, -1)
        case b"set":
            return client.smembers(key)
        case b"zset":
            return client.zrange(key, 0, -1)
        case b"stream":
            return client.xrange(key)
    return client.dump(key)
