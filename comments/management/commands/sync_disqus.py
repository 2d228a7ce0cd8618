"""`manage.py sync_disqus ACTION --site S FORUM`: comments of a Disqus forum stand here too while Disqus still runs."""

from __future__ import annotations

from argparse import ArgumentParser, FileType
from collections.abc import Callable
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from articles.models import Site
from articles.selectors import find_site
from comments.models import DisqusForum
from comments.services.disqus_forums import Keys, add_forum, change_keys, check_short_name, switch
from comments.services.disqus_sync import read_forum
from project.errors import Problem

REFUSED = 2


class Command(BaseCommand):
    """Adds a forum, shows it, reads on in it now, gives it other keys, switches it on or off, removes it.

    `add` and `keys` need `--keys-file`: an application's secret key in the first line, a moderator's access token in
    the second. `once` reads once, whatever the clock says. Exit status 2 with one sentence.
    """

    help = "Take in the comments of a Disqus forum and follow what becomes of them; nothing is ever written there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=("add", *ACTIONS))
        parser.add_argument("forum", metavar="FORUM", help="short name of the forum at Disqus")
        parser.add_argument("--site", required=True, metavar="SLUG")
        parser.add_argument("--keys-file", type=FileType(), help="secret key and access token; - reads the input")

    def handle(self, *args: Any, **options: Any) -> None:
        lines = options["keys_file"].read().split() if options["keys_file"] else []
        keys = Keys(*[*lines, "", ""][:2])
        try:
            site = find_site(options["site"])
            if options["action"] == "add":
                added = add_forum(site, options["forum"], keys)
                self.stdout.write(f"{added} is read within a minute.")
                return
            self.stdout.write(ACTIONS[options["action"]](_find(site, options["forum"]), keys))
        except Problem as problem:
            details = [error["message"] for error in problem.errors] or [problem.detail]
            raise CommandError(" ".join(details), returncode=REFUSED) from None


def _find(site: Site, name: str) -> DisqusForum:
    found = DisqusForum.objects.filter(site=site, forum=check_short_name(name)).first()
    if found is None:
        raise CommandError(f"The site {site.slug} reads no forum {name}.", returncode=REFUSED)
    return found


def _show(forum: DisqusForum, _: Keys) -> str:
    state = "caught up" if forum.is_caught_up else "not at the newest post yet"
    lines = [
        f"{forum}: {'on' if forum.is_active else 'off'}, {state}",
        f"  {forum.taken:,} comments taken in, {forum.followed:,} changes followed",
        f"  {forum.skipped:,} posts of the last reading could not be read",
        f"  last read: {forum.last_read_at or 'never'}; next: {forum.next_at}",
        *([f"  last error: {forum.last_error}"] if forum.last_error else []),
    ]
    return "\n".join(lines)


def _once(forum: DisqusForum, keys: Keys) -> str:
    found = read_forum(forum)
    if found is None:
        raise CommandError(f"{forum} is off, or just being read.", returncode=REFUSED)
    return _show(found, keys)


def _keys(forum: DisqusForum, keys: Keys) -> str:
    change_keys(forum, keys)
    return f"{forum} has the new keys and is read within a minute."


def _on(forum: DisqusForum, _: Keys) -> str:
    switch(forum, on=True)
    return f"{forum} is read within a minute, from where it was left."


def _off(forum: DisqusForum, _: Keys) -> str:
    switch(forum, on=False)
    return f"{forum} is not read any more; its comments stay."


def _remove(forum: DisqusForum, _: Keys) -> str:
    said = f"{forum} is forgotten with its keys; its comments stay."
    forum.delete()
    return said


ACTIONS: Final[dict[str, Callable[[DisqusForum, Keys], str]]] = {
    "show": _show,
    "once": _once,
    "keys": _keys,
    "on": _on,
    "off": _off,
    "remove": _remove,
}
