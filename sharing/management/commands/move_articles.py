"""`manage.py move_articles --site S`: pages that have moved, a domain that has, or two articles that are one."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.models import Site
from articles.selectors import find_site, has_origin
from project.address_map import AddressMap, NoAddressMap, one_beginning, read_address_map
from project.addresses import canonical_origin
from project.errors import Problem
from sharing.services.merging import Move, merge_articles, move_articles

REFUSED = 2
EXAMPLES = 3


class Command(BaseCommand):
    """Gives articles their new addresses and keeps the old ones; again it finds nothing to do. Nobody is notified.

    Exit status 2 with one sentence: unknown site or article, a bad mapping, options that do not fit together.
    """

    help = "Move articles to new addresses, or merge two with all that hangs on them. Old addresses go on working."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", required=True, metavar="SLUG")
        parser.add_argument("--from", dest="old", metavar="URL", help="every article whose address begins so …")
        parser.add_argument("--to", dest="new", metavar="URL", help="… moves below this one")
        parser.add_argument("--map", type=Path, metavar="CSV", help="old and new address of each page that has moved")
        parser.add_argument("--merge", action="store_true", help="merge an article into the one at its new address")
        parser.add_argument("--article", type=int, metavar="ID", help="the article that goes …")
        parser.add_argument("--into", type=int, metavar="ID", help="… and the one that takes over all that hangs on it")
        parser.add_argument("--dry-run", action="store_true", help="say what would move, write nothing")
        parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            site = find_site(options["site"])
            if options["article"] is not None and options["into"] is not None:
                report = _merged(site, options)
            else:
                report = _moved(site, _wanted(options), options)
        except Problem as problem:
            raise CommandError(_sentence(problem), returncode=REFUSED) from None
        except NoAddressMap as refusal:
            raise CommandError(str(refusal), returncode=REFUSED) from None
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.", returncode=REFUSED) from None
        self.stdout.write(json.dumps(report) if options["json"] else _in_words(report, site))
        if options["dry_run"] and not options["json"]:
            self.stdout.write("Nothing was written: this was a dry run.")


def _wanted(options: dict[str, Any]) -> AddressMap:
    pair = (options["old"], options["new"])
    if options["map"] is not None and pair == (None, None):
        return read_address_map(options["map"])
    if options["map"] is None and None not in pair:
        return one_beginning(*pair)
    raise NoAddressMap("Say --from and --to, or --map, or --article and --into.")


def _merged(site: Site, options: dict[str, Any]) -> dict[str, Any]:
    if options["dry_run"] or options["map"] or options["old"] or options["new"]:
        raise NoAddressMap("Two articles are merged by --article and --into alone.")
    return {"comments_moved": merge_articles(site, options["article"], options["into"])}


def _moved(site: Site, moves: AddressMap, options: dict[str, Any]) -> dict[str, Any]:
    made = list(move_articles(site, moves, merge=options["merge"], dry_run=options["dry_run"]))
    clean, merged, left = (
        [_told(move) for move in made if (move.other is None, move.merged) == kind]
        for kind in ((True, False), (False, True), (False, False))
    )
    origins = sorted({canonical_origin(move.new) for move in made})
    return {
        "moved": len(clean),
        "merged": merged,
        "in_the_way": left,
        "unused": len(moves.unused),
        "missing_origins": [origin for origin in origins if not has_origin(site, origin)],
    }


def _told(move: Move) -> dict[str, Any]:
    return {"article": move.article_id, "old": move.old, "new": move.new, "other": move.other}


def _sentence(problem: Problem) -> str:
    return str(problem.errors[0]["message"]) if problem.errors else problem.detail


def _in_words(report: dict[str, Any], site: Site) -> str:
    if "comments_moved" in report:
        return f"Merged: {report['comments_moved']:,} comments moved."
    lines = [f"Articles: {report['moved']:,} moved, {len(report['merged']):,} merged."]
    if left := report["in_the_way"]:
        lines.append(f"  left alone, their new address is another article's (see --merge): {len(left):,}")
        lines += [f"    {_example(found)}" for found in left[:EXAMPLES]]
    if report["unused"]:
        lines.append(f"  lines of the mapping that moved nothing: {report['unused']:,}")
    lines += _advice(report["missing_origins"], site)
    return "\n".join(lines)


def _example(found: dict[str, Any]) -> str:
    return f"{found['article']} ({found['old']}) and {found['other']} ({found['new']})"


def _advice(origins: Iterable[str], site: Site) -> list[str]:
    return [f"  {origin} is no origin of {site.slug} yet: readers cannot write on its pages." for origin in origins]
