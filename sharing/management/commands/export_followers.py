"""`manage.py export_followers --site S`: who follows a site, with the evidence of consent, as CSV."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from django.core.management.base import BaseCommand, CommandError

from articles.selectors import find_site
from project.errors import Problem
from project.spreadsheets import guarded
from sharing.selectors.evidence import COLUMNS, follows_with_evidence

REFUSED = 2


class Written(Protocol):
    """Whatever takes the lines."""

    def write(self, text: str, /) -> object: ...


class Command(BaseCommand):
    """Writes a line for each follow, whatever its status. Exit status 2 with one sentence: unknown site, a file that
    cannot be made."""

    help = "Write all follows of a site with the evidence of their consent, as CSV (UTF-8)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", required=True, metavar="SLUG")
        parser.add_argument("--output", type=Path, metavar="FILE", help="a new file; without it, standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        output: Path | None = options["output"]
        try:
            rows = follows_with_evidence(find_site(options["site"]))
            if output is None:
                _write(rows, self.stdout)
                return
            output.touch(mode=0o600, exist_ok=False)
            with output.open("w", encoding="utf-8", newline="") as file:
                _write(rows, file)
        except Problem as problem:
            raise CommandError(problem.detail, returncode=REFUSED) from None
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.", returncode=REFUSED) from None


def _write(rows: Iterable[list[str]], file: Written) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([guarded(cell) for cell in row] for row in rows)
