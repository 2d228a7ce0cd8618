"""`manage.py create_site NAME --slug S --origin URL`: a site and its first API key."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.models import Site
from articles.services.sites import create_site
from project.errors import Problem

REFUSED = 2


class Command(BaseCommand):
    """Makes a site. Exit status 2 with one sentence, and nothing made: a slug that is taken, an impossible value."""

    help = "Make a site and its first API key, which carries every scope and is shown only now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="as readers know it")
        parser.add_argument("--slug", required=True, help="short name in addresses and API calls")
        parser.add_argument(
            "--origin", action="append", required=True, metavar="URL", help="where its pages are; may be repeated"
        )
        parser.add_argument("--owner", default="", metavar="EMAIL", help="who runs it and is told of held comments")
        parser.add_argument(
            "--moderation",
            choices=Site.Moderation.values,
            default=Site.Moderation.OPEN,
            help="whose comments wait for a moderator: only those that a rule holds (open), newcomers', or all",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = create_site(
                slug=options["slug"],
                name=options["name"],
                origins=options["origin"],
                owner=options["owner"],
                moderation=options["moderation"],
            )
        except Problem as problem:
            raise CommandError(problem.detail, returncode=REFUSED) from None
        if options["json"]:
            self.stdout.write(json.dumps({"site": made.site.slug, "api_key": made.api_key}))
            return
        self.stdout.write(f"Site     {made.site.slug}")
        self.stdout.write(f"API key  {made.api_key}  (every scope; shown only now)")
