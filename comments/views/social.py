"""Signing in at a provider, in a window of its own: it opens here, leads there and back, and tells its opener a code.

The page that opened the window names its own origin, which must be one of the site's, and nobody else is told
anything. What is under way is remembered in a cookie of these two addresses alone (comments.openid).
"""

from __future__ import annotations

import logging
import re
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext_lazy

from articles.models import Site, SocialLogin
from articles.origins import own_origin
from articles.selectors import find_site, has_origin
from articles.services.social_logins import find_social_login
from comments.openid import Failed, begin, finish, forget, provider_key
from comments.services.readers import spread
from comments.services.social import sign_in_by_provider
from comments.tasks import spread_reader
from comments.views.sign_in import PAGE_HEADERS
from project.addresses import canonical_origin
from project.errors import Problem
from project.languages import in_readers_language
from project.routes import allows
from project.throttling import limited, spend_for_site

log = logging.getLogger(__name__)

# Whoever opened the window stays its opener, whatever its own origin is.
HEADERS: Final = {**PAGE_HEADERS, "Cross-Origin-Opener-Policy": "unsafe-none"}
ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\[\]:-]{1,255}")
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
REASONS: Final = {
    "cancelled": gettext_lazy("You did not sign in there. Nothing has changed here."),
    "unreachable": gettext_lazy("The service where you wanted to sign in does not answer. Try again later."),
    "failed": gettext_lazy("What came back does not say who you are, or is too old. Close this window and try again."),
}


@limited("sign_ins")
@allows("GET")
@in_readers_language
def open_window(request: HttpRequest, site_slug: str, name: str) -> HttpResponse:
    """Lead to the provider; `origin` and `challenge` are the opener's, both left out by our own page."""
    login = find_social_login(find_site(site_slug), name)
    spend_for_site("sign_ins", login.site_id)
    origin, challenge = _opener(request, login.site)
    try:
        response = begin(request, login, origin, challenge)
    except Failed as failure:
        return _refused(request, login, failure, origin)
    return _private(response)


@limited("sign_in_returns")
@allows("GET")
@in_readers_language
def come_back(request: HttpRequest, site_slug: str, name: str) -> HttpResponse:
    """Make or find the reader whom the provider leads back, and tell the opener a code that opens her session."""
    login = find_social_login(find_site(site_slug), name)
    try:
        said, flow = finish(request, login)
    except Failed as failure:
        response = _refused(request, login, failure, failure.flow.origin if failure.flow else "")
    else:
        reader, code = sign_in_by_provider(login, provider_key(login), said, flow.challenge)
        if reader.spread_from is not None and not spread(reader.pk):
            spread_reader.delay_on_commit(reader.pk)
        response = _page(request, login, {"origin": flow.origin, "code": code})
    forget(response)
    return response


def _opener(request: HttpRequest, site: Site) -> tuple[str, str]:
    """Return the origin to tell and its challenge, which only our own page may leave out.

    Problem: origin_not_allowed; validation_failed.
    """
    origin, challenge = request.GET.get("origin") or settings.PUBLIC_URL, request.GET.get("challenge", "")
    named = canonical_origin(origin) if ORIGIN.fullmatch(origin) else None
    # A page that anybody on the way can change must not get what ours keeps safe.
    is_weaker = settings.PUBLIC_URL.startswith("https:") and not origin.startswith("https:")
    if named is None or is_weaker or not (named == own_origin() or has_origin(site, named)):
        raise Problem("origin_not_allowed", "Pages of this origin may not sign readers of this site in.")
    if not CHALLENGE.fullmatch(challenge) and (challenge or origin != settings.PUBLIC_URL):
        raise Problem("bad_request", "The challenge is the SHA-256 of a verifier: 43 characters of base64url.")
    return origin, challenge


def _refused(request: HttpRequest, login: SocialLogin, failure: Failed, origin: str) -> HttpResponse:
    if failure.__cause__ is not None:
        # The provider's words, for whoever set it up; ours to the reader say less.
        log.warning("nobody signed in at %s: %s: %.200r", login, failure.reason, failure.__cause__)
    context = {"origin": origin, "error": failure.reason, "reason": REASONS[failure.reason]}
    return _page(request, login, context, status=401)


def _page(request: HttpRequest, login: SocialLogin, context: dict[str, Any], status: int = 200) -> HttpResponse:
    own = context["origin"] == settings.PUBLIC_URL
    context |= {"site": login.site, "login": login, "own": own}
    return _private(render(request, "comments/social.html", context, status=status))


def _private(response: HttpResponse) -> HttpResponse:
    for header, value in HEADERS.items():
        response[header] = value
    return response


urlpatterns = [
    path("sign-in/with/<str:site_slug>/<str:name>", open_window, name="social_login"),
    path("sign-in/with/<str:site_slug>/<str:name>/back", come_back, name="social_back"),
]
