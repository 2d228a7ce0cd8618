"""`manage.py export_comments --site S --format json|wxr`: a site leaves with its conversations."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from articles.models import Site
from articles.selectors import find_site
from comments.interchange.lines import to_lines
from comments.interchange.wxr import to_wxr
from comments.selectors.moveout import records
from comments.selectors.snapshot import snapshot
from comments.selectors.wxr_rows import articles_with_comments
from project.errors import Problem
from project.outputs import write_whole

REFUSED = 2


def _json(site: Site) -> Iterator[str]:
    return to_lines(records(site))


def _wxr(site: Site) -> Iterator[str]:
    return to_wxr(site.name, settings.PUBLIC_URL, articles_with_comments(site))


FORMATS: Final[dict[str, Callable[[Site], Iterator[str]]]] = {"json": _json, "wxr": _wxr}


class Command(BaseCommand):
    """Writes a site's articles, readers, comments, revisions and votes, as they are at one moment.

    Exit status 2 with one sentence: unknown site, a file that cannot be made.
    """

    help = "Write a site's conversations as JSON lines or as WordPress' WXR (docs/leaving.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", required=True, metavar="SLUG")
        parser.add_argument("--format", required=True, choices=list(FORMATS))
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="packed if it ends in .gz; else standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        output: Path | None = options["output"]
        try:
            site = find_site(options["site"])
            with snapshot():
                lines = FORMATS[options["format"]](site)
                if output is None:
                    for line in lines:
                        self.stdout.write(line, ending="")
                else:
                    write_whole(output, lines)
        except Problem as problem:
            raise CommandError(problem.detail, returncode=REFUSED) from None
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.", returncode=REFUSED) from None
