"""What comes of a share: arrivals through shared addresses, and the comments and follows that they led to."""

from __future__ import annotations

from typing import Final

from django.db import connection, transaction

from articles.models import Article
from comments.models import Comment
from project.statements import fetch, fetch_prepared
from project.transactions import in_transaction
from project.visitors import Visitor
from sharing.models import Follow
from sharing.references import Referral, read_reference
from sharing.services.salts import SALT_DAYS, seen_today
from sharing.targets import Target

COUNT_VISIT: Final = """
    INSERT INTO sharing_visit (site_id, article_id, network, day, visitor_hash) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING RETURNING id
"""
# What is deleted is what is counted, in one statement: a crash, a twin or a late arrival loses and doubles nothing.
FOLD_VISITS: Final = """
    WITH gone AS (
        DELETE FROM sharing_visit WHERE day <= (now() AT TIME ZONE 'UTC')::date - %(days)s
        RETURNING site_id, article_id, network, day
    ), folded AS (
        INSERT INTO sharing_reachday AS reach (site_id, article_id, network, day, visits)
        SELECT site_id, article_id, network, day, count(*) FROM gone GROUP BY site_id, article_id, network, day
        ORDER BY article_id, network, day
        ON CONFLICT (article_id, network, day) DO UPDATE SET visits = reach.visits + excluded.visits
    )
    SELECT count(*) FROM gone
"""
CREDIT_COMMENT: Final = """
    INSERT INTO sharing_creditedcomment (site_id, article_id, comment_id, network, day)
    VALUES (%s, %s, %s, %s, (now() AT TIME ZONE 'UTC')::date) ON CONFLICT DO NOTHING
"""
# The comment may be its transaction's last statement.
AWAIT_COMMENT: Final = "SET CONSTRAINTS sharing_creditedcomment_article_id_comment_id_fk DEFERRED"
# Nobody writes to an article that has gone meanwhile, or has never been of this site.
CREDIT_FOLLOW: Final = """
    INSERT INTO sharing_reachday AS reach (site_id, article_id, network, day, follows)
    SELECT site_id, id, %(network)s, (now() AT TIME ZONE 'UTC')::date, 1 FROM articles_article
    WHERE id = %(article)s AND site_id = %(site)s
    ON CONFLICT (article_id, network, day) DO UPDATE SET follows = reach.follows + 1
    RETURNING id
"""


def record_visit(referral: Referral, article: Article, visitor: Visitor) -> bool:
    """Count that `visitor` arrived at the article through a shared address; tell whether she is new there today.

    Nothing is counted twice within a UTC day, nor for automatic clients, nor for an article that is not public.
    """
    if visitor.is_automatic or not article.is_public:
        return False

    def work() -> bool:
        sight = seen_today(visitor, article)
        place = [article.site_id, article.pk, referral.network]
        return bool(fetch_prepared(COUNT_VISIT, [*place, sight.day, sight.visitor_hash]))

    return in_transaction(work, joins=True)


def fold_visits() -> int:
    """Turn the visits of days whose salt goes into numbers by the day; return how many. Twice does no more."""
    with transaction.atomic():
        ((folded,),) = fetch(FOLD_VISITS, {"days": SALT_DAYS})
    return int(folded)


def credit_comment(comment: Comment, ref: str) -> None:
    """Note that a new comment was written after an arrival at its article; any other reference is ignored.

    To be called in the transaction of the post, before or after the comment's own INSERT.
    """
    referral = read_reference(ref)
    if referral is None or referral.article_id != comment.article_id:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(AWAIT_COMMENT)
        cursor.execute(CREDIT_COMMENT, [comment.site_id, comment.article_id, comment.pk, referral.network])


def reference_for(target: Target, ref: str) -> str:
    """Return the reference under which a wish to follow is credited, "" for one that is none or of another article."""
    referral = read_reference(ref)
    if referral is None or target.article_id not in (None, referral.article_id):
        return ""
    return ref


def credit_follow(follow: Follow) -> bool:
    """Count a follow that was just confirmed for the share that led to it, if any did, and forget which; tell whether
    it counted. To be called in the transaction that confirms it."""
    referral = read_reference(follow.reference)
    if follow.reference:
        Follow.objects.filter(pk=follow.pk).update(reference="")
    if referral is None:
        return False
    place = {"site": follow.site_id, "article": referral.article_id, "network": referral.network}
    return bool(fetch(CREDIT_FOLLOW, place))
