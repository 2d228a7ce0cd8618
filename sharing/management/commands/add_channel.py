"""`manage.py add_channel SITE KIND NAME`: tell a webhook, a room or an account of a site what happens there."""

from __future__ import annotations

from argparse import ArgumentParser, FileType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.selectors import find_site
from project.errors import Problem
from sharing.models import Channel
from sharing.services.channels import add_channel

REFUSED = 2


class Command(BaseCommand):
    """Makes a channel; the signing secret of a webhook is printed, this once. Exit status 2 with one sentence."""

    help = "Let a site publish to a webhook, Slack, Discord, Telegram, Mastodon or Bluesky."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("site", metavar="SITE", help="slug of the site")
        parser.add_argument("kind", choices=Channel.Kind.values)
        parser.add_argument("name", metavar="NAME", help="what people of the site call it")
        parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="such as url=https://…")
        parser.add_argument("--event", action="append", default=[], choices=Channel.Event.values)
        parser.add_argument("--template", default="", help="words of a post, with {title} and {url}")
        parser.add_argument("--secret-file", type=FileType(), help="the secret; - reads it from the input")

    def handle(self, *args: Any, **options: Any) -> None:
        secret = options["secret_file"].read().strip() if options["secret_file"] else ""
        settings = dict(one.partition("=")[::2] for one in options["set"])
        wished = {"events": options["event"], "template": options["template"], "secret": secret}
        try:
            site = find_site(options["site"])
            made = add_channel(site, options["kind"], options["name"], settings=settings, **wished)
        except Problem as problem:
            details = [error["message"] for error in problem.errors] or [problem.detail]
            raise CommandError(" ".join(details), returncode=REFUSED) from None
        self.stdout.write(made.secret or f"{made.channel} is told of {', '.join(made.channel.events)}.")
