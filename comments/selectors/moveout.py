"""Everything of a site's conversations as records of the lossless format (docs/leaving.md), in the order of the file.

No record names a row of this database. Articles and readers have numbers, counted in the order in which they are
stored; a comment has the identity under which it came in another such file (a reference of `OWN_SOURCE`), else the hash
of its nonce, which tells nothing of the nonce. Keys, secrets, sessions and tokens are in no record.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection

from articles.models import Site

# The source of references by which comments of our own files are known; they are no records of their own.
OWN_SOURCE: Final = "afterword"
ROWS: Final = 2_000

_ARTICLE: Final = (
    "(SELECT id, row_number() OVER (ORDER BY id) AS number FROM articles_article WHERE site_id = %(site)s)"
)
_READER: Final = "(SELECT id, row_number() OVER (ORDER BY id) AS number FROM comments_reader WHERE site_id = %(site)s)"
IDENTITIES: Final = f"""
    (SELECT c.id, c.article_id, c.root_id, c.depth,
        coalesce(own.external_id, encode(sha256(uuid_send(c.nonce)), 'hex')) AS key
    FROM comments_comment AS c LEFT JOIN comments_externalref AS own
        ON own.comment_id = c.id AND own.provider = 'native' AND own.source = '{OWN_SOURCE}'
    WHERE c.site_id = %(site)s)"""  # noqa: S608  (constants only)

_ARTICLES: Final = f"""
    SELECT n.number, a.visibility, a.state, a.title, a.url, a.identifier, a.summary, a.html, a.author_name,
        a.author_email, a.image, a.tags, a.source_name, a.source_author, a.source_title, a.source_url, a.comments_open,
        a.published_at, a.announced_at, a.deleted_at, a.created_at, a.updated_at,
        coalesce((SELECT json_agg(json_build_array(k.kind, k.key, k.given_by) ORDER BY k.kind, k.key COLLATE "C")
            FROM articles_articlekey AS k WHERE k.article_id = a.id), '[]') AS keys
    FROM articles_article AS a JOIN {_ARTICLE} AS n ON n.id = a.id ORDER BY n.number"""  # noqa: S608

_READERS: Final = f"""
    SELECT n.number, r.name, r.address, r.url, r.role, r.created_at, r.verified_at, r.erased_at,
        coalesce((SELECT json_agg(json_build_array(i.provider, i.subject) ORDER BY i.provider COLLATE "C",
            i.subject COLLATE "C") FROM comments_identity AS i WHERE i.reader_id = r.id), '[]') AS identities
    FROM comments_reader AS r JOIN {_READER} AS n ON n.id = r.id ORDER BY n.number"""  # noqa: S608

# Parents before their replies, whatever their ids.
_COMMENTS: Final = f"""
    SELECT i.key, a.number AS article, p.key AS parent, r.number AS reader, c.provider, c.author_name, c.author_email,
        c.author_url, c.author_role, c.voter_key, c.source, c.html, c.text, c.renderer, c.revision, c.status, c.reason,
        c.created_at, c.published_at, c.edited_at, c.pinned_at
    FROM comments_comment AS c JOIN {IDENTITIES} AS i ON i.id = c.id JOIN {_ARTICLE} AS a ON a.id = c.article_id
        LEFT JOIN {IDENTITIES} AS p ON p.id = c.parent_id LEFT JOIN {_READER} AS r ON r.id = c.reader_id
    WHERE c.site_id = %(site)s ORDER BY c.depth, c.id"""  # noqa: S608

# `article:ID` as a source names a row; in the file it is `article:` alone, for the article is that of the comment.
_REFERENCES: Final = f"""
    SELECT i.key AS comment, e.provider,
        CASE WHEN e.source = 'article:' || i.article_id THEN 'article:' ELSE e.source END AS source,
        e.external_id, e.content_hash, e.direction, e.created_at
    FROM comments_externalref AS e JOIN {IDENTITIES} AS i ON i.id = e.comment_id
    WHERE e.site_id = %(site)s AND NOT (e.provider = 'native' AND e.source = '{OWN_SOURCE}')
    ORDER BY i.depth, i.id, e.provider, e.source COLLATE "C", e.external_id COLLATE "C" """  # noqa: S608

_REVISIONS: Final = f"""
    SELECT i.key AS comment, r.number, r.source, r.text_hash, r.editor, r.created_at
    FROM comments_revision AS r JOIN {IDENTITIES} AS i ON i.id = r.comment_id
    WHERE r.site_id = %(site)s ORDER BY i.depth, i.id, r.number"""  # noqa: S608

_VOTES: Final = f"""
    SELECT i.key AS comment, v.voter_key, v.value, v.created_at
    FROM comments_vote AS v JOIN {IDENTITIES} AS i ON i.id = v.comment_id
    WHERE v.site_id = %(site)s ORDER BY i.depth, i.id, v.voter_key COLLATE "C" """  # noqa: S608

SECTIONS: Final = {
    "article": _ARTICLES,
    "reader": _READERS,
    "comment": _COMMENTS,
    "reference": _REFERENCES,
    "revision": _REVISIONS,
    "vote": _VOTES,
}


def records(site: Site) -> Iterator[dict[str, Any]]:
    """Yield every record of a site, with its `type` first, through a cursor of the server: memory stays flat.

    The caller holds the transaction (`selectors.snapshot`), so that all sections tell of one moment.
    """
    for kind, statement in SECTIONS.items():
        with connection.chunked_cursor() as cursor:
            cursor.execute(statement, {"site": site.pk})
            names: list[str] = []
            while rows := cursor.fetchmany(ROWS):
                names = names or [column.name for column in cursor.description]
                for row in rows:
                    yield {"type": kind, **dict(zip(names, map(_plain, row), strict=True))}


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
