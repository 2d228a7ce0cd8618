"""Follow by Email: asking for it, and the pages behind the links in our mails.

Those pages need no login, no cookie and no Origin: the token in the path is the proof, and mail providers post to
`leave` themselves (RFC 8058). GET shows and changes nothing, because scanners open every link of a mail; POST acts;
nothing redirects; the body of a POST cannot name anything that the token does not.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import path
from django.utils import dates
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from articles.origins import check_write_origin
from articles.services.idempotency import Answer, answer_once
from articles.services.pages import register_page
from comments.authentication import reader_of
from project.addresses import email_key
from project.documented import RETRY_KEY
from project.errors import Problem
from project.languages import asked_for, in_readers_language, speak
from project.proof import may_cause_mail
from project.routes import allows
from project.throttling import limited, spend_for_site
from project.tokens import BadToken
from sharing import targets, tokens
from sharing.models import Follow, Follower
from sharing.selectors.follows import (
    asked_follow,
    follower_of,
    language_of_asked,
    language_of_leaving,
    living_follows,
    site_of,
)
from sharing.serializers.follows import FollowAnswerSerializer, FollowInput, FollowInputSerializer, read_follow
from sharing.services.follows import (
    change_follow,
    change_language,
    change_schedule,
    confirm_follow,
    end_follows,
    refuse,
    request_follow,
)
from sharing.services.follows import leave as stop
from sharing.targets import Target
from sharing.tasks import deliver_confirmations

ACCEPTED: Final = {"message": "Check your mail: the follow begins when you confirm it there."}
# The address of the page is a secret of its reader: no cache, no search engine and no other host may see it.
PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
ONE_CLICK: Final = "One-Click"
LANGUAGES: Final = settings.LANGUAGES
WEEKDAYS: Final = list(enumerate(dates.WEEKDAYS.values()))


class FollowsView(APIView):
    """Follow by Email, for any page."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="follow",
        parameters=[RETRY_KEY],
        request=FollowInputSerializer,
        responses={202: FollowAnswerSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Ask to be told by mail; the address gets a confirmation first. The answer is the same for every address.

        For the proven address of the reader whose session this is the follow begins at once.
        """
        wish = read_follow(request.data)
        check_write_origin(request._request, wish.site)
        spend_for_site("follows", wish.site.pk)
        reader = reader_of(request._request, wish.site)
        proven = reader is not None and reader.address_key == email_key(wish.email)

        may_mail = may_cause_mail(request._request, wish.proof) and not wish.is_trapped

        def work() -> Answer:
            request_follow(
                *(wish.site.pk, wish.email, _target(wish)),
                door="api",
                frequency=wish.frequency,
                zone=wish.timezone,
                language=asked_for(request._request),
                proven=proven,
                may_mail=may_mail,
                ref=wish.ref,
            )
            deliver_confirmations.delay_on_commit()
            return Answer(ACCEPTED, status=202)

        return answer_once(request._request, wish.site.pk, work)


@csrf_exempt
@allows("GET", "POST")
@in_readers_language
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Show what was asked for (GET); begin the follow (POST)."""
    try:
        follow_id, number = tokens.read_confirm(token)
    except BadToken as error:
        raise Problem("not_found", _no_link(expired=error.expired)) from error
    begun = request.method == "POST" and confirm_follow(follow_id, number, door="page")
    follow = begun or asked_follow(follow_id, number)
    if follow is None:
        raise Problem("not_found", gettext("This request to follow is no longer open. You can ask for it again."))
    speak(follow.follower.language)
    context = {"follow": follow, "site": follow.site, "done": bool(begun), "not_me": tokens.not_me_url(follow)}
    return page(request, "confirm", context)


@csrf_exempt
@allows("GET", "POST")
@in_readers_language
def not_me(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether somebody else asked (GET); end that request, and ask this address for nothing more (POST)."""
    try:
        refusal = tokens.read_not_me(token)
    except BadToken as error:
        raise Problem("not_found", _no_link()) from error
    speak(language_of_asked(refusal.follow_id, refusal.request))
    done = request.method == "POST" and refuse(refusal, door="not-me")
    follow = asked_follow(refusal.follow_id, refusal.request)
    follows = follow is not None and follow.status == Follow.Status.CONFIRMED
    return page(request, "not_me", {"site": site_of(refusal.site_id), "done": done, "follows": follows})


@csrf_exempt
@allows("GET", "POST")
@in_readers_language
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to end (GET); end what the mail was about (POST), also with one click, also what is gone already."""
    try:
        leaving = tokens.read_leave(token)
    except BadToken as error:
        raise Problem("not_found", _no_link()) from error
    speak(language_of_leaving(leaving))
    if request.method == "POST":
        one_click = request.POST.get("List-Unsubscribe") == ONE_CLICK
        stop(leaving, door="one-click" if one_click else "page")
    context = {"site": site_of(leaving.site_id), "why": leaving.suppress, "done": request.method == "POST"}
    return page(request, "leave", context)


@csrf_exempt
@allows("GET", "POST")
@in_readers_language
def manage(request: HttpRequest, token: str) -> HttpResponse:
    """List what an address follows at a site (GET); change it (POST).

    `end` is the id of one to end, or `all`; with `save`, `frequency-ID` says how often she is told of one,
    `timezone`, `hour` and `weekday` when her digests come, and `language` what she reads from now on.
    """
    try:
        follower_id, nonce = tokens.read_manage(token)
    except BadToken as error:
        raise Problem("not_found", _no_link()) from error
    follower = follower_of(follower_id, nonce)
    if follower is None:
        raise Problem("not_found", _no_link())
    speak(follower.language)
    done: dict[str, Any] = {}
    if request.method == "POST" and "save" in request.POST:
        done = _save(follower, request.POST)
        follower.refresh_from_db()
        speak(follower.language)
    elif request.method == "POST":
        done = {"ended": end_follows(Q(follower=follower) & _chosen(request.POST.get("end", "")), door="page")}
    choices = {"frequencies": Follow.Frequency, "hours": range(24), "weekdays": WEEKDAYS, "languages": LANGUAGES}
    context = {"follower": follower, "site": follower.site, "follows": living_follows(follower), **choices, **done}
    response = page(request, "manage", context)
    response.status_code = 400 if "error" in done else 200
    return response


def page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """Return a page behind a link of our mails, which nobody else should see."""
    response = render(request, f"sharing/follows/{name}.html", context)
    for header, value in PAGE_HEADERS.items():
        response[header] = value
    return response


def _target(wish: FollowInput) -> Target:
    """What is wished for; a page that nobody has written to is registered by this first write."""
    if wish.comment is not None:
        return targets.of_comment(wish.comment.pk, wish.comment.article_id)
    if wish.page is not None:
        return targets.of_article((wish.page.article or register_page(wish.page)).pk)
    if wish.tag:
        return targets.of_tag(wish.tag)
    return targets.of_author(wish.author) if wish.author else targets.of_site()


def _save(follower: Follower, given: QueryDict) -> dict[str, Any]:
    """Take what the form says of language, frequencies and hours; return what the page says of it."""
    language = given.get("language", "")
    if language in dict(LANGUAGES):
        change_language(follower, language)
    for follow in living_follows(follower):
        frequency = given.get(f"frequency-{follow.pk}")
        if frequency in Follow.Frequency.values:
            change_follow(follower, follow.pk, str(frequency))
    hour, weekday = (_number(given.get(name, "")) for name in ("hour", "weekday"))
    try:
        change_schedule(follower, given.get("timezone", "").strip(), hour, weekday)
    except Problem as problem:
        return {"error": problem.errors[0]["message"], "zone": given.get("timezone", "")}
    return {"saved": True}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else -1


def _chosen(which: str) -> Q:
    if which == "all":
        return Q()
    is_id = which.isascii() and which.isdigit() and len(which) < 19
    return Q(pk=int(which)) if is_id else Q(pk__in=[])


def _no_link(*, expired: bool = False) -> str:
    if expired:
        return gettext("This link is too old. Please ask to follow again.")
    return gettext("This is no link of ours; perhaps it was cut off on the way.")


# One-click clients may add a slash, and a redirect would turn their POST into a GET.
urlpatterns = [
    path("api/v1/follows", limited("follows")(FollowsView.as_view()), name="follows"),
    path("follows/confirm/<str:token>", confirm, name="confirm_follow"),
    path("follows/confirm/<str:token>/", confirm),
    path("follows/not-me/<str:token>", not_me, name="refuse_follow"),
    path("follows/not-me/<str:token>/", not_me),
    path("follows/leave/<str:token>", leave, name="leave_follow"),
    path("follows/leave/<str:token>/", leave),
    path("follows/manage/<str:token>", manage, name="manage_follows"),
    path("follows/manage/<str:token>/", manage),
]
