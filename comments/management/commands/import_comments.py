"""`manage.py import_comments FILE --site S`: comments of other systems, from their own export files."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.selectors import find_site, only_origin
from comments.interchange.detect import FORMATS, open_export
from comments.interchange.moved import Moved
from comments.interchange.pages import Base
from comments.interchange.records import Caution, NotImportable
from comments.services.intake import Summary, take_in
from project.address_map import AddressMap, NoAddressMap, read_address_map
from project.addresses import canonical_url
from project.errors import Problem, refused_field

REFUSED = 2


class Command(BaseCommand):
    """Imports a file into a site. The same file twice adds nothing; nobody is notified.

    Pages that a file names by path only lie below `--base`, else below the site's origin if it has exactly one.
    Exit status 2 with one sentence: unknown site, no such file, not importable (nothing is written), or the end of the
    file is missing (what came before is imported).
    """

    help = "Import comments from the export file of another system. Nobody is notified."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="an export, also packed with gzip")
        parser.add_argument("--site", required=True, metavar="SLUG")
        parser.add_argument("--format", default="auto", choices=FORMATS)
        parser.add_argument(
            "--base", default="", metavar="URL", help="where pages are that the file names by path only"
        )
        parser.add_argument(
            "--map", type=Path, metavar="CSV", help="old and new address of each page that has moved since"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be imported, write nothing")
        parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            site = find_site(options["site"])
            moves = read_address_map(options["map"]) if options["map"] else AddressMap()
            base = Base(_address(options["base"]), only_origin(site))
            reader = Moved(open_export(options["file"], options["format"], base), moves)
            summary = take_in(reader, site, dry_run=options["dry_run"], progress=self._progress())
        except Problem as problem:
            raise CommandError(problem.detail, returncode=REFUSED) from None
        except (NotImportable, NoAddressMap) as refusal:
            raise CommandError(str(refusal), returncode=REFUSED) from None
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.", returncode=REFUSED) from None
        self.stdout.write(json.dumps(summary.as_json(), ensure_ascii=False) if options["json"] else _in_words(summary))
        if options["dry_run"] and not options["json"]:
            self.stdout.write("Nothing was written: this was a dry run.")
        if not summary.complete:
            sentence = "The end of the file is missing: what came before it was imported."
            raise CommandError(sentence, returncode=REFUSED)

    def _progress(self) -> Any:
        """Return what shows how far the reading is, on a terminal only."""
        if not self.stderr.isatty():
            return None
        return lambda records: self.stderr.write(f"\r{records:,} records read", ending="")


def _address(base: str) -> str:
    """Return an address below which pages lie, as it was given. Problem: it is none."""
    if base:
        canonical_url(base, "base")
    if "?" in base or "#" in base:
        raise refused_field("base", "url_invalid", "The address below which pages lie has no ? and no #.")
    return base


def _in_words(summary: Summary) -> str:
    lines = [
        f"Articles: {summary.articles_created:,} made, {summary.articles_matched:,} known already.",
        f"Comments: {summary.created:,} imported, {summary.duplicate:,} known already, {summary.skipped:,} skipped.",
    ]
    for label, counts in (("status", summary.by_status), ("provider", summary.by_provider)):
        if counts:
            lines.append(f"  by {label}: " + ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())))
    lines += [f"  {found.reason}: {found.count:,} ({_examples(found)})" for found in summary.warnings]
    return "\n".join(lines)


def _examples(found: Caution) -> str:
    more = "; …" if found.count > len(found.places) else ""
    return "; ".join(found.places) + more
