"""`manage.py add_feed SITE URL`: new articles of a site come from a feed or sitemap."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.selectors import find_site
from articles.services.source_feeds import add_source_feed
from project.errors import Problem

REFUSED = 2


class Command(BaseCommand):
    """Names a feed. Exit status 2 with one sentence for an unknown site or an address that is none."""

    help = "Read new articles of a site from an RSS or Atom feed, or a sitemap; what it lists now is not announced."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("site", metavar="SITE", help="slug of the site")
        parser.add_argument("url", metavar="URL", help="address of the feed or sitemap")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            feed = add_source_feed(find_site(options["site"]), options["url"])
        except Problem as problem:
            details = [error["message"] for error in problem.errors] or [problem.detail]
            raise CommandError(" ".join(details), returncode=REFUSED) from None
        made = {"site": options["site"], "feed": feed.pk, "url": feed.url}
        self.stdout.write(json.dumps(made) if options["json"] else f"{feed.url} is read within a minute.")
