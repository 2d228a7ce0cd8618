"""Followers who come from another system's list, set-based and without mail.

What an address said here outweighs what a list says of it: a follow that was ended here, and an address that is not
mailed, stay as they are. Batches are transactions of their own: what a crash interrupts is there up to the last one,
and running the import again completes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from articles.models import ArticleKey, Site
from project.addresses import canonical_url
from project.errors import Problem
from project.statements import fetch
from project.transactions import in_transaction
from sharing import targets
from sharing.interchange.headers import Head, read_head
from sharing.interchange.rows import Bad, Entry, LeftOut, reader_of
from sharing.interchange.text import rows_of
from sharing.models import Follow, Suppression
from sharing.services.digests import start_clocks
from sharing.targets import Target

BATCH: Final = 1_000
# Batches after which the tables are counted anew. Until autovacuum comes the planner takes them for as small as they
# were, and PostgreSQL keeps for a session how it checks foreign keys: each row of a large list would walk the site.
COUNTED_AFTER: Final = frozenset({1, 8, 64, 512})
SHOWN: Final = 20  # rows that the report names

# An ended follow may have been asked for again by a stranger, and even have been pruned since: that it was ended stands
# in the evidence. Subqueries with a LIMIT are one probe for each row.
_JUDGE: Final = """
    SELECT CASE
        WHEN (SELECT true FROM sharing_suppression s WHERE s.site_id = %(site)s AND s.address_key = g.key
            AND s.kind = ANY(%(silent)s) LIMIT 1) THEN 'suppressed'
        WHEN f.status = 'confirmed' THEN 'known'
        WHEN f.unsubscribed_at IS NOT NULL OR (SELECT true FROM sharing_consent c
            WHERE c.site_id = %(site)s AND c.address_key = g.key AND c.target_kind = g.kind
                AND c.target_key = g.target_key AND c.event = 'unsubscribed' LIMIT 1) THEN 'ended'
        ELSE 'new' END
    FROM unnest(%(keys)s::text[], %(kinds)s::text[], %(target_keys)s::text[])
        WITH ORDINALITY AS g(key, kind, target_key, rank)
    LEFT JOIN LATERAL (
        SELECT f.status, f.unsubscribed_at FROM sharing_follower r JOIN sharing_follow f ON f.follower_id = r.id
        WHERE r.site_id = %(site)s AND r.address_key = g.key AND f.target_kind = g.kind AND f.target_key = g.target_key
        LIMIT 1
    ) AS f ON true
    ORDER BY g.rank
"""
# Rows are had in the order of their keys, by every import alike.
_FOLLOWERS: Final = """
    INSERT INTO sharing_follower (site_id, address, address_key, language, timezone, manage_nonce)
    SELECT DISTINCT ON (g.key) %(site)s, g.address, g.key, g.language, g.zone, gen_random_uuid()
    FROM unnest(%(addresses)s::text[], %(keys)s::text[], %(languages)s::text[], %(zones)s::text[])
        WITH ORDINALITY AS g(address, key, language, zone, rank)
    ORDER BY g.key, g.rank
    ON CONFLICT (site_id, address_key) DO UPDATE SET address_key = EXCLUDED.address_key
    RETURNING address_key, id
"""
_FOLLOWS: Final = """
    INSERT INTO sharing_follow (site_id, follower_id, target_kind, target_key, article_id, frequency, status, request,
        confirmed_at)
    SELECT %(site)s, g.follower, g.kind, g.target_key, g.article, g.frequency, 'confirmed', 1, statement_timestamp()
    FROM unnest(%(followers)s::bigint[], %(kinds)s::text[], %(target_keys)s::text[], %(articles)s::bigint[],
        %(frequencies)s::text[]) AS g(follower, kind, target_key, article, frequency)
    ON CONFLICT (follower_id, target_kind, target_key) DO UPDATE
    SET status = 'confirmed', confirmed_at = statement_timestamp()
    WHERE sharing_follow.status = 'unconfirmed' AND sharing_follow.unsubscribed_at IS NULL
    RETURNING follower_id, target_kind, target_key, id, frequency
"""
_EVIDENCE: Final = """
    INSERT INTO sharing_consent (site_id, address_key, target_kind, target_key, event, door, wording, happened_at)
    SELECT %(site)s, g.key, g.kind, g.target_key, 'confirmed', 'import', g.wording,
        COALESCE(g.at, statement_timestamp())
    FROM unnest(%(keys)s::text[], %(kinds)s::text[], %(target_keys)s::text[], %(wordings)s::text[],
        %(times)s::timestamptz[]) AS g(key, kind, target_key, wording, at)
"""


@dataclass(frozen=True)
class Line:
    """A row that could not be taken."""

    line: int
    reason: str


@dataclass
class Report:
    """What an import did; `as_json` is what `--json` prints. The addresses of a list stand nowhere in it."""

    format: str
    encoding: str
    rows: int = 0
    imported: int = 0
    known: int = 0
    ended: int = 0
    suppressed: int = 0
    undated: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    bad_lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        """Count a row that cannot be taken; the first twenty are named."""
        self.bad[reason] += 1
        if len(self.bad_lines) < SHOWN:
            self.bad_lines.append(Line(line, reason))

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints: counts, and lines by number."""
        return asdict(self) | {"left_out": dict(sorted(self.left_out.items())), "bad": dict(sorted(self.bad.items()))}


def take_in_list(
    path: Path, site: Site, *, kind: str = "auto", target: Target | None = None, dry_run: bool = False
) -> Report:
    """Let the addresses of a list that agreed follow `target`; nobody is mailed.

    Without a target it is the site, and in a list of our own what each row says. `dry_run` does it all and takes it
    back. NotAList, and then nothing is written; OSError as from opening the file.
    """
    head = read_head(path, kind)
    report = Report(head.kind, head.encoding, notes=_notes(head))
    if not dry_run:
        _take_in(path, head, site, target, report)
        return report
    with transaction.atomic():
        _take_in(path, head, site, target, report)
        transaction.set_rollback(True)
    return report


def _take_in(path: Path, head: Head, site: Site, target: Target | None, report: Report) -> None:
    entries = _entries(path, head, report)
    for number in count():
        batch = list(islice(entries, BATCH))
        if not batch:
            return
        if number in COUNTED_AFTER:
            _tell_planner()
        wanted = _with_targets(batch, site, target, report)
        # A list may name an address twice: once is enough.
        once = {(entry.address_key, wish.kind, wish.key): (entry, wish) for entry, wish in reversed(wanted)}
        counts = in_transaction(partial(_take_batch, site, list(once.values())))
        report.imported += counts["imported"]
        report.known += counts["known"] + len(wanted) - len(once)
        report.suppressed += counts["suppressed"]
        # What was new and did not come in was ended in this very moment.
        report.ended += counts["ended"] + counts["new"] - counts["imported"]


def _entries(path: Path, head: Head, report: Report) -> Iterator[Entry]:
    """Yield what agreed; the rest is counted."""
    read = reader_of(head, path.name, timezone.now())
    rows = rows_of(path, head.encoding, head.delimiter)
    next(rows, None)
    for row in rows:
        report.rows += 1
        try:
            if row.error:
                raise Bad(row.error)
            entry = read(row.line, row.cells)
        except Bad as bad:
            report.refuse(row.line, str(bad))
        except LeftOut as status:
            report.left_out[str(status)] += 1
        else:
            report.undated += entry.at is None
            yield entry


def _with_targets(batch: list[Entry], site: Site, target: Target | None, report: Report) -> list[tuple[Entry, Target]]:
    """What each of them is to follow; a list of our own may name a page that this site does not have."""
    if target is not None:
        return [(entry, target) for entry in batch]
    pages = _articles_at({entry.url for entry in batch if entry.kind == Follow.Target.ARTICLE}, site)
    wanted = []
    for entry in batch:
        match entry.kind:
            case "" | Follow.Target.SITE:
                wanted.append((entry, targets.of_site()))
            case Follow.Target.TAG | Follow.Target.AUTHOR if entry.key:
                named = targets.of_tag if entry.kind == Follow.Target.TAG else targets.of_author
                wanted.append((entry, named(entry.key)))
            case Follow.Target.ARTICLE if entry.url in pages:
                wanted.append((entry, targets.of_article(pages[entry.url])))
            case _:
                report.refuse(entry.line, "follows what this site does not have")
    return wanted


def _articles_at(urls: set[str], site: Site) -> dict[str, int]:
    """Return the ids of the site's articles by their addresses, as the list spells them."""
    spelled: dict[str, str] = {}
    for url in urls:
        try:
            spelled[url] = canonical_url(url)
        except Problem:
            continue
    keys = ArticleKey.objects.filter(site=site, kind=ArticleKey.Kind.URL, key__in=set(spelled.values()))
    known = dict(keys.values_list("key", "article_id"))
    return {url: known[key] for url, key in spelled.items() if key in known}


def _take_batch(site: Site, wanted: list[tuple[Entry, Target]]) -> Counter[str]:
    """Write what is new; return how many rows met what, and how many came in."""
    judged = fetch(_JUDGE, _columns(site, wanted) | {"silent": sorted(Suppression.NO_CONFIRMATION)})
    verdicts = [verdict for (verdict,) in judged]
    new = [pair for pair, verdict in zip(wanted, verdicts, strict=True) if verdict == "new"]
    return Counter(verdicts) + Counter(imported=_write(site, new) if new else 0)


def _write(site: Site, new: list[tuple[Entry, Target]]) -> int:
    """Let them follow, with the evidence; return how many do, which is fewer if one ended it in this very moment."""
    ids: dict[str, int] = dict(fetch(_FOLLOWERS, _columns(site, new)))
    followers = [ids[entry.address_key] for entry, _ in new]
    begun = {row[:3]: row[3:] for row in fetch(_FOLLOWS, _columns(site, new) | {"followers": followers})}
    came = [(entry, target) for entry, target in new if (ids[entry.address_key], target.kind, target.key) in begun]
    with connection.cursor() as cursor:
        cursor.execute(_EVIDENCE, _columns(site, came))
    clocked = [follow_id for follow_id, frequency in begun.values() if frequency != Follow.Frequency.IMMEDIATE]
    if clocked:
        start_clocks(Follow.objects.filter(pk__in=clocked).select_related("follower"))
    return len(came)


def _columns(site: Site, wanted: list[tuple[Entry, Target]]) -> dict[str, Any]:
    return {
        "site": site.pk,
        "addresses": [entry.address for entry, _ in wanted],
        "keys": [entry.address_key for entry, _ in wanted],
        "languages": [entry.language for entry, _ in wanted],
        "zones": [entry.timezone for entry, _ in wanted],
        "frequencies": [entry.frequency for entry, _ in wanted],
        "times": [entry.at for entry, _ in wanted],
        "wordings": [entry.wording for entry, _ in wanted],
        "kinds": [target.kind for _, target in wanted],
        "target_keys": [target.key for _, target in wanted],
        "articles": [target.article_id for _, target in wanted],
    }


def _notes(head: Head) -> list[str]:
    notes = []
    if head.encoding == "latin-1":
        notes.append("The file is not UTF-8 and was read as Latin-1.")
    if "status" not in head.columns:
        notes.append("The file has no column of status: every row was taken as confirmed.")
    if "date" not in head.columns:
        notes.append("The file has no column of dates: the evidence bears the time of the import.")
    if head.kind == "listmonk":
        notes.append(
            "listmonk writes the status of a person, not of her subscription: export a list by its confirmed ones."
        )
    return notes


def _tell_planner() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sharing_follower, sharing_follow, sharing_consent")
