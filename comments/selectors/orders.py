"""The head of a thread, and the ranked order in which its pages follow one another.

Votes change scores, so pages that each ranked anew would repeat and skip roots. The pages of one walk share a list of
ids instead (`ThreadOrder`): the order as it was when the first page was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import orjson

from articles.models import Article, Site
from comments.models import ThreadOrder
from comments.selectors.rows import SHOWN
from project.errors import Problem
from project.statements import fetch_prepared

KEPT: Final = 1_000
RANKED: Final = (Site.Sort.BEST, Site.Sort.HOT, Site.Sort.CONTROVERSIAL)

_ROOTS: Final = f"c.article_id = %(article)s AND c.parent_id IS NULL AND {SHOWN}"
_OF_PROVIDER: Final = "c.provider = %(provider)s"

_HEAD: Final = """
    SELECT coalesce((SELECT version FROM comments_thread WHERE article_id = %(article)s), 0),
        (SELECT json_object_agg(provider, count)::text FROM comments_threadcount WHERE article_id = %(article)s)"""

_OF_LIST: Final = "article_id = %(article)s AND sort = %(sort)s AND provider = %(provider)s"

# The order as it is now, and the version under which the very same order is kept already: most changes of a thread do
# not touch the order of its roots, and then all walks share one row.
_PRESENT: Final = f"""
    WITH present AS MATERIALIZED (SELECT ARRAY(
        SELECT c.id FROM comments_comment AS c WHERE {{roots}}
        ORDER BY c.{{sort}} DESC, c.created_at DESC, c.id DESC LIMIT {KEPT}
    ) AS ids)
    {_HEAD}, present.ids, (
        SELECT version FROM (
            SELECT version, ids FROM comments_threadorder WHERE {_OF_LIST} ORDER BY version DESC LIMIT 1
        ) AS latest WHERE latest.ids = present.ids)
    FROM present"""  # noqa: S608  (constants of this package only)

_KEPT: Final = f"""{_HEAD}, (
        SELECT ids FROM comments_threadorder WHERE {_OF_LIST} AND version = %(order)s), %(order)s::bigint"""  # noqa: S608


def roots_of(*, one_provider: bool) -> str:
    """Return the condition for the roots that a list is made of, all of them or those of one provider.

    Without a provider the indexes alone tell which roots these are.
    """
    return f"{_ROOTS} AND {_OF_PROVIDER}" if one_provider else _ROOTS


@dataclass(frozen=True, slots=True)
class RootList:
    """Which roots of a thread are asked for, and in which order; an empty `provider` means all of them."""

    article: Article
    sort: Site.Sort
    provider: str

    @property
    def is_ranked(self) -> bool:
        return self.sort in RANKED

    @property
    def scope(self) -> str:
        """What a cursor over this list is signed for."""
        return f"thread:{self.article.pk}:{self.sort}:{self.provider}"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"article": self.article.pk, "sort": self.sort.value, "provider": self.provider}


@dataclass(frozen=True, slots=True)
class Order:
    """The first 1,000 roots of a list as they ranked at one version; `is_kept` says that the database has it."""

    ids: list[int]
    version: int
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Head:
    """What a page says of its thread: the version, the public comments of those providers that have any, the order.

    `order` is None for lists that go by time.
    """

    version: int
    counts: dict[str, int]
    order: Order | None = None


def read_head(article: Article) -> Head:
    """Return version and counts of a thread, in one SELECT."""
    version, counts = fetch_prepared(_HEAD, {"article": article.pk})[0]
    return Head(version, orjson.loads(counts or "{}"))


def read_ranked_head(roots: RootList, order_version: int | None) -> Head:
    """Return the head of a thread with the order kept at `order_version`, None: with the present one; one SELECT.

    Problem: cursor_expired, where that order is kept no longer.
    """
    sql = _present(roots.sort, one_provider=bool(roots.provider)) if order_version is None else _KEPT
    version, counts, ids, kept_at = fetch_prepared(sql, roots.parameters | {"order": order_version})[0]
    if ids is None:
        raise Problem("cursor_expired", "The comments have a new order by now; begin again with the first page.")
    order = Order(ids, version if kept_at is None else kept_at, is_kept=kept_at is not None)
    return Head(version, orjson.loads(counts or "{}"), order)


@cache
def _present(sort: Site.Sort, *, one_provider: bool) -> str:
    return _PRESENT.format(sort=sort.value, roots=roots_of(one_provider=one_provider))


def to_be_kept(roots: RootList, order: Order | None) -> ThreadOrder | None:
    """Return the row that must be written before a cursor into `order` is given out; None where there is one."""
    if order is None or order.is_kept:
        return None
    return ThreadOrder(
        site_id=roots.article.site_id,
        article_id=roots.article.pk,
        sort=roots.sort,
        provider=roots.provider,
        version=order.version,
        ids=order.ids,
    )
