"""Which staged comments are known already, and which are new: one batch of articles at a time.

The batch's comments stand in `intake_node`, without their texts. A comment's outside identity is (site, provider,
source, id); its partner's id, where the file tells it, is looked for and kept under the source `article:ID`.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

from articles.models import Site

COMMENTS_A_BATCH: Final = 5_000

_NODE: Final = """
    CREATE TEMPORARY TABLE intake_node (
        position bigint PRIMARY KEY, article_id bigint NOT NULL, provider text NOT NULL, status text NOT NULL,
        base_source text NOT NULL, item_source text NOT NULL, source text, external_id text NOT NULL,
        parent_external_id text NOT NULL, partner_provider text NOT NULL, partner_id text NOT NULL,
        comment_id bigint, is_new boolean NOT NULL DEFAULT false, known_as_itself boolean NOT NULL DEFAULT false,
        parent_id bigint, parent_is_new boolean NOT NULL DEFAULT false, root_id bigint, depth integer,
        shown boolean NOT NULL DEFAULT false, is_pinned boolean NOT NULL DEFAULT false) WITH (fillfactor = 25)"""

# Articles in the order of the file; a batch ends with the article that fills it.
_BATCHES: Final = """
    CREATE TEMPORARY TABLE intake_batch AS
    SELECT article_id, (sum(comments) OVER (ORDER BY first) - comments)::bigint / %s AS batch
    FROM (SELECT a.article_id, count(*) AS comments, min(c.position) AS first
          FROM intake_article AS a JOIN intake_comment AS c ON c.article_key = a.key
          GROUP BY a.article_id) AS articles"""

_FILL: Final = """
    INSERT INTO intake_node (position, article_id, provider, status, base_source, item_source, external_id,
        parent_external_id, partner_provider, partner_id)
    SELECT c.position, a.article_id, c.provider, c.status, a.source, a.item_source, c.external_id,
        c.parent_external_id, c.partner_provider, c.partner_id
    FROM intake_batch AS b JOIN intake_article AS a ON a.article_id = b.article_id
        JOIN intake_comment AS c ON c.article_key = a.key
    WHERE b.batch = %s ORDER BY c.position"""

# An id that leads to a comment of another article, in the database or earlier in this file, is not this comment's.
_SOURCE: Final = """
    UPDATE intake_node AS n SET source = CASE
        WHEN m.known_on = n.article_id OR (m.known_on IS NULL AND m.first_on = n.article_id) THEN n.base_source
        ELSE n.item_source END
    FROM (SELECT position,
              first_value(article_id) OVER (
                  PARTITION BY provider, base_source, external_id ORDER BY position) AS first_on,
              (SELECT c.article_id FROM comments_externalref AS e JOIN comments_comment AS c ON c.id = e.comment_id
               WHERE e.site_id = %(site)s AND e.provider = o.provider AND e.source = o.base_source
                   AND e.external_id = o.external_id) AS known_on
          FROM intake_node AS o) AS m
    WHERE m.position = n.position"""

# Each look-up is a subquery, so that it is one probe of the unique index whatever the planner thinks of the tables.
_KNOWN: Final = """
    UPDATE intake_node AS n SET comment_id = k.comment_id, known_as_itself = {itself}
    FROM (SELECT position, (
              SELECT e.comment_id FROM comments_externalref AS e
              WHERE e.site_id = %(site)s AND e.provider = m.{provider} AND e.source = {source}
                  AND e.external_id = m.{external_id}) AS comment_id
          FROM intake_node AS m WHERE m.comment_id IS NULL AND m.{external_id} <> '' OFFSET 0) AS k
    WHERE k.position = n.position AND k.comment_id IS NOT NULL"""
_ITSELF: Final = _KNOWN.format(itself=True, provider="provider", source="m.source", external_id="external_id")

# Another system's comment has named this one as its partner.
_OF_ARTICLE: Final = "'article:' || m.article_id"
_NAMED: Final = _KNOWN.format(itself=False, provider="provider", source=_OF_ARTICLE, external_id="external_id")

# This one's partner was named before, by another post with the same one.
_PARTNER_NAMED: Final = _KNOWN.format(
    itself=False, provider="partner_provider", source=_OF_ARTICLE, external_id="partner_id"
)

# This one's partner is here under its own name.
_PARTNER_ITSELF: Final = """
    UPDATE intake_node AS n SET comment_id = p.comment_id
    FROM (SELECT DISTINCT ON (m.position) m.position, c.id AS comment_id
          FROM intake_node AS m JOIN comments_comment AS c ON c.article_id = m.article_id
              JOIN comments_externalref AS e ON e.comment_id = c.id
          WHERE m.comment_id IS NULL AND m.partner_id <> '' AND e.provider = m.partner_provider
              AND e.external_id = m.partner_id
          ORDER BY m.position, e.id) AS p
    WHERE p.position = n.position"""

# Of several with one identity the first counts, and of several of these with one partner the first.
_FIRST: Final = """
    UPDATE intake_node AS n SET is_new = true, comment_id = drawn.id
    FROM (SELECT position, nextval(pg_get_serial_sequence('comments_comment', 'id')) AS id
          FROM (SELECT position FROM (
                    SELECT position, partner_id, row_number() OVER (
                        PARTITION BY article_id, partner_provider, partner_id ORDER BY position) AS same_partner
                    FROM (SELECT DISTINCT ON (provider, source, external_id) *
                          FROM intake_node WHERE comment_id IS NULL
                          ORDER BY provider, source, external_id, position) AS first_of_id) AS numbered
                WHERE partner_id = '' OR same_partner = 1 ORDER BY position) AS ordered) AS drawn
    WHERE drawn.position = n.position"""

# That neither partner is empty is said of both: the planner believes that few are new, and would walk the comments
# without a partner once for each of them.
_SAME_PARTNER: Final = """
    UPDATE intake_node AS n SET comment_id = f.comment_id
    FROM intake_node AS f
    WHERE n.comment_id IS NULL AND n.partner_id <> '' AND f.partner_id <> '' AND f.is_new
        AND f.article_id = n.article_id AND f.partner_provider = n.partner_provider
        AND f.partner_id = n.partner_id"""

_SAME_ID: Final = """
    UPDATE intake_node AS n SET comment_id = f.comment_id
    FROM (SELECT DISTINCT ON (provider, source, external_id) provider, source, external_id, comment_id
          FROM intake_node WHERE comment_id IS NOT NULL
          ORDER BY provider, source, external_id, position) AS f
    WHERE n.comment_id IS NULL AND f.provider = n.provider AND f.source = n.source
        AND f.external_id = n.external_id"""

_STEPS: Final = (_SOURCE, _ITSELF, _NAMED, _PARTNER_NAMED, _PARTNER_ITSELF, _FIRST, _SAME_PARTNER, _SAME_ID)


def plan_batches() -> int:
    """Split the staged comments into batches of whole articles; return how many batches there are."""
    with connection.cursor() as cursor:
        cursor.execute(_BATCHES, [COMMENTS_A_BATCH])
        cursor.execute(_NODE)
        for columns in ("comment_id", "parent_id"):
            cursor.execute(f"CREATE INDEX ON intake_node ({columns})")
        cursor.execute("SELECT coalesce(max(batch) + 1, 0) FROM intake_batch")
        return int(cursor.fetchone()[0])


def one_import_at_a_time(site: Site) -> None:
    """Let the batches of two imports into one site follow one another: the second finds the first's comments."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('intake', %s))", [site.pk])


def tell_apart(site: Site, batch: int) -> None:
    """Load one batch into `intake_node` and decide for each comment whether it is new.

    Afterwards every node has its `comment_id`: one drawn for it (`is_new`), or that of the comment which it repeats.
    """
    parameters: dict[str, Any] = {"site": site.pk}
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE intake_node")
        cursor.execute(_FILL, [batch])
        cursor.execute("ANALYZE intake_node")
        for step in _STEPS:
            cursor.execute(step, parameters)
