"""Signing in on the word of a provider at which the site is a client: one subject of one issuer is one reader."""

from __future__ import annotations

from django.db.models.functions import Now

from articles.models import SocialLogin
from comments.assertions import Assertion
from comments.models import Reader
from comments.services.sessions import offer_code
from comments.services.sso import reader_of_subject
from project.transactions import in_transaction


def sign_in_by_provider(login: SocialLogin, provider: str, said: Assertion, challenge: str) -> tuple[Reader, str]:
    """Make or find the reader and offer her a code, bound to `challenge` unless that is "".

    `provider` is under what the issuer's subjects are kept. A name that she has already stays hers.
    """

    def work() -> tuple[Reader, str]:
        reader = reader_of_subject(login.site, provider, said, renames=False)
        Reader.objects.filter(pk=reader.pk).update(verified_at=Now())
        return reader, offer_code(reader, login.name, challenge=challenge)

    return in_transaction(work)
