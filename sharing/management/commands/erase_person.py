"""`manage.py erase_person EMAIL --site S`: erase a person from a site, with a receipt."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.selectors import find_site
from comments.selectors.person import person_of
from project.errors import Problem
from sharing.services.erasure import erase_person

REFUSED = 2


class Command(BaseCommand):
    """Prints the receipt, one JSON object without the address. Again it finds nothing more, and says so.

    Exit status 2 with one sentence: unknown site, no address.
    """

    help = "Erase whoever is known by an address on a site. What she wrote stays without a name, unless --texts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--site", required=True, metavar="SLUG")
        parser.add_argument("--texts", action="store_true", help="remove what she wrote, too")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            receipt = erase_person(person_of(find_site(options["site"]), options["email"]), texts=options["texts"])
        except Problem as problem:
            reason = problem.errors[0]["message"] if problem.errors else problem.detail
            raise CommandError(reason, returncode=REFUSED) from None
        self.stdout.write(json.dumps(receipt))
