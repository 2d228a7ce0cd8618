"""`manage.py channel ACTION SITE NAME`: look after a channel of a site."""

from __future__ import annotations

from argparse import ArgumentParser, FileType
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from articles.selectors import find_site
from project.errors import Problem
from sharing.models import Channel, Delivery
from sharing.selectors.channels import find_channel
from sharing.services.channels import plan_test, rotate_secret, switch
from sharing.services.posting import replay_ended
from sharing.tasks import deliver_posts

REFUSED = 2


class Command(BaseCommand):
    """Shows a channel, switches it on or off, changes its secret, tries it out, says again what failed, removes it.

    `rotate` prints a webhook's new signing secret; others need `--secret-file`. Exit status 2 with one sentence.
    """

    help = "Look after a channel that add_channel made."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=ACTIONS)
        parser.add_argument("site", metavar="SITE", help="slug of the site")
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--secret-file", type=FileType(), help="for rotate: the new secret; - reads the input")

    def handle(self, *args: Any, **options: Any) -> None:
        secret = options["secret_file"].read().strip() if options["secret_file"] else ""
        try:
            channel = find_channel(find_site(options["site"]).pk, options["name"])
            self.stdout.write(ACTIONS[options["action"]](channel, secret))
        except Problem as problem:
            details = [error["message"] for error in problem.errors] or [problem.detail]
            raise CommandError(" ".join(details), returncode=REFUSED) from None


def _show(channel: Channel, _: str) -> str:
    counts = Counter(Delivery.objects.filter(site_channel=channel).values_list("status", flat=True))
    lines = [
        f"{channel}: {'on' if channel.is_active else 'off'}, told of {', '.join(channel.events)}",
        *(f"  {name}: {value}" for name, value in sorted(channel.settings.items())),
        *(f"  {status}: {count:,}" for status, count in sorted(counts.items())),
        *([f"  last error: {channel.last_error}"] if channel.last_error else []),
    ]
    return "\n".join(lines)


def _switch_on(channel: Channel, _: str) -> str:
    switch(channel, on=True)
    deliver_posts.delay_on_commit()
    return f"{channel} is on."


def _switch_off(channel: Channel, _: str) -> str:
    switch(channel, on=False)
    return f"{channel} is off; what waits keeps waiting until it is of no use."


def _rotate(channel: Channel, secret: str) -> str:
    kept = rotate_secret(channel, secret)
    return f"{channel} has the new secret." if secret else kept


def _test(channel: Channel, _: str) -> str:
    plan_test(channel)
    deliver_posts.delay_on_commit()
    return f"{channel} will say that it is tried out; see what became of it with `channel show`."


def _replay(channel: Channel, _: str) -> str:
    count = replay_ended(channel)
    deliver_posts.delay_on_commit()
    return f"{count:,} posts will be sent again."


def _remove(channel: Channel, _: str) -> str:
    said = f"{channel} is removed."
    channel.delete()
    return said


ACTIONS: Final[dict[str, Callable[[Channel, str], str]]] = {
    "show": _show,
    "on": _switch_on,
    "off": _switch_off,
    "rotate": _rotate,
    "test": _test,
    "replay": _replay,
    "remove": _remove,
}
