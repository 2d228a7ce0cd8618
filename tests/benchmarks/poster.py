"""One process that does what the channels' worker does: `python -m tests.benchmarks.poster send`.

`… prepare FAST SLOW` makes so many sites with a webhook that answers at once, and so many with a slow one. STANDS_FOR
tells, in JSON, where their hosts are.
"""

from __future__ import annotations

import json
import os
import sys

import django

from project.http import stands_for
from tests.channel_server import HOOK, OTHER_HOOK

EVENTS = ["article.published"]
TURN = 30.0


def prepare(fast: int, slow: int) -> None:
    from sharing.services.channels import add_channel
    from tests.factories import make_article, make_site

    for host, number in ((HOOK, fast), (OTHER_HOOK, slow)):
        for one in range(number):
            site = make_site(f"{host.partition('.')[0]}-{one}")
            make_article(site, title="News")
            add_channel(site, "webhook", host, settings={"url": f"https://{host}/in"}, events=EVENTS)


def send() -> None:
    """Until it is ended."""
    from sharing.services.posting import send_due_posts

    while True:
        send_due_posts(TURN)


def main(work: str, *arguments: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    from project.statements import prepare_statements

    prepare_statements()
    stands_for.update(json.loads(os.environ["STANDS_FOR"]))
    {"prepare": prepare, "send": send}[work](*map(int, arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
