"""Parents, roots, depths and counters of one batch of new comments, worked out before they are inserted."""

from __future__ import annotations

from typing import Final

from django.db import connection

from articles.models import Site
from comments.interchange.records import EXAMPLES, Warnings

# A parent is looked for among the batch's comments of the same article and source, whatever became of them.
_PARENT_IN_FILE: Final = """
    UPDATE intake_node AS n SET parent_id = p.comment_id, parent_is_new = p.is_new
    FROM (SELECT DISTINCT ON (m.position) m.position, q.comment_id, own.is_new
          FROM intake_node AS m
              JOIN intake_node AS q ON q.external_id = m.parent_external_id AND q.article_id = m.article_id
                  AND q.base_source = m.base_source
              CROSS JOIN LATERAL (SELECT EXISTS (
                  SELECT FROM intake_node AS o WHERE o.comment_id = q.comment_id AND o.is_new) AS is_new) AS own
          WHERE m.is_new AND m.parent_external_id <> ''
          ORDER BY m.position, q.provider <> m.provider, q.position) AS p
    WHERE p.position = n.position AND p.comment_id <> n.comment_id"""

_PARENT_IN_DATABASE: Final = """
    UPDATE intake_node AS n SET parent_id = p.comment_id
    FROM (SELECT DISTINCT ON (m.position) m.position, c.id AS comment_id
          FROM intake_node AS m
              JOIN comments_externalref AS e ON e.site_id = %(site)s AND e.external_id = m.parent_external_id
                  AND e.source IN (m.base_source, m.item_source)
                  AND e.provider IN (m.provider, 'wordpress', 'disqus', 'webmention')
              JOIN comments_comment AS c ON c.id = e.comment_id AND c.article_id = m.article_id
          WHERE m.is_new AND m.parent_id IS NULL AND m.parent_external_id <> ''
              AND m.parent_external_id <> m.external_id
          ORDER BY m.position, e.id) AS p
    WHERE p.position = n.position"""

_WITHOUT_PARENT: Final = """
    SELECT reason, count(*), (array_agg(place ORDER BY position))[:%s]
    FROM (SELECT n.position, c.place, CASE
              WHEN n.parent_external_id = n.external_id
                  THEN 'comments that answer themselves were made roots'
              WHEN EXISTS (SELECT FROM intake_comment AS o WHERE o.external_id = n.parent_external_id)
                  THEN 'answers to a comment of another article were made roots'
              ELSE 'answers to a comment that is not in the file were made roots' END AS reason
          FROM intake_node AS n JOIN intake_comment AS c ON c.position = n.position
          WHERE n.is_new AND n.parent_external_id <> '' AND n.parent_id IS NULL) AS orphans
    GROUP BY reason"""

_PLACES: Final = """
    WITH RECURSIVE placed AS (
        SELECT n.comment_id, coalesce(c.root_id, n.comment_id) AS root_id, coalesce(c.depth + 1, 0) AS depth
        FROM intake_node AS n LEFT JOIN comments_comment AS c ON c.id = n.parent_id
        WHERE n.is_new AND NOT n.parent_is_new AND n.depth IS NULL
        UNION ALL
        SELECT n.comment_id, p.root_id, p.depth + 1
        FROM placed AS p JOIN intake_node AS n ON n.parent_id = p.comment_id AND n.is_new AND n.parent_is_new)
    UPDATE intake_node AS n SET root_id = p.root_id, depth = p.depth
    FROM placed AS p WHERE p.comment_id = n.comment_id AND n.is_new"""

_PLACES_OF: Final = """
    SELECT c.place FROM intake_node AS n JOIN intake_comment AS c ON c.position = n.position
    WHERE n.is_new AND n.comment_id = ANY(%s) ORDER BY n.position LIMIT %s"""

# Shown are approved comments and those above one; the walk goes up only from where nothing was approved.
_SHOWN: Final = """
    WITH RECURSIVE above AS (
        SELECT parent_id FROM intake_node WHERE is_new AND parent_is_new AND status = 'approved'
        UNION
        SELECT n.parent_id FROM above AS a JOIN intake_node AS n ON n.comment_id = a.parent_id
        WHERE n.is_new AND n.parent_is_new AND n.status <> 'approved')
    UPDATE intake_node AS n SET shown = true
    WHERE n.is_new AND (n.status = 'approved' OR n.comment_id IN (SELECT parent_id FROM above))"""


def grow(site: Site, warnings: Warnings) -> None:
    """Give every new node its parent, root, depth and whether it will stand in the public tree.

    A missing parent, one of another article, a comment that answers itself, and the first comment of a circle
    become roots, each with a warning.
    """
    with connection.cursor() as cursor:
        # The planner must know how many comments are new, or it walks the batch once for each of them.
        cursor.execute("ANALYZE intake_node")
        cursor.execute(_PARENT_IN_FILE)
        cursor.execute(_PARENT_IN_DATABASE, {"site": site.pk})
        cursor.execute(_WITHOUT_PARENT, [EXAMPLES])
        for reason, count, places in cursor.fetchall():
            warnings.add(places, reason, count)
        cursor.execute(_PLACES)
        cursor.execute("SELECT comment_id, parent_id FROM intake_node WHERE is_new AND depth IS NULL ORDER BY position")
        if circling := dict(cursor.fetchall()):
            first = first_of_circles(circling)
            cursor.execute(
                "UPDATE intake_node SET parent_id = NULL, parent_is_new = false WHERE is_new AND comment_id = ANY(%s)",
                [first],
            )
            cursor.execute(_PLACES_OF, [first, EXAMPLES])
            places = [place for (place,) in cursor.fetchall()]
            warnings.add(places, "answers that go round in a circle were made roots", len(first))
            cursor.execute(_PLACES)
        cursor.execute(_SHOWN)


def first_of_circles(parents: dict[int, int]) -> list[int]:
    """Return one comment of each circle in `parents` (child to parent): the one that comes first in the dict."""
    number = {comment: position for position, comment in enumerate(parents)}
    settled: set[int] = set()
    found: list[int] = []
    for start in parents:
        path: dict[int, None] = {}
        node = start
        while node in parents and node not in settled and node not in path:
            path[node] = None
            node = parents[node]
        if node in path:
            way = list(path)
            found.append(min(way[way.index(node) :], key=number.__getitem__))
        settled.update(path)
    return found


# A known parent counts its new children that stand in the tree; a known root all new approved ones of its branch.
_ADDED: Final = """
    SELECT id, sum(shown)::int, sum(direct)::int, sum(branch)::int
    FROM (SELECT parent_id AS id, shown::int AS shown, (status = 'approved')::int AS direct, 0 AS branch
          FROM intake_node WHERE is_new AND parent_id IS NOT NULL AND NOT parent_is_new
          UNION ALL
          SELECT n.root_id, 0, 0, 1 FROM intake_node AS n
          WHERE n.is_new AND n.status = 'approved'
              AND NOT EXISTS (SELECT FROM intake_node AS o WHERE o.is_new AND o.comment_id = n.root_id)) AS added
    GROUP BY id"""

_COUNT_UP: Final = """
    UPDATE comments_comment AS c
    SET shown_replies = c.shown_replies + a.shown,
        reply_count = c.reply_count + CASE WHEN c.depth = 0 THEN a.branch ELSE a.direct END
    FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[]) AS a (id, shown, direct, branch)
    WHERE c.id = a.id
    RETURNING c.id, c.parent_id, c.status <> 'approved' AND a.shown > 0 AND c.shown_replies = a.shown"""


def count_above() -> list[int]:
    """Carry the new comments up to known ones; return the ids of those that became visible as tombstones by it."""
    flipped: list[int] = []
    with connection.cursor() as cursor:
        cursor.execute(_ADDED)
        added = [tuple(row) for row in cursor.fetchall()]
        while added:
            ids = [row[0] for row in added]
            cursor.execute(
                "SELECT id FROM comments_comment WHERE id = ANY(%s) ORDER BY depth DESC, id FOR NO KEY UPDATE", [ids]
            )
            cursor.execute(_COUNT_UP, [list(column) for column in zip(*added, strict=True)])
            above: dict[int, int] = {}
            for comment, parent, became_shown in cursor.fetchall():
                if became_shown:
                    flipped.append(comment)
                    if parent is not None:
                        above[parent] = above.get(parent, 0) + 1
            added = [(parent, count, 0, 0) for parent, count in above.items()]
    return flipped
