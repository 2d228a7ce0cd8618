"""`manage.py export_person EMAIL --site S`: everything held about a person, as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from articles.selectors import find_site
from comments.selectors.person import person_of
from project.errors import Problem
from sharing.selectors.person import held_about

REFUSED = 2


class Command(BaseCommand):
    """Writes one JSON object. Exit status 2 with one sentence: unknown site, no address, a file that cannot be made."""

    help = "Write everything that is held about an address on a site, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--site", required=True, metavar="SLUG")
        parser.add_argument("--output", type=Path, metavar="FILE", help="a new file; without it, standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        output: Path | None = options["output"]
        try:
            held = held_about(person_of(find_site(options["site"]), options["email"]))
            written = json.dumps(held, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
            if output is None:
                self.stdout.write(written)
                return
            output.touch(mode=0o600, exist_ok=False)
            output.write_text(written + "\n", encoding="utf-8")
        except Problem as problem:
            reason = problem.errors[0]["message"] if problem.errors else problem.detail
            raise CommandError(reason, returncode=REFUSED) from None
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.", returncode=REFUSED) from None
