"""The staging tables of an import: what the file holds, before anything of it is decided.

They are temporary tables of one connection, filled by COPY, so that neither the size of the file nor the order of its
records costs memory. Rows are kept by `position`, the order of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from django.db import connection

from comments.interchange.fields import name_within
from comments.interchange.records import HTML, MARKDOWN, ArticleRecord, CommentRecord, Record
from project.addresses import canonical_url, email_key
from project.text import clean_imported, from_markdown

ROWS_A_COPY: Final = 2_000

ARTICLE_COLUMNS: Final = {
    "position": "bigint",
    "key": "text",
    "place": "text",
    "source": "text",
    "item_source": "text",
    "url": "text",
    "url_key": "text",
    "former_key": "text",
    "identifiers": "text[]",
    "title": "text",
    "state": "text",
    "visibility": "text",
    "comments_open": "boolean",
    "published_at": "timestamptz",
    "summary": "text",
    "html": "text",
    "author_name": "text",
    "tags": "text[]",
    "post_id": "text",
    "post_parent": "text",
    "only_with_comments": "boolean",
}
COMMENT_COLUMNS: Final = {
    "position": "bigint",
    "article_key": "text",
    "place": "text",
    "provider": "text",
    "external_id": "text",
    "parent_external_id": "text",
    "partner_provider": "text",
    "partner_id": "text",
    "author_name": "text",
    "author_email": "text",
    "author_url": "text",
    "author_key": "text",
    "created_at": "timestamptz",
    "source": "text",
    "html": "text",
    "text": "text",
    "content_hash": "text",
    "status": "text",
    "edited_at": "timestamptz",
    "is_pinned": "boolean",
    "up": "integer",
    "down": "integer",
}
RENDERERS: Final = {HTML: clean_imported, MARKDOWN: from_markdown}
TABLES: Final = ("intake_article", "intake_comment", "intake_batch", "intake_node")


def create_tables() -> None:
    """Make the tables, empty; those that an import before left on this connection go."""
    with connection.cursor() as cursor:
        drop_tables()
        for table, columns in (("intake_article", ARTICLE_COLUMNS), ("intake_comment", COMMENT_COLUMNS)):
            cursor.execute(f"CREATE TEMPORARY TABLE {table} ({', '.join(map(' '.join, columns.items()))})")
        cursor.execute("ALTER TABLE intake_article ADD article_id bigint")


def drop_tables() -> None:
    """Remove the tables of this connection, those that exist."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(f'pg_temp.{table}' for table in TABLES)}")


def stage(records: Iterable[Record], progress: Callable[[int], None] | None = None) -> None:
    """Write every record of a file into the staging tables, their texts sanitised, and index them.

    `progress` is told the number of records after each batch.
    """
    articles: list[tuple[Any, ...]] = []
    comments: list[tuple[Any, ...]] = []
    position = 0
    for position, record in enumerate(records, start=1):
        if isinstance(record, ArticleRecord):
            articles.append(_article_row(position, record))
        else:
            comments.append(_comment_row(position, record))
        if len(articles) >= ROWS_A_COPY or len(comments) >= ROWS_A_COPY:
            _copy("intake_article", ARTICLE_COLUMNS, articles)
            _copy("intake_comment", COMMENT_COLUMNS, comments)
            if progress:
                progress(position)
    _copy("intake_article", ARTICLE_COLUMNS, articles)
    _copy("intake_comment", COMMENT_COLUMNS, comments)
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX ON intake_article (key)")
        cursor.execute("CREATE INDEX ON intake_article (article_id)")
        cursor.execute("CREATE INDEX ON intake_comment (article_key)")
        cursor.execute("CREATE INDEX ON intake_comment (external_id)")
        cursor.execute("CREATE UNIQUE INDEX ON intake_comment (position)")
        cursor.execute("ANALYZE intake_article, intake_comment")


def _copy(table: str, columns: Iterable[str], rows: list[tuple[Any, ...]]) -> None:
    """Copy the rows into a table and forget them."""
    if not rows:
        return
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    rows.clear()


def _article_row(position: int, record: ArticleRecord) -> tuple[Any, ...]:
    url_key = canonical_url(record.url) if record.url else ""
    former_key = canonical_url(record.former_url) if record.former_url else ""
    return (
        position,
        record.key,
        record.where,
        record.source,
        # An id that another article's comment has already is told apart by the name of its page in the file.
        name_within(f"{record.source} {former_key or url_key or record.identifiers[0]}", 500),
        record.url,
        url_key,
        former_key,
        list(record.identifiers),
        record.title,
        record.state,
        record.visibility,
        record.comments_open,
        record.published_at,
        record.summary,
        record.html,
        record.author_name,
        list(record.tags),
        record.post_id,
        record.post_parent,
        record.only_with_comments,
    )


def _comment_row(position: int, record: CommentRecord) -> tuple[Any, ...]:
    rendered = RENDERERS[record.markup](record.html)
    return (
        position,
        record.article,
        record.where,
        record.provider,
        record.external_id,
        record.parent_external_id,
        record.partner_provider,
        record.partner_id,
        record.author_name,
        record.author_email,
        record.author_url,
        _author_key(record.author_email),
        record.created_at,
        rendered.source,
        rendered.html,
        rendered.text,
        hashlib.sha256(rendered.source.encode()).hexdigest(),
        record.status,
        record.edited_at,
        record.is_pinned,
        record.up,
        record.down,
    )


@lru_cache(maxsize=16_384)
def _author_key(address: str) -> str:
    return email_key(address) if address else ""
