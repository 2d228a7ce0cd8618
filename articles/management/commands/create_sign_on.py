"""`manage.py create_sign_on SITE --kind hmac|keys|disqus`: let a publisher vouch for its readers."""

from __future__ import annotations

from argparse import ArgumentParser, FileType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.models import SignOn
from articles.selectors import find_site
from articles.services.sign_ons import add_sign_on
from project.errors import Problem

REFUSED = 2


class Command(BaseCommand):
    """Makes a sign-on and prints its shared secret where we made it. Exit status 2 with one sentence if refused."""

    help = "Let the site's publisher sign its readers in, by JWT or Disqus' remote_auth_s3."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("site", metavar="SITE", help="slug of the site")
        parser.add_argument("--kind", required=True, choices=SignOn.Kind.values)
        parser.add_argument("--secret-file", type=FileType(), help="the shared secret; - reads it from the input")
        parser.add_argument("--keys-file", type=FileType(), help="a JWK set with public keys")
        parser.add_argument("--keys-url", default="", help="where the JWK set is read from, every hour and when needed")
        parser.add_argument("--issuer", default="", help="the `iss` that tokens must carry")
        parser.add_argument("--audience", default="", help="the `aud` that tokens must carry; the slug unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        given = options["secret_file"].read().strip() if options["secret_file"] else ""
        keys = options["keys_file"].read() if options["keys_file"] else ""
        named = {name: options[name] for name in ("keys_url", "issuer", "audience")}
        try:
            site = find_site(options["site"])
            row, secret = add_sign_on(site, options["kind"], secret=given, keys=keys, **named)
        except Problem as problem:
            raise CommandError(problem.detail, returncode=REFUSED) from None
        self.stdout.write(secret if secret and not given else f"Sign-on {row.pk} of {site.slug}.")
