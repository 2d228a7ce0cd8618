"""`manage.py import_followers FILE --site S`: followers of a confirmed list of another system, or of our own."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.selectors import find_site
from project.errors import Problem
from sharing import targets
from sharing.interchange.headers import FORMATS, NotAList
from sharing.services.lists import Report, take_in_list
from sharing.targets import Target

REFUSED = 2


class Command(BaseCommand):
    """Imports a file into a site. The same file twice adds nothing; nobody is mailed, and nobody who left comes back.

    Exit status 2 with one sentence, and nothing is written: unknown site, no such file, no list.
    """

    help = "Import followers from the CSV file of FeedBurner, Jetpack, listmonk or any list. Nobody is mailed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="CSV whose first line names its columns")
        parser.add_argument("--site", required=True, metavar="SLUG")
        parser.add_argument("--format", default="auto", choices=FORMATS)
        parser.add_argument(
            "--target",
            type=_target,
            metavar="TARGET",
            help="what they follow: site (unless given), tag:NAME, author:NAME",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be imported, write nothing")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        kind, target, dry_run = options["format"], options["target"], options["dry_run"]
        try:
            site = find_site(options["site"])
            report = take_in_list(options["file"], site, kind=kind, target=target, dry_run=dry_run)
        except Problem as problem:
            raise CommandError(problem.detail, returncode=REFUSED) from None
        except NotAList as refusal:
            raise CommandError(str(refusal), returncode=REFUSED) from None
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.", returncode=REFUSED) from None
        self.stdout.write(json.dumps(report.as_json()) if options["json"] else _in_words(report))
        if dry_run and not options["json"]:
            self.stdout.write("Nothing was written: this was a dry run.")


def _target(text: str) -> Target:
    """Return what `site`, `tag:NAME` or `author:NAME` names."""
    kind, _, name = text.partition(":")
    if text == "site":
        return targets.of_site()
    if kind in {"tag", "author"} and targets.fold(name):
        return targets.of_tag(name) if kind == "tag" else targets.of_author(name)
    raise ArgumentTypeError("name site, tag:NAME or author:NAME")


def _in_words(report: Report) -> str:
    lines = [
        f"Format {report.format}, {report.encoding}; {report.rows:,} rows.",
        f"Follows: {report.imported:,} imported, {report.known:,} known already; {report.undated:,} rows had no date.",
        f"Left as they are: {report.ended:,} ended here, {report.suppressed:,} of addresses that are not mailed.",
        f"Skipped by their status: {report.left_out.total():,}{_parts(report.left_out)}.",
        f"Rows that cannot be taken: {report.bad.total():,}{_parts(report.bad)}.",
        *(f"  line {bad.line:,}: {bad.reason}" for bad in report.bad_lines),
        *report.notes,
    ]
    return "\n".join(lines)


def _parts(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{name} {count:,}' for name, count in sorted(counts.items()))})" if counts else ""
