"""Articles that have moved, and two that become one with all that hangs on them: shares, follows, mentions, words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from django.db import connection, transaction

from articles.models import Article, Site
from articles.services.merging import hand_over, lock_pair, move_page
from articles.services.pages import until_settled
from comments.services.merging import move_comments
from project.address_map import AddressMap
from project.addresses import canonical_url
from project.transactions import in_transaction

ARTICLES_A_PAGE: Final = 500


def _add(table: str, key: str, numbers: tuple[str, ...]) -> str:
    sums = ", ".join(f"{number} = known.{number} + excluded.{number}" for number in numbers)
    return _ADD.format(table=table, key=key, numbers=", ".join(numbers), sums=sums)


def _keep_first(table: str, columns: tuple[str, ...]) -> str:
    return _KEEP_FIRST.format(table=table, same=" AND ".join(f"t.{name} = known.{name}" for name in columns))


# Rows of a kind of which there may be one already: theirs are added to it.
_ADD: Final = """
    INSERT INTO {table} AS known (site_id, article_id, {key}, {numbers})
    SELECT site_id, %(into)s, {key}, {numbers} FROM {table} WHERE article_id = %(gone)s ORDER BY {key}
    ON CONFLICT (article_id, {key}) DO UPDATE SET {sums}"""
_ADDED: Final = (
    ("sharing_sharecount", "comment_id, network", ("count",)),
    ("sharing_shareday", "comment_id, network, day", ("count",)),
    ("sharing_reachday", "network, day", ("visits", "follows")),
)
# Of these the one that is there already stays; what says the same once more is forgotten. (Visitors are known by
# another hash at each article, so that shares and arrivals are never the same.)
_KEEP_FIRST: Final = """
    DELETE FROM {table} AS t USING {table} AS known
    WHERE t.article_id = %(gone)s AND known.article_id = %(into)s AND {same}"""
_UNIQUE: Final = (
    ("sharing_webmention", ("about_comment", "source_key")),
    ("sharing_linkingtext", ("comment",)),
    ("sharing_sentmention", ("comment", "target_key")),
)
_MOVED: Final = (
    "sharing_share", "sharing_visit", "sharing_creditedcomment", "sharing_notification", "sharing_webmention",
    "sharing_linkingtext", "sharing_sentmention",
)  # fmt: skip
_MILESTONE: Final = """
    INSERT INTO sharing_sharemilestone AS known (site_id, article_id, reached, reached_at)
    SELECT site_id, %(into)s, reached, reached_at FROM sharing_sharemilestone WHERE article_id = %(gone)s
    ON CONFLICT (article_id) DO UPDATE SET reached = greatest(known.reached, excluded.reached)"""

# Who follows both follows the one that stays. That she ended one says more than that she confirmed one, and either more
# than that she was asked.
_RANK: Final = "CASE {0}.status WHEN 'unsubscribed' THEN 2 WHEN 'confirmed' THEN 1 ELSE 0 END"
_TWINS: Final = f"""
    DELETE FROM sharing_follow AS f USING sharing_follow AS twin
    WHERE twin.follower_id = f.follower_id AND f.target_kind = 'article' AND twin.target_kind = 'article'
        AND (f.target_key, twin.target_key) IN ((%(gone)s::text, %(into)s::text), (%(into)s::text, %(gone)s::text))
        AND ({_RANK.format("f")}, f.target_key = %(into)s::text)
            < ({_RANK.format("twin")}, twin.target_key = %(into)s::text)"""  # noqa: S608  (constants only)
_FOLLOWS: Final = """
    UPDATE sharing_follow SET article_id = %(into)s,
        target_key = CASE target_kind WHEN 'article' THEN %(into)s::text ELSE target_key END
    WHERE article_id = %(gone)s"""

_STATEMENTS: Final = (
    *(_add(*added) for added in _ADDED),
    *(f"DELETE FROM {table} WHERE article_id = %(gone)s" for table, *_ in _ADDED),  # noqa: S608  (constants only)
    *(_keep_first(*unique) for unique in _UNIQUE),
    *(f"UPDATE {table} SET article_id = %(into)s WHERE article_id = %(gone)s" for table in _MOVED),  # noqa: S608
    _MILESTONE,
    "DELETE FROM sharing_sharemilestone WHERE article_id = %(gone)s",
    _TWINS,
    _FOLLOWS,
)


@dataclass(frozen=True)
class Move:
    """What became of one article: its old and new address, and the article that has the new one already.

    Without `other` it has moved; with it, it was `merged` into that or left alone.
    """

    article_id: int
    old: str
    new: str
    other: int | None = None
    merged: bool = False


def merge_articles(site: Site, gone_id: int, into_id: int) -> int:
    """Make one article of two; return how many comments moved. What it does and what it keeps: docs/migrating.md.

    All or nothing, and again for what was still being written below the first: that only waits for the lock.
    Problem: not_found, validation_failed.
    """
    return sum(in_transaction(lambda: _merge(site, gone_id, into_id)) for _ in range(2))


def move_articles(site: Site, moves: AddressMap, *, merge: bool = False, dry_run: bool = False) -> Iterator[Move]:
    """Move every article of a site whose address the map knows, each in a transaction of its own; yield what became
    of each. `merge` those whose new address is another article's. Again it finds nothing to do.
    """
    last = 0
    while rows := _articles_after(site, last):
        for article_id, old in rows:
            new = moves.target(old)
            if new and canonical_url(new) != canonical_url(old):
                yield _move(site, Move(article_id, old, new), merge, dry_run)
        last = rows[-1][0]


def _articles_after(site: Site, last: int) -> list[tuple[int, str]]:
    known = Article.objects.of(site).filter(pk__gt=last, deleted_at=None).exclude(url="").order_by("pk")
    return list(known.values_list("pk", "url")[:ARTICLES_A_PAGE])


def _move(site: Site, move: Move, merge: bool, dry_run: bool) -> Move:
    def work() -> Article | None:
        found = move_page(site, move.article_id, move.new)
        if dry_run:
            transaction.set_rollback(True)
        return found

    other = until_settled(work)
    if other is None:
        return move
    if merge and not dry_run:
        merge_articles(site, move.article_id, other.pk)
    return replace(move, other=other.pk, merged=merge)


def _merge(site: Site, gone_id: int, into_id: int) -> int:
    gone, into = lock_pair(site, gone_id, into_id)
    names = {"gone": gone.pk, "into": into.pk}
    with connection.cursor() as cursor:
        # Rows that name an article and its comment together follow one after the other.
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for statement in _STATEMENTS:
            cursor.execute(statement, names)
    is_first = hand_over(gone, into)
    return move_comments(gone, into, anew=is_first)
