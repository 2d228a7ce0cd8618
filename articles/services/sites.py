"""Making sites, their keys and their members."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from articles.models import ApiKey, Member, Site, SiteOrigin
from project.addresses import canonical_origin, normalise_email
from project.errors import refused_field
from project.text import clean_line
from project.tokens import new_api_key


@dataclass(frozen=True)
class NewSite:
    """A site and its first key, whose plain text cannot be had again."""

    site: Site
    api_key: str


@dataclass(frozen=True)
class IssuedKey:
    """A key as it is stored, and the plain text that it is a digest of."""

    api_key: ApiKey
    plain: str


def create_site(
    *,
    slug: str,
    name: str,
    origins: Sequence[str] = (),
    owner: str = "",
    moderation: str = Site.Moderation.OPEN,
) -> NewSite:
    """Make a site with its origins (addresses of any page there), its owner and a first key of every scope.

    `owner` is an e-mail address; a person of that address is made if there is none, without password or rights in the
    admin. Problem: validation_failed, naming the field; nothing is half done.
    """
    _check_slug(slug)
    site = Site(slug=slug, name=clean_line(name, limit=200, field="name"), moderation=moderation)
    if moderation not in Site.Moderation.values:
        raise refused_field("moderation", "unknown_choice", f"Moderation is one of {', '.join(Site.Moderation)}.")
    hosts = {canonical_origin(origin) for origin in origins}
    address = normalise_email(owner, "owner").address if owner else ""
    with transaction.atomic():
        try:
            with transaction.atomic():
                site.save()
        except IntegrityError as error:
            raise refused_field("slug", "taken", f"There is a site {slug} already.") from error
        SiteOrigin.objects.bulk_create(SiteOrigin(site=site, origin=host) for host in sorted(hosts))
        if address:
            add_member(site, address, Member.Role.OWNER)
        return NewSite(site, create_api_key(site, ApiKey.Scope.values, name="first key"))


def create_api_key(site: Site, scopes: Iterable[str], *, name: str = "") -> str:
    """Make a key of the site with these scopes and return its plain text. Problem as in `issue_api_key`."""
    return issue_api_key(site, scopes, name=name).plain


def issue_api_key(site: Site, scopes: Iterable[str], *, name: str = "") -> IssuedKey:
    """Make a key of the site with these scopes; its plain text is kept nowhere.

    Problem: validation_failed, without scopes or with an unknown one.
    """
    wanted = sorted(set(scopes))
    unknown = set(wanted) - set(ApiKey.Scope.values)
    if unknown or not wanted:
        raise refused_field("scope", "unknown_choice", f"Scopes are some of {', '.join(ApiKey.Scope.values)}.")
    key = new_api_key()
    label = clean_line(name, limit=100, field="name", required=False)
    stored = ApiKey.objects.create(site=site, name=label, prefix=key.prefix, digest=key.digest, scopes=wanted)
    return IssuedKey(stored, key.plain)


def revoke_api_key(api_key: ApiKey) -> None:
    """Let a key open nothing any more; the first time counts."""
    ApiKey.objects.filter(pk=api_key.pk, revoked_at=None).update(revoked_at=Now())


def note_settings_change(site: Site) -> None:
    """Raise the site's version, by which kept pages know that its settings have changed."""
    Site.objects.filter(pk=site.pk).update(version=F("version") + 1)


def add_member(site: Site, address: str, role: str = Member.Role.MODERATOR) -> Member:
    """Let the person of an e-mail address run or moderate the site; the last role given holds."""
    # Somebody may have typed the address in capitals; two people of one address cannot be told apart, the oldest is it.
    user = User.objects.filter(email__iexact=address).order_by("pk").first()
    if user is None:
        user, _ = User.objects.get_or_create(
            username=address[:150], defaults={"email": address, "password": make_password(None)}
        )
    member, _ = Member.objects.update_or_create(site=site, user=user, defaults={"role": role})
    return member


def _check_slug(slug: str) -> None:
    letters = slug.replace("-", "").replace("_", "")
    if not (letters.isascii() and letters.isalnum() and len(slug) <= 64 and slug == slug.lower()):
        message = "A slug has 1 to 64 lower-case letters, digits, hyphens and underscores."
        raise refused_field("slug", "slug_invalid", message)
