"""`manage.py create_api_key SITE --scope articles moderate`: one more key of a site."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.models import ApiKey
from articles.selectors import find_site
from articles.services.sites import create_api_key
from project.errors import Problem

REFUSED = 2


class Command(BaseCommand):
    """Makes a key. Exit status 2 with one sentence for an unknown site."""

    help = "Make an API key of a site, which is shown only now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("site", metavar="SITE", help="slug of the site")
        parser.add_argument(
            "--scope", action="extend", nargs="+", required=True, choices=ApiKey.Scope.values, help="what it may do"
        )
        parser.add_argument("--name", default="", help="what it is for")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            site = find_site(options["site"])
            plain = create_api_key(site, options["scope"], name=options["name"])
        except Problem as problem:
            raise CommandError(problem.detail, returncode=REFUSED) from None
        self.stdout.write(json.dumps({"site": site.slug, "api_key": plain}) if options["json"] else plain)
