"""At which providers the readers of a site may sign in."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from django.db.models.functions import Now

from articles.models import Site, SocialLogin
from project.errors import Problem, refused_field
from project.sealed import seal
from project.transactions import in_transaction

# Providers that readers are likely to have: name -> (what the button says, issuer).
KNOWN: Final[dict[str, tuple[str, str]]] = {
    "google": ("Google", "https://accounts.google.com"),
    "gitlab": ("GitLab", "https://gitlab.com"),
    "linkedin": ("LinkedIn", "https://www.linkedin.com/oauth"),
    "twitch": ("Twitch", "https://id.twitch.tv/oauth2"),
}
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def add_social_login(
    site: Site,
    name: str,
    *,
    client_id: str,
    secret: str = "",
    server_url: str = "",
    label: str = "",
    is_inside: bool = False,
) -> SocialLogin:
    """Let readers of a site sign in at a provider; one of the same name is replaced.

    `server_url` is its issuer and `label` the word on its button, both known for a name of KNOWN. `is_inside` allows
    http, and an address that is not the internet's, for exactly that host. Problem: validation_failed.
    """
    if not NAME.fullmatch(name):
        raise refused_field("name", "unacceptable", "A name has at most 32 letters a to z, digits and hyphens.")
    known_label, known_url = KNOWN.get(name, ("", ""))
    url = (server_url or known_url).rstrip("/")
    check_server(url, is_inside=is_inside)
    if not 0 < len(client_id) <= 255 or not client_id.isprintable():
        raise refused_field("client_id", "required", "Give the client id that the provider has for this site.")
    label = label or known_label or name
    if len(label) > 60 or not label.isprintable():
        raise refused_field("label", "unacceptable", "A label has at most 60 characters.")
    row = SocialLogin(site=site, name=name, label=label, server_url=url, client_id=client_id, is_inside=is_inside)
    row.secret = seal(secret) if secret else ""

    def work() -> SocialLogin:
        SocialLogin.objects.filter(site=site, name=name, revoked_at=None).update(revoked_at=Now())
        row.save()
        return row

    return in_transaction(work)


def check_server(url: str, *, is_inside: bool) -> None:
    """Refuse what is no issuer: https (http only inside), a host, no query. Problem: validation_failed."""
    schemes = {"https", "http"} if is_inside else {"https"}
    try:
        parts = urlsplit(url)
        fits = parts.scheme in schemes and parts.hostname and not (parts.query or parts.fragment or parts.username)
        fits = fits and (parts.port is None or parts.port > 0) and len(url) <= 2000 and url.isascii()
    except ValueError:
        fits = False
    if not fits:
        raise refused_field("server_url", "url_invalid", "Give the provider's issuer, an address with https.")


def find_social_login(site: Site, name: str) -> SocialLogin:
    """Return the login of this name. Problem: not_found."""
    row = SocialLogin.objects.filter(site=site, name=name[:33], revoked_at=None).select_related("site").first()
    if row is None:
        raise Problem("not_found", "Nobody signs in there on this site.")
    return row


def revoke_social_login(login: SocialLogin) -> None:
    """Let nobody sign in there any more; sessions that it opened live on."""
    SocialLogin.objects.filter(pk=login.pk, revoked_at=None).update(revoked_at=Now())
