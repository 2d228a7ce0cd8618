"""Empty what a page elsewhere became here, for whoever asks to be forgotten and has no address that we know."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from articles.selectors import find_site
from project.errors import Problem
from sharing.services.webmentions import erase_mentions


class Command(BaseCommand):
    help = "Empty the comments that a page, or every page whose address begins so, became by webmention or pingback."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="Address of the page, or how the addresses of all of them begin.")
        parser.add_argument("--site", required=True, help="Slug of the site.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = erase_mentions(find_site(options["site"]), options["source"])
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        self.stdout.write(json.dumps({"comments": count}))
