"""`manage.py create_social_login SITE NAME --client-id ID`: let readers sign in at an OpenID Connect provider."""

from __future__ import annotations

from argparse import ArgumentParser, FileType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from articles.selectors import find_site
from articles.services.social_logins import KNOWN, add_social_login
from project.errors import Problem

REFUSED = 2


class Command(BaseCommand):
    """Makes or replaces a login and prints the address that the provider has to lead back to.

    Exit status 2 with one sentence if refused.
    """

    help = "Let the site's readers sign in at an OpenID Connect provider."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("site", metavar="SITE", help="slug of the site")
        parser.add_argument("name", metavar="NAME", help=f"{', '.join(KNOWN)}, or any other word with --server-url")
        parser.add_argument("--client-id", required=True, help="what the provider calls this site")
        parser.add_argument("--secret-file", type=FileType(), help="the client's secret; - reads it from the input")
        parser.add_argument("--server-url", default="", help="the provider's issuer")
        parser.add_argument("--label", default="", help="what the button says")
        parser.add_argument("--inside", action="store_true", help="the issuer may have http and a private address")

    def handle(self, *args: Any, **options: Any) -> None:
        secret = options["secret_file"].read().strip() if options["secret_file"] else ""
        given = {name: options[name] for name in ("client_id", "server_url", "label")}
        try:
            site = find_site(options["site"])
            row = add_social_login(site, options["name"], secret=secret, is_inside=options["inside"], **given)
        except Problem as problem:
            details = [error["message"] for error in problem.errors] or [problem.detail]
            raise CommandError(" ".join(details), returncode=REFUSED) from None
        self.stdout.write(f"{settings.PUBLIC_URL}/sign-in/with/{site.slug}/{row.name}/back")
