"""What a WXR file tells of a site: its articles, each with its comments, parents before their replies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from django.db import connection

from articles.models import Site

Row = dict[str, Any]
ROWS: Final = 2_000

_ARTICLES: Final = """
    SELECT id, title, url, identifier, html, summary, author_name, tags, visibility, state, comments_open, created_at,
        published_at
    FROM articles_article WHERE site_id = %s ORDER BY id"""

_COMMENTS: Final = """
    SELECT article_id, id, parent_id, provider, author_name, author_email, author_url, created_at, html, status
    FROM comments_comment WHERE site_id = %s ORDER BY article_id, depth, id"""


def articles_with_comments(site: Site) -> Iterator[tuple[Row, Iterator[Row]]]:
    """Yield each article of a site with its comments, read while they are used: memory stays flat.

    The caller holds the transaction. The comments of an article must be used before the next article is asked for.
    """
    groups = groupby(_rows(_COMMENTS, site), key=lambda row: row["article_id"])
    pending = next(groups, None)
    for article in _rows(_ARTICLES, site):
        if pending is not None and pending[0] == article["id"]:
            yield article, pending[1]
            pending = next(groups, None)
        else:
            yield article, iter(())


def _rows(statement: str, site: Site) -> Iterator[Row]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, [site.pk])
        names: list[str] = []
        while rows := cursor.fetchmany(ROWS):
            names = names or [column.name for column in cursor.description]
            yield from (dict(zip(names, row, strict=True)) for row in rows)
