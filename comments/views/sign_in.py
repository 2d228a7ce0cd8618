"""Signing in: the page behind the link that was mailed, and the code that it gives.

The page needs no login, cookie or Origin: the token in its path is the proof. GET shows and changes nothing, because
scanners open every link of a mail; POST acts, once.
"""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema

from articles.models import Article, Site
from articles.origins import check_write_origin, own_origin
from articles.selectors import find_site, has_origin
from comments import reader_serializers as serializers
from comments.inputs import read_code, read_token, read_verifier
from comments.services.readers import spread
from comments.services.sessions import Opened, take_code
from comments.services.sign_in import Link, read_sign_in, sign_in_by_link
from comments.services.sso import sign_in_by_sso, sign_ons_to_read
from comments.tasks import read_sign_on_keys, spread_reader
from project.addresses import canonical_origin
from project.answers import PRIVATE, json_response
from project.documented import documented
from project.errors import Problem
from project.languages import in_readers_language
from project.parsers import read_json
from project.queries import site_slug
from project.routes import allows
from project.throttling import limited, spend_for_site
from project.tokens import BadToken

# The address of the page is a secret of its reader: no cache, no search engine and no other host may see it.
PAGE_HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


@documented(
    post=extend_schema(
        operation_id="sign_in_with_code",
        request=serializers.CodeSerializer,
        responses={201: serializers.OpenedSerializer},
    )
)
@csrf_exempt
@limited("sign_ins")
@allows("POST")
def exchange_code(request: HttpRequest) -> HttpResponse:
    """Open a session with the code that the page behind a mailed link shows: once, within ten minutes."""
    data = read_json(request)
    site = find_site(site_slug(data))
    check_write_origin(request, site)
    return opened_response(take_code(site.pk, read_code(data), verifier=read_verifier(data), label=browser(request)))


def opened_response(opened: Opened) -> HttpResponse:
    """Answer with a session that was just opened; its token is sent this once."""
    data = {
        "session": opened.token,
        "expires_at": opened.expires_at,
        "reader": serializers.reader_data(opened.reader),
    }
    return json_response(data, status=201, headers=PRIVATE)


def browser(request: HttpRequest) -> str:
    """Return what the client calls itself, as far as it can be kept and shown."""
    return "".join(letter for letter in request.headers.get("User-Agent", "")[:200] if letter.isprintable())


@documented(
    post=extend_schema(
        operation_id="sign_in_by_sso",
        request=serializers.SsoSerializer,
        responses={201: serializers.OpenedSerializer},
    )
)
@csrf_exempt
@limited("sign_ins")
@allows("POST")
def exchange_token(request: HttpRequest) -> HttpResponse:
    """Open a session for whom the publisher vouches: a JWT, or Disqus' `remote_auth_s3`; each token works once.

    401 `sso_key_unknown` means that the publisher's keys are being read anew: send the token again in two seconds.
    """
    data = read_json(request)
    site = find_site(site_slug(data))
    check_write_origin(request, site)
    spend_for_site("sign_ins", site.pk)
    try:
        opened = sign_in_by_sso(site, read_token(data), label=browser(request))
    except Problem as problem:
        if problem.code == "sso_key_unknown":
            for sign_on_id in sign_ons_to_read(site):
                read_sign_on_keys.delay_on_commit(sign_on_id)
        raise
    if opened.reader.spread_from is not None and not spread(opened.reader.pk):
        spread_reader.delay_on_commit(opened.reader.pk)
    return opened_response(opened)


@csrf_exempt
@allows("GET", "POST")
@in_readers_language
def sign_in(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to sign in (GET); give the code that opens the session (POST)."""
    try:
        link = read_sign_in(token)
    except BadToken as error:
        detail = gettext("This is no link of ours; perhaps it was cut off. Ask for another one where you sign in.")
        if error.expired:
            detail = gettext("This link is too old. Ask for another one where you sign in.")
        raise Problem("not_found", detail) from error
    site = Site.objects.filter(pk=link.site_id).first()
    if site is None:
        raise Problem("not_found", gettext("There is no such site any more."))
    context: dict[str, Any] = {"site": site, "address": link.address}
    if request.method == "POST":
        code = sign_in_by_link(link).code
        context |= {"code": code, "back": _back(site, link), "own": not link.embedded}
    response = render(request, "comments/sign_in.html", context)
    for header, value in PAGE_HEADERS.items():
        response[header] = value
    return response


@allows("GET")
def own(request: HttpRequest) -> HttpResponse:
    """The page of what is a reader's own; its script asks the API in the sessions that the browser keeps."""
    response = render(request, "comments/own.html")
    for header, value in PAGE_HEADERS.items():
        response[header] = value
    return response


def _back(site: Site, link: Link) -> str:
    """Return the page where she asked: ours, or the publisher's if it is of one of the site's origins; else ""."""
    articles = Article.objects.filter(site=site, visibility=Article.Visibility.PUBLIC)
    article = articles.filter(pk=link.article_id).first()
    if article is None:
        return ""
    if not link.embedded:
        return f"{article.get_absolute_url()}#comments"
    page = article.public_url.partition("#")[0]
    origin = canonical_origin(page) if article.url else own_origin()
    return page if origin == own_origin() or has_origin(site, origin) else ""


# A mail program may add a slash, and a redirect would turn a POST into a GET.
urlpatterns = [
    path("api/v1/sign-in/code", exchange_code, name="sign_in_code"),
    path("api/v1/sign-in/sso", exchange_token, name="sign_in_sso"),
    path("readers/me", own, name="reader_page"),
    path("sign-in/<str:token>", sign_in, name="sign_in"),
    path("sign-in/<str:token>/", sign_in),
]
