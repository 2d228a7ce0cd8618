"""Signing in on the word of the publisher: its token is checked, taken once, and becomes a session of a reader."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from django.db import connection

from articles.models import SignOn, Site
from comments.assertions import Assertion, Refused, Trust, UnknownKey, read_disqus, read_jwt
from comments.models import Identity, Reader
from comments.services.readers import change_profile, check_name, reader_of_address
from comments.services.sessions import Opened, open_session
from comments.services.sign_in import spend_once
from project import addresses, text
from project.errors import Problem
from project.names import name_key
from project.sealed import Broken, unseal
from project.transactions import in_transaction

SSO: Final = "sso"
DISQUS: Final = "disqus"
MAX_NAME: Final = 100
AHEAD: Final = {"WWW-Authenticate": "Bearer"}


def sign_in_by_sso(site: Site, token: str, *, label: str = "") -> Opened:
    """Open a session for whom a publisher's token names: a JWT, or Disqus' `remote_auth_s3`. Each token works once.

    Her name is the publisher's to say, and follows what it says. Problem: sign_in_invalid; sso_key_unknown, after which
    the caller has the keys of `sign_ons_to_read` read.
    """
    provider, said = _checked(site, token)

    def work() -> Opened:
        if not spend_once(site.pk, provider, said.once, timedelta(seconds=said.lives)):
            raise _invalid("This token was used already; a new one is needed for each sign-in.")
        return open_session(reader_of_subject(site, provider, said), provider, label=label)

    return in_transaction(work)


def sign_ons_to_read(site: Site) -> list[int]:
    """Return the ids of the site's sign-ons whose keys are read from an address."""
    rows = SignOn.objects.filter(site=site, kind=SignOn.Kind.KEYS, revoked_at=None).exclude(keys_url="")
    return list(rows.values_list("pk", flat=True))


def _checked(site: Site, token: str) -> tuple[str, Assertion]:
    trusts: dict[str, list[Trust]] = {kind: [] for kind in SignOn.Kind.values}
    for sign_on in SignOn.objects.filter(site=site, revoked_at=None).order_by("-pk"):
        trusts[sign_on.kind] += _trust(sign_on)
    try:
        if " " in token:
            return DISQUS, read_disqus(token, trusts[SignOn.Kind.DISQUS], time.time())
        return SSO, read_jwt(token, trusts[SignOn.Kind.HMAC], trusts[SignOn.Kind.KEYS], time.time())
    except Refused as refusal:
        raise _invalid(str(refusal)) from refusal
    except UnknownKey as unknown:
        detail = "No key of this site has that name yet; it is being looked for, so try again in a moment."
        raise Problem("sso_key_unknown", detail, headers={**AHEAD, "Retry-After": "2"}) from unknown


def _trust(sign_on: SignOn) -> list[Trust]:
    keys = tuple(sign_on.keys.get("keys", ())) if isinstance(sign_on.keys, dict) else ()
    try:
        secret = unseal(sign_on.secret) if sign_on.secret else ""
    except Broken:
        return []
    return [Trust(sign_on.pk, sign_on.audience or sign_on.site.slug, sign_on.issuer, secret, keys)]


def reader_of_subject(site: Site, provider: str, said: Assertion, *, renames: bool = True) -> Reader:
    """Return the reader whom a subject is, made where she is new; within a transaction.

    She is called what `said` calls her; without `renames` only if she has no name yet.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"sso:{site.pk}:{provider}:{said.subject}"]
        )
    known = Identity.objects.filter(site=site, provider=provider, subject=said.subject)
    identity = known.select_related("reader__site").first()
    address = _address(said.email)
    if identity is not None:
        reader = identity.reader
        _adopt_address(reader, address)
    else:
        reader = reader_of_address(site, address) if address else Reader.objects.create(site=site)
        Identity.objects.create(site=site, reader=reader, provider=provider, subject=said.subject)
    if renames or not reader.name:
        _call(reader, said)
    return Reader.objects.select_related("site").get(pk=reader.pk)


def _adopt_address(reader: Reader, address: str) -> None:
    """Give a reader without an address the one that her publisher has verified, unless it is another reader's."""
    if not address or reader.address_key:
        return
    key = addresses.email_key(address)
    if not Reader.objects.filter(site_id=reader.site_id, address_key=key).exists():
        Reader.objects.filter(pk=reader.pk).update(address=address, address_key=key)


def _call(reader: Reader, said: Assertion) -> None:
    """Let a reader be called what the publisher says; a name that will not do leaves her as she is called."""
    try:
        name = text.clean_line(said.name, limit=MAX_NAME, field="name")
        url = addresses.web_address(said.url) if said.url else ""
        if (name, url) == (reader.name, reader.url) and reader.name_key == name_key(name):
            return
        check_name(reader, name)
    except Problem:
        return
    change_profile(reader, name=name, url=url)


def _address(email: str) -> str:
    try:
        return addresses.normalise_email(email).address if email else ""
    except Problem:
        return ""


def _invalid(detail: str) -> Problem:
    return Problem("sign_in_invalid", detail, headers=AHEAD)
