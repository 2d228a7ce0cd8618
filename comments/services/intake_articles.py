"""The articles of an import: matched to those that are known, or made."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from django.db import connection
from django.db.models.functions import Now

from articles.models import Article, ArticleKey, Site
from articles.services.keys import AddressTaken
from comments.interchange.records import Warnings
from project.text import clean_article
from project.transactions import in_transaction

ARTICLES_A_BATCH: Final = 200
ATTEMPTS: Final = 5
Kind = ArticleKey.Kind
Address = tuple[str, str]


def take_in_articles(site: Site, warnings: Warnings) -> tuple[int, int]:
    """Give every staged article that the import wants its `article_id`; return how many were made and matched.

    A known identifier decides, else a known address; addresses that are new are added to the article. Nothing
    else of a known article changes. New ones are never announced.
    """
    _leave_out_unwanted(warnings)
    created = matched = position = 0
    while rows := _rows_after(position):
        made = _until_settled(site, rows)
        created, matched, position = created + made, matched + len(rows) - made, rows[-1]["position"]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE intake_article")
    return created, matched


def _leave_out_unwanted(warnings: Warnings) -> None:
    with connection.cursor() as cursor:
        # What an item "inherits" is decided while all items are there: its parent may be of no interest itself.
        cursor.execute(
            "UPDATE intake_article AS a SET visibility = coalesce((SELECT p.visibility FROM intake_article AS p"
            " WHERE a.post_parent NOT IN ('', '0') AND p.post_id = a.post_parent AND p.visibility <> 'inherit'"
            " ORDER BY p.position LIMIT 1), 'public') WHERE visibility = 'inherit'"
        )
        cursor.execute(
            "DELETE FROM intake_article AS a USING intake_article AS b WHERE a.key = b.key AND a.position > b.position"
        )
        warnings.add("the file", "articles with the id of an earlier one were left out", cursor.rowcount)
        cursor.execute(
            "DELETE FROM intake_article AS a WHERE only_with_comments"
            " AND NOT EXISTS (SELECT FROM intake_comment AS c WHERE c.article_key = a.key)"
        )
        cursor.execute("CREATE UNIQUE INDEX ON intake_article (position)")


# A public article is dated by its first comment where the file has no date of its own. One that was to be
# published at a time now past was published by its own system or not at all: we do not publish it.
_ROWS: Final = """
    SELECT position, url, url_key, former_key, identifiers, title, state, comments_open, summary, html, author_name,
        tags,
        CASE WHEN visibility = 'scheduled' AND coalesce(published_at, now()) <= now() THEN 'hidden'
            ELSE visibility END AS visibility,
        CASE WHEN visibility = 'public' THEN coalesce(
            published_at,
            (SELECT min(c.created_at) FROM intake_comment AS c WHERE c.article_key = a.key AND c.created_at <= now()),
            now()) ELSE published_at END AS published_at
    FROM intake_article AS a WHERE position > %s ORDER BY position LIMIT %s"""


def _rows_after(position: int) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [position, ARTICLES_A_BATCH])
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _until_settled(site: Site, rows: list[dict[str, Any]]) -> int:
    """Settle a batch, again where somebody else registered one of its addresses between the look and the write."""
    for _ in range(ATTEMPTS - 1):
        with suppress(AddressTaken):
            return in_transaction(lambda: _settle(site, rows))
    return in_transaction(lambda: _settle(site, rows))


def _settle(site: Site, rows: list[dict[str, Any]]) -> int:
    """Decide for one batch of rows, in the order of the file, and write it; return how many articles were made."""
    addresses = {row["position"]: _addresses(row) for row in rows}
    wanted = [address for found in addresses.values() for address in found]
    known: dict[Address, int] = dict(_known(site, wanted))
    fresh = iter(_new_ids(len(rows)))
    decided: dict[int, int] = {}
    new: list[Article] = []
    added: dict[Address, int] = {}
    for row in rows:
        own = addresses[row["position"]]
        article_id = next((known[address] for address in own if address in known), None)
        if article_id is None:
            article_id = next(fresh)
            new.append(_article(site, article_id, row))
        decided[row["position"]] = article_id
        for address in own:
            if address not in known:
                known[address] = added[address] = article_id
    _write(site, new, added, decided)
    return len(new)


def _addresses(row: dict[str, Any]) -> list[Address]:
    """Return the names of a row's page, those that decide first."""
    names: list[Address] = [(Kind.IDENTIFIER, key) for key in row["identifiers"]]
    return names + [(Kind.URL, key) for key in (row["url_key"], row["former_key"]) if key]


def _known(site: Site, addresses: list[Address]) -> list[tuple[Address, int]]:
    keys = ArticleKey.objects.filter(site=site, key__in=[key for _, key in addresses])
    return [((kind, key), article) for kind, key, article in keys.values_list("kind", "key", "article_id")]


def _new_ids(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('articles_article', 'id')) FROM generate_series(1, %s)", [count]
        )
        return [int(row[0]) for row in cursor]


def _article(site: Site, article_id: int, row: dict[str, Any]) -> Article:
    return Article(
        id=article_id,
        site=site,
        visibility=row["visibility"],
        state=row["state"],
        title=row["title"],
        url=row["url"],
        identifier=row["identifiers"][0] if row["identifiers"] else "",
        summary=row["summary"],
        html=clean_article(row["html"]),
        author_name=row["author_name"],
        tags=row["tags"],
        comments_open=row["comments_open"],
        published_at=row["published_at"],
        announced_at=Now(),
    )


def _write(site: Site, new: list[Article], added: dict[Address, int], decided: dict[int, int]) -> None:
    Article.objects.bulk_create(new)
    keys = [ArticleKey(site=site, article_id=id_, kind=kind, key=key) for (kind, key), id_ in sorted(added.items())]
    ArticleKey.objects.bulk_create(keys, ignore_conflicts=True)
    if added.items() - dict(_known(site, list(added))).items():
        raise AddressTaken
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE intake_article AS a SET article_id = d.article_id"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS d (position, article_id) WHERE a.position = d.position",
            [list(decided), list(decided.values())],
        )
