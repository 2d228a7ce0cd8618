"""Share buttons: which networks there are, where a share leads, and counting it on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from articles.models import Article
from articles.origins import check_form_origin, check_write_origin
from articles.selectors import page_from_request_data, public_article
from articles.services.idempotency import Answer, answer_once
from articles.services.pages import register_page
from comments.models import Comment
from project.cacheable import cacheable_json
from project.documented import RETRY_KEY, documented
from project.errors import Problem
from project.routes import allows
from project.snapshots.depends import Depends
from project.throttling import limited
from project.visitors import visitor_of
from sharing import kept, networks
from sharing.networks import Kind, Network
from sharing.selectors.shares import (
    share_counts,
    share_links,
    share_links_of_unknown_page,
    shareable,
    shared_over,
    target_of,
)
from sharing.serializers.shares import (
    NetworksSerializer,
    ShareAnswerSerializer,
    ShareInputSerializer,
    ShareLinksSerializer,
    read_comment_id,
)
from sharing.services.shares import record_share

# Seconds for which a web process may keep buttons with their counts.
LINKS_AGE: Final = 1.0

COMMENT: Final = OpenApiParameter("comment", int, description="The id of one comment of the page, to share that.")
PAGE: Final = [
    OpenApiParameter("site", str, required=True, description="Slug of the site."),
    OpenApiParameter("url", str, description="Address of the page; this or `identifier`."),
    OpenApiParameter("identifier", str, description="The publisher's own id of the page."),
]
LEADS_THERE: Final = OpenApiResponse(description="`Location` is the network's own address for this page.")
ASKS_FOR_SERVER: Final = OpenApiResponse(description="Mastodon: a page whose form asks for the reader's server.")
# Neither caches nor search engines keep the redirect, and the network does not learn which page had the button.
REDIRECT_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


class NetworksView(APIView):
    """The networks that are offered to readers."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="networks", responses=NetworksSerializer)
    def get(self, request: Request) -> Response:
        """List the networks, in the order in which buttons are shown."""
        return Response(NetworksSerializer({"networks": networks.listed()}).data)


@documented(get=extend_schema(operation_id="article_share_links", parameters=[COMMENT], responses=ShareLinksSerializer))
@allows("GET")
def article_share_links(request: HttpRequest, article_id: int) -> HttpResponse:
    """Show where an article, or one comment of it, can be shared to, and how often it was."""
    return _links_of(request, public_article(article_id), read_comment_id(request.GET))


@documented(
    get=extend_schema(operation_id="page_share_links", parameters=[*PAGE, COMMENT], responses=ShareLinksSerializer)
)
@allows("GET")
def page_share_links(request: HttpRequest) -> HttpResponse:
    """Show where a page can be shared to; one that nobody has written to has no counts and no redirects yet."""
    page = page_from_request_data(request.GET)
    comment_id = read_comment_id(request.GET)
    article = page.public_article()
    if article is None and page.url and comment_id is None:
        # Kept apart from what is read, as anybody may think of any number of addresses.
        unknown = share_links_of_unknown_page(page.site, page.url)
        return cacheable_json(request, unknown, Depends(max_age=LINKS_AGE, exact=True))
    return _links_of(request, visible(article), comment_id)


def _links_of(request: HttpRequest, article: Article, comment_id: int | None) -> HttpResponse:
    links = share_links(article, public_comment(article, comment_id))
    return cacheable_json(request, links, Depends(max_age=LINKS_AGE))


class SharesView(APIView):
    """Shares that do not pass through our redirect: the native sheet, copy, print."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="record_share",
        parameters=[RETRY_KEY],
        request=ShareInputSerializer,
        responses={201: ShareAnswerSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Record a share; one that was counted today already is answered alike."""
        body = cast(Mapping[str, Any], request.data)  # the parser takes nothing but objects
        page = page_from_request_data(body)
        check_write_origin(request._request, page.site)
        given = ShareInputSerializer(data=body)
        given.is_valid(raise_exception=True)
        network: Network = given.validated_data["network"]
        comment_id = given.validated_data.get("comment")

        def work() -> Answer:
            article = visible(page.article if page.article or comment_id else register_page(page))
            comment = public_comment(article, comment_id)
            record_share(article, network, visitor_of(request._request), comment)
            counts = share_counts(article, comment)
            target = target_of(network, article, comment)
            return Answer({"target": target, "counts": counts, "total": sum(counts.values())}, status=201)

        return answer_once(request._request, page.site.pk, work)


@documented(
    get=extend_schema(operation_id="share", responses={303: LEADS_THERE, 200: ASKS_FOR_SERVER}),
    post=extend_schema(operation_id="share_on_instance", request=None, responses={303: LEADS_THERE}),
)
@csrf_exempt
@limited("shares")
@allows("GET", "POST")
def share(request: HttpRequest, network_key: str, article_id: int) -> HttpResponse:
    """Count the share and lead to the network; a network without one address asks the reader for her server first.

    Nothing in the query is read: the target is made from the network and the article alone.
    """
    network = web_network(network_key)
    return lead(request, network, public_article(article_id))


@documented(
    get=extend_schema(operation_id="share_comment", responses={303: LEADS_THERE, 200: ASKS_FOR_SERVER}),
    post=extend_schema(operation_id="share_comment_on_instance", request=None, responses={303: LEADS_THERE}),
)
@csrf_exempt
@limited("shares")
@allows("GET", "POST")
def share_comment(request: HttpRequest, network_key: str, article_id: int, comment_id: int) -> HttpResponse:
    """Count the share of one comment of an article and lead to the network, as for the article itself."""
    network = web_network(network_key)
    article = public_article(article_id)
    return lead(request, network, article, public_comment(article, comment_id))


def lead(request: HttpRequest, network: Network, article: Article, comment: Comment | None = None) -> HttpResponse:
    """Count a GET and answer 303; HEAD and what nobody pressed are led there uncounted."""
    if network.asks_instance:
        return lead_to_instance(request, network, article, comment)
    if request.method == "POST":
        raise Problem("method_not_allowed", headers={"Allow": "GET, HEAD"})
    if request.method == "GET":
        record_share(article, network, visitor_of(request), comment)
    return see_other(target_of(network, article, comment))


def lead_to_instance(request: HttpRequest, network: Network, article: Article, comment: Comment | None) -> HttpResponse:
    """Ask for the reader's server (GET); count the share and lead there (POST from our own page)."""
    shared = shareable(article, comment)
    if request.method != "POST":
        return choose_instance(request, {"network": network, "shared": shared})
    check_form_origin(request)
    typed = request.POST.get("instance", "")
    try:
        target = networks.target(network, shared_over(network, article, shared), typed)
    except networks.InstanceError:
        return choose_instance(request, {"network": network, "shared": shared, "instance": typed, "error": True})
    record_share(article, network, visitor_of(request), comment)
    return see_other(target)


def choose_instance(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The page whose form asks for a server; 400 where it is shown again because of what was typed."""
    response = render(request, "sharing/choose_instance.html", context, status=400 if "error" in context else 200)
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    # The form's Origin must arrive, so the page may say where it is; browsers apply form-action to redirects too.
    response["Referrer-Policy"] = "strict-origin-when-cross-origin"
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'"
    )
    return response


def see_other(target: str) -> HttpResponse:
    """303 to an address of the registry; `mailto:` and `sms:` too, which Django's own redirect does not take."""
    return HttpResponse(status=303, headers={"Location": target, **REDIRECT_HEADERS})


def web_network(key: str) -> Network:
    """The network of this key, if a browser can be led there; Problem `network_unknown` otherwise."""
    network = networks.find(key)
    if network is None or network.kind is Kind.DEVICE:
        raise Problem("network_unknown")
    return network


def visible(article: Article | None) -> Article:
    """The article, if there is one and anybody may see it; Problem `not_found` otherwise."""
    if article is None or not article.is_public:
        raise Problem("not_found", "There is no such article.")
    return article


def public_comment(article: Article, comment_id: int | None) -> Comment | None:
    """The comment of this id, if it is one of the article's and public; Problem `not_found` otherwise."""
    if comment_id is None:
        return None
    comment = Comment.objects.of(article).approved().filter(pk=comment_id).first()
    if comment is None:
        raise Problem("not_found", "There is no such comment.")
    return comment


urlpatterns = [
    path("api/v1/networks", NetworksView.as_view(), name="networks"),
    path(kept.ARTICLE_SHARE_LINKS.route, article_share_links, name="article_share_links"),
    path(kept.SHARE_LINKS.route, page_share_links, name="page_share_links"),
    path("api/v1/shares", limited("shares")(SharesView.as_view()), name="shares"),
    path("s/<str:network_key>/<int:article_id>", share, name="share"),
    path("s/<str:network_key>/<int:article_id>/<int:comment_id>", share_comment, name="share_comment"),
]
