"""What an import cannot do without: read a Disqus export, sanitise its texts, and copy them into one table.

`python -m tests.benchmarks.copier EXPORT`. No identities, trees, counters, versions or search; and
whatever is odd in the file ends it.
"""

from __future__ import annotations

import os
import sys

import nh3
import psycopg
from lxml import etree

DISQUS = "{http://disqus.com}"
NUMBER = "{http://disqus.com/disqus-internals}id"
TABLE = """
    CREATE TABLE {name} (id bigint PRIMARY KEY, thread bigint NOT NULL, parent bigint, author text NOT NULL,
        created_at timestamptz NOT NULL, html text NOT NULL)"""


def main() -> None:
    name = f"copied_{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute(TABLE.format(name=name))
        with connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
            for _, post in etree.iterparse(sys.argv[1], tag=f"{DISQUS}post"):
                copy.write_row(_row(post))
                post.clear()
                while post.getprevious() is not None:
                    del post.getparent()[0]
        connection.commit()


def _row(post: etree._Element) -> tuple[object, ...]:
    thread, parent, author = (post.find(f"{DISQUS}{name}") for name in ("thread", "parent", "author"))
    assert thread is not None and author is not None
    return (
        post.get(NUMBER),
        thread.get(NUMBER),
        None if parent is None else parent.get(NUMBER),
        author.findtext(f"{DISQUS}name"),
        post.findtext(f"{DISQUS}createdAt"),
        nh3.clean(post.findtext(f"{DISQUS}message") or ""),
    )


if __name__ == "__main__":
    main()
