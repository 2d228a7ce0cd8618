"""`manage.py preview_channel SITE NAME`: show what a channel would post. Nothing is sent."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.selectors import find_site
from project.errors import Problem
from sharing.selectors.channels import article_to_show, find_channel
from sharing.services.channels import preview

REFUSED = 2


class Command(BaseCommand):
    """Prints the words of a post of an article, of the newest one unless it is named. Exit status 2 if refused."""

    help = "Show what a channel would post of an article; nothing is sent."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("site", metavar="SITE", help="slug of the site")
        parser.add_argument("name", metavar="NAME", help="of the channel")
        parser.add_argument("--article", type=int, metavar="ID")
        parser.add_argument("--json", action="store_true", help="print the body as it would be sent")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            channel = find_channel(find_site(options["site"]).pk, options["name"])
            draft = preview(channel, article_to_show(channel.site_id, options["article"]))
        except Problem as problem:
            details = [error["message"] for error in problem.errors] or [problem.detail]
            raise CommandError(" ".join(details), returncode=REFUSED) from None
        self.stdout.write(json.dumps(draft.body, ensure_ascii=False, indent=2) if options["json"] else draft.text)
