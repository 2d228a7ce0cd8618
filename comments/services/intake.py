"""The second door for comments: whole files of other systems, set-based and without rules, signals or mail.

A file is staged first (`intake_staging`), so that a file which is refused has written nothing and order does not
matter. Then its articles are settled and its comments written, batch by batch of whole articles, each in a transaction
of its own: what a crash interrupts is there up to the last batch, and running the import again completes it.
States come from the file; the sanitiser runs as for every comment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import connection, transaction

from articles.models import Site
from comments.interchange.records import EXAMPLES, Source, Warnings
from comments.services.intake_articles import take_in_articles
from comments.services.intake_identity import one_import_at_a_time, plan_batches, tell_apart
from comments.services.intake_staging import create_tables, drop_tables, stage
from comments.services.intake_tree import count_above, grow
from comments.services.intake_writing import write
from project.transactions import in_transaction

LARGE = 10_000  # comments


@dataclass
class Summary:
    """What an import did; `as_json` is the shape that the contract gives."""

    complete: bool = True
    articles_created: int = 0
    articles_matched: int = 0
    duplicate: int = 0
    skipped: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    by_provider: Counter[str] = field(default_factory=Counter)
    warnings: Warnings = field(default_factory=Warnings)

    @property
    def created(self) -> int:
        """How many comments are new."""
        return self.by_status.total()

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints (contract, section 8)."""
        return {
            "complete": self.complete,
            "articles": {"created": self.articles_created, "matched": self.articles_matched},
            "comments": {
                "created": self.created,
                "duplicate": self.duplicate,
                "skipped": self.skipped,
                "by_status": dict(sorted(self.by_status.items())),
                "by_provider": dict(sorted(self.by_provider.items())),
            },
            "warnings": [
                {"where": found.places[0], "reason": found.reason, "count": found.count} for found in self.warnings
            ],
        }


def take_in(
    reader: Source, site: Site, *, dry_run: bool = False, progress: Callable[[int], None] | None = None
) -> Summary:
    """Import everything that `reader` yields into a site; nobody is notified.

    `dry_run` does it all and takes it back. `progress` is told the number of records read so far. NotImportable as
    from the reader, and then nothing is written.
    """
    if not dry_run:
        summary = _take_in(reader, site, progress)
        if summary.created >= LARGE:
            _tell_planner()
        return summary
    with transaction.atomic():
        summary = _take_in(reader, site, progress)
        transaction.set_rollback(True)
    return summary


def _take_in(reader: Source, site: Site, progress: Callable[[int], None] | None) -> Summary:
    summary = Summary(warnings=reader.warnings)
    create_tables()
    stage(reader, progress)
    summary.complete = reader.complete
    summary.articles_created, summary.articles_matched = take_in_articles(site, reader.warnings)
    summary.skipped = reader.warnings.lost + _count_strays(reader.warnings)
    for batch in range(plan_batches()):
        created, duplicates = in_transaction(partial(_take_in_batch, site, batch, summary.warnings))
        summary.duplicate += duplicates
        for provider, status, count in created:
            summary.by_provider[provider] += count
            summary.by_status[status] += count
    drop_tables()
    return summary


def _tell_planner() -> None:
    """Count the tables anew: until autovacuum comes, pages of a large import would be planned as for a small table.

    A small one is left to autovacuum: numbers of a small table are worse than none. PostgreSQL keeps for a session how
    it checks foreign keys, and would walk the table for each row of a large import that comes next.
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE articles_article, comments_comment, comments_searchentry")


def _take_in_batch(site: Site, batch: int, warnings: Warnings) -> tuple[list[tuple[str, str, int]], int]:
    one_import_at_a_time(site)
    tell_apart(site, batch)
    met = Warnings()
    grow(site, met)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM intake_node WHERE NOT is_new")
        (duplicates,) = cursor.fetchone()
    created = write(site, count_above(), met)
    # Noted last, so that a batch which is tried again is not noted twice.
    warnings.extend(met)
    return created, int(duplicates)


def _count_strays(warnings: Warnings) -> int:
    """Return how many staged comments belong to no article of the file."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), (array_agg(place ORDER BY position))[:%s] FROM intake_comment AS c"
            " WHERE NOT EXISTS (SELECT FROM intake_article AS a WHERE a.key = c.article_key)",
            [EXAMPLES],
        )
        count, places = cursor.fetchone()
    warnings.add(places, "comments of an article that is not in the file were skipped", count)
    return int(count)
