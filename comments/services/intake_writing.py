"""Writing one batch of new comments: references, pins, counters, then versions, votes and comments in one statement."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

from articles.models import Site
from comments import ranking
from comments.interchange.records import EXAMPLES, Warnings
from comments.services.moderation import MAX_PINS
from project.text import RENDERER

# A date that no comment can have (none, or one to come) is replaced by that of the article.
_UNDATED: Final = """
    SELECT count(*), (array_agg(c.place ORDER BY c.position))[:%s]
    FROM intake_node AS n JOIN intake_comment AS c ON c.position = n.position
    WHERE n.is_new AND (c.created_at IS NULL OR c.created_at > now() + interval '1 day')"""

_REFERENCES: Final = """
    INSERT INTO comments_externalref (site_id, comment_id, provider, source, external_id, content_hash, direction,
        created_at)
    SELECT %(site)s, comment_id, provider, source, external_id, content_hash, 'in', now()
    FROM (SELECT n.comment_id, n.provider, n.source, n.external_id, c.content_hash, n.position
          FROM intake_node AS n JOIN intake_comment AS c ON c.position = n.position WHERE NOT n.known_as_itself
          UNION ALL
          SELECT comment_id, partner_provider, 'article:' || article_id, partner_id, '', position
          FROM intake_node WHERE partner_id <> '') AS found
    ORDER BY position ON CONFLICT (site_id, provider, source, external_id) DO NOTHING"""

_COUNTS: Final = """
    INSERT INTO comments_threadcount AS tc (site_id, article_id, provider, count)
    SELECT %(site)s, article_id, provider, count(*) FROM intake_node
    WHERE is_new AND status = 'approved' GROUP BY article_id, provider ORDER BY article_id, provider
    ON CONFLICT (article_id, provider) DO UPDATE SET count = tc.count + excluded.count"""

# A date that no comment can have is replaced by the article's, and so is the date of its votes.
_DATED: Final = """
    CROSS JOIN LATERAL (SELECT CASE WHEN c.created_at <= now() + interval '1 day' THEN c.created_at
        ELSE least(coalesce(a.published_at, now()), now()) END AS at) AS dated"""

# Nobody knows who voted elsewhere. No voter of ours has such a key: those are hex digits only. In the statement of
# the comments, because the key to them is checked at its end.
_VOTES: Final = f"""
    INSERT INTO comments_vote (site_id, article_id, comment_id, voter_key, network_key, value, created_at)
    SELECT %(site)s, n.article_id, n.comment_id,
        'import:' || left(encode(sha256(
            convert_to(concat_ws(' ', n.provider, n.source, n.external_id, v.value, v.number), 'UTF8')), 'hex'), 25),
        '', v.value, dated.at
    FROM intake_node AS n
        JOIN intake_comment AS c ON c.position = n.position
        JOIN articles_article AS a ON a.id = n.article_id
        {_DATED}
        CROSS JOIN LATERAL (
            SELECT 1 AS value, number FROM generate_series(1, c.up) AS number
            UNION ALL SELECT -1, number FROM generate_series(1, c.down) AS number) AS v
    WHERE n.is_new AND (c.up > 0 OR c.down > 0)"""  # noqa: S608  (constants only)

# Only as many public roots of an article as a moderator could pin, who waits meanwhile.
_LOCK_PINS: Final = """
    SELECT pg_advisory_xact_lock(hashtextextended('pin:' || article_id, 0))
    FROM (SELECT DISTINCT n.article_id FROM intake_node AS n JOIN intake_comment AS c ON c.position = n.position
          WHERE n.is_new AND c.is_pinned ORDER BY n.article_id) AS pinning"""
_PINS: Final = """
    UPDATE intake_node AS n SET is_pinned = true
    FROM (SELECT m.position, row_number() OVER (PARTITION BY m.article_id ORDER BY m.position) + (
              SELECT count(*) FROM comments_comment AS k
              WHERE k.article_id = m.article_id AND k.pinned_at IS NOT NULL) AS place
          FROM intake_node AS m JOIN intake_comment AS c ON c.position = m.position
          WHERE m.is_new AND c.is_pinned AND m.depth = 0 AND m.status = 'approved') AS p
    WHERE p.position = n.position AND p.place <= %(most)s"""
_NOT_PINNED: Final = """
    SELECT count(*), (array_agg(c.place ORDER BY c.position))[1]
    FROM intake_node AS n JOIN intake_comment AS c ON c.position = n.position
    WHERE n.is_new AND c.is_pinned AND NOT n.is_pinned"""

_COMMENTS: Final = f"""
    WITH moved AS (
        INSERT INTO comments_thread AS t (site_id, article_id, version, changed_at)
        SELECT DISTINCT %(site)s, article_id, 1, now() FROM intake_node WHERE is_new AND shown ORDER BY article_id
        ON CONFLICT (article_id) DO UPDATE SET version = t.version + 1, changed_at = now()
        RETURNING article_id, version),
    stamped AS (
        UPDATE comments_comment AS c SET changed_version = m.version, shown_version = m.version
        FROM moved AS m WHERE c.id = ANY(%(flipped)s) AND c.article_id = m.article_id),
    direct AS (
        SELECT parent_id AS id, count(*) FILTER (WHERE shown) AS shown,
            count(*) FILTER (WHERE status = 'approved') AS approved
        FROM intake_node WHERE is_new AND parent_is_new GROUP BY parent_id),
    branch AS (
        SELECT root_id AS id, count(*) AS approved FROM intake_node
        WHERE is_new AND depth > 0 AND status = 'approved' GROUP BY root_id),
    voted AS ({_VOTES}),
    inserted AS (
        INSERT INTO comments_comment (id, site_id, article_id, parent_id, root_id, depth, provider, author_name,
            author_email, author_url, author_key, source, html, text, renderer, nonce, status, reason, created_at,
            published_at, edited_at, pinned_at, up, down, best, hot, controversial, reply_count,
            shown_replies, changed_version, shown_version)
        SELECT n.comment_id, %(site)s, n.article_id, n.parent_id, n.root_id, n.depth, n.provider, c.author_name,
            c.author_email, c.author_url, c.author_key, c.source, c.html, c.text, %(renderer)s, gen_random_uuid(),
            n.status, 'import', dated.at, CASE WHEN n.status IN ('approved', 'removed') THEN dated.at END,
            c.edited_at, CASE WHEN n.is_pinned THEN dated.at END, c.up, c.down, {ranking.best_sql("c.up", "c.down")},
            {ranking.hot_sql("c.up", "c.down", "dated.at")}, {ranking.controversial_sql("c.up", "c.down")},
            coalesce(CASE WHEN n.depth = 0 THEN branch.approved ELSE direct.approved END, 0), coalesce(direct.shown, 0),
            CASE WHEN n.shown THEN m.version ELSE 0 END, CASE WHEN n.shown THEN m.version END
        FROM intake_node AS n
            JOIN intake_comment AS c ON c.position = n.position
            JOIN articles_article AS a ON a.id = n.article_id
            {_DATED}
            LEFT JOIN direct ON direct.id = n.comment_id
            LEFT JOIN branch ON branch.id = n.comment_id
            LEFT JOIN moved AS m ON m.article_id = n.article_id
        WHERE n.is_new ORDER BY n.position
        RETURNING provider, status)
    SELECT provider, status, count(*) FROM inserted GROUP BY provider, status"""  # noqa: S608  (constants only)


def write(site: Site, flipped: list[int], warnings: Warnings) -> list[tuple[str, str, int]]:
    """Insert the batch's new comments; return how many of each provider and status.

    `flipped` are known comments that become visible with them. Nothing may be written after it in the transaction.
    """
    parameters: dict[str, Any] = {"site": site.pk, "flipped": flipped, "renderer": RENDERER}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE intake_node")
        cursor.execute(_UNDATED, [EXAMPLES])
        count, places = cursor.fetchone()
        warnings.add(places, "comments without a usable date were given their article's", count)
        cursor.execute(_REFERENCES, parameters)
        cursor.execute(_LOCK_PINS)
        cursor.execute(_PINS, {"most": MAX_PINS})
        cursor.execute(_NOT_PINNED)
        count, place = cursor.fetchone()
        warnings.add(place, f"pins were left out: only {MAX_PINS} public roots of an article can be pinned", count)
        cursor.execute(_COUNTS, parameters)
        cursor.execute(_COMMENTS, parameters)
        return [(provider, status, number) for provider, status, number in cursor.fetchall()]
