"""Doors for readers: threads, replies, permalinks, counts and the latest comments; public, without cookies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from articles.authentication import credential
from articles.models import Article, Site
from articles.selectors import PageRef, find_site, page_from_request_data
from comments import kept, selectors, serializers
from comments.authentication import of_site, session_in
from comments.claims import Claim
from comments.models import Reader
from comments.selectors.readers import muted_comments
from comments.selectors.votes import votes_of
from comments.services.orders import keep_order
from comments.views.voting import VOTER, VOTER_HEADER
from comments.voters import voter_key, voter_key_of_reader
from project.answers import PRIVATE, json_response
from project.cacheable import cacheable_json
from project.documented import documented
from project.errors import refused_field
from project.parsers import read_json
from project.queries import site_slug, whole_number
from project.routes import allows
from project.snapshots.depends import Depends

MAX_URLS: Final = 100
MAX_VERSION: Final = 2**63 - 1
# Seconds for which a web process may keep what no version tells: lists of a whole site, and numbers of shares.
LIST_AGE: Final = 1.0
SHARES_AGE: Final = 10.0

SITE: Final = OpenApiParameter("site", str, required=True, description="Slug of the site.")
PAGE: Final = [
    OpenApiParameter("site", str, description="Slug of the site, with `url` or `identifier`."),
    OpenApiParameter("url", str, description="Address of the page."),
    OpenApiParameter("identifier", str, description="The publisher's own id of the page."),
    OpenApiParameter("article", int, description="Our id of the article, instead of the three above."),
]
CURSOR: Final = OpenApiParameter("cursor", str, description="What `next` or `next_replies` gave.")
LIMIT: Final = OpenApiParameter("limit", int, description="1 to 100, 25 unless asked otherwise.")
EDIT_TOKENS: Final = OpenApiParameter(
    "X-Afterword-Edit-Tokens", str, OpenApiParameter.HEADER, description="Edit tokens, separated by commas."
)


@documented(
    get=extend_schema(
        operation_id="thread",
        parameters=[
            *PAGE,
            OpenApiParameter("sort", str, enum=Site.Sort.values, description="The site's own unless asked otherwise."),
            CURSOR,
            LIMIT,
            OpenApiParameter("at_least", int, description="A version that the client has heard of."),
        ],
        responses=serializers.ThreadSerializer,
    )
)
@allows("GET")
def thread(request: HttpRequest) -> HttpResponse:
    """A page of a thread: roots in the order asked for, each with the beginning of its branch.

    A page of the site that nobody has written on is an empty thread with version 0.
    """
    limit, at_least = _limit(request), whole_number(request.GET, "at_least", 0, MAX_VERSION)
    with selectors.snapshot():
        ref = page_from_request_data(request.GET)
        page = selectors.read_thread(
            ref.public_article(),
            sort=request.GET.get("sort", ref.site.default_sort),
            cursor=request.GET.get("cursor"),
            limit=limit,
            at_least=at_least,
        )
    keep_order(page)
    # Nobody can write on an article that is there but not public; a page not yet known waits for its first comment.
    data = serializers.thread_data(page, ref.url, ref.identifier, comments_open=ref.article is None)
    return json_response(data) if page.is_behind else cacheable_json(request, data, _depends(ref, page.version))


@documented(
    get=extend_schema(
        operation_id="thread_changes",
        parameters=[*PAGE, OpenApiParameter("since", int, required=True, description="The version that was read.")],
        responses=serializers.ChangesSerializer,
    )
)
@allows("GET")
def changes(request: HttpRequest) -> HttpResponse:
    """What was added, changed and removed in a thread since a version, at most 500 comments; 410 for more."""
    since = whole_number(request.GET, "since", 0, MAX_VERSION)
    if since is None:
        raise refused_field("since", "required", "Name the version that was read.")
    with selectors.snapshot():
        ref = page_from_request_data(request.GET)
        article = ref.public_article()
        found = selectors.thread_changes(article, since=since)
    return cacheable_json(request, serializers.changes_data(found, article), _depends(ref, found.version))


@documented(
    get=extend_schema(
        operation_id="thread_mine", parameters=[*PAGE, EDIT_TOKENS, VOTER], responses=serializers.MineSerializer
    )
)
@allows("GET")
def mine(request: HttpRequest) -> HttpResponse:
    """What the credentials of one reader add to a thread: her comments that are still held, and her votes.

    `editable` are ids of her comments that she may still change or take back.

    A reader's session goes into `Authorization`; edit tokens go there (one) or into `X-Afterword-Edit-Tokens` (a list).
    Of the votes the latest 5,000 are told; a token that is none has no votes. `muted` are comments by those whom she
    has muted.
    """
    sent, session = credential(request), session_in(request)
    with selectors.snapshot():
        ref = page_from_request_data(request.GET)
        reader, article = of_site(session, ref.site), ref.public_article()
        claim = Claim(sent.edit_tokens, reader.pk if reader else None)
        own = selectors.own_comments(article, claim) if article and claim else selectors.OwnComments()
        votes = votes_of(article, *_voters(request, article, reader)) if article else {}
        muted = muted_comments(article, reader) if article and reader else []
    data = serializers.mine_data(article, own, votes, muted)
    return json_response(data, headers=PRIVATE)


def _voters(request: HttpRequest, article: Article, reader: Reader | None) -> list[str]:
    """Return under which names whoever asks votes: her account's, and her token's."""
    token = voter_key(article.site_id, request.headers.get(VOTER_HEADER, ""))
    return [voter_key_of_reader(article.site_id, reader.pk), token] if reader else [token]


def one_comment(request: HttpRequest, comment_id: int) -> HttpResponse:
    """Answer GET of a comment; `comments.views.editing` has its route."""
    found = selectors.read_comment(comment_id)
    return cacheable_json(request, serializers.permalink_data(found), _hangs_on(found.article))


@documented(
    get=extend_schema(
        operation_id="comment_replies", parameters=[CURSOR, LIMIT], responses=serializers.RepliesSerializer
    )
)
@allows("GET")
def replies(request: HttpRequest, comment_id: int) -> HttpResponse:
    """The direct replies of a comment, oldest first, each with the beginning of its branch."""
    page = selectors.read_replies(comment_id, cursor=request.GET.get("cursor"), limit=_limit(request))
    return cacheable_json(request, serializers.replies_data(page), _hangs_on(page.article))


@documented(
    get=extend_schema(
        operation_id="counts",
        parameters=[SITE, OpenApiParameter("url", OpenApiTypes.STR, many=True, required=True)],
        responses=serializers.CountsSerializer,
    ),
    post=extend_schema(
        operation_id="counts_of_many",
        request=serializers.CountsRequestSerializer,
        responses=serializers.CountsSerializer,
    ),
)
@csrf_exempt
@allows("GET", "POST")
def counts(request: HttpRequest) -> HttpResponse:
    """Public comments by provider and shares of up to 100 pages of a site, in the order asked.

    Addresses that are unknown or of another site count nothing.
    """
    if request.method == "POST":
        body = read_json(request)
        return json_response(serializers.counts_data(_counts(body, body.get("urls"))))
    counted = _counts(request.GET, request.GET.getlist("url"))
    # An address that is unknown today may have an article in a moment, and no version tells.
    max_age = SHARES_AGE if counted.all_known else LIST_AGE
    depends = Depends(counted.versions, counted.site, max_age)
    return cacheable_json(request, serializers.counts_data(counted), depends)


@documented(get=extend_schema(operation_id="recent", parameters=[SITE, LIMIT], responses=serializers.RecentSerializer))
@allows("GET")
def recent(request: HttpRequest) -> HttpResponse:
    """The latest public comments of a site, newest first, each with its article."""
    site = find_site(site_slug(request.GET))
    data = serializers.recent_data(selectors.recent_comments(site, _limit(request)))
    return cacheable_json(request, data, Depends(max_age=LIST_AGE))


def _counts(data: Mapping[str, Any], urls: Any) -> selectors.Counts:
    site = site_slug(data)
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise refused_field("urls", "not_a_list", "Send a list of addresses.")
    if not urls:
        raise refused_field("url", "required", "Name at least one address.")
    if len(urls) > MAX_URLS:
        raise refused_field("url", "too_many", f"At most {MAX_URLS} addresses can be counted at once.")
    return selectors.page_counts(site, urls)


def _depends(ref: PageRef, version: int) -> Depends:
    """Say what a page's answer hangs on; one of no public article repeats the address, and may change unseen."""
    site = (ref.site.pk, ref.site.version)
    if (article := ref.public_article()) is None:
        return Depends(site=site, max_age=LIST_AGE, exact=True)
    # Found by its address alone: whenever another article gets the identifier, that one is the page.
    is_for_now = bool(ref.url and ref.identifier) and ref.identifier != article.identifier
    return Depends({article.pk: version}, site, max_age=LIST_AGE if is_for_now else None)


def _hangs_on(article: Article) -> Depends:
    return Depends({article.pk: article.thread.version}, (article.site_id, article.site.version))


def _limit(request: HttpRequest) -> int:
    limit = whole_number(request.GET, "limit", 1, selectors.MAX_LIMIT)
    return selectors.DEFAULT_LIMIT if limit is None else limit


urlpatterns = [
    path(kept.THREAD.route, thread, name="thread"),
    path(kept.CHANGES.route, changes, name="thread_changes"),
    path("api/v1/thread/mine", mine, name="thread_mine"),
    path(kept.REPLIES.route, replies, name="comment_replies"),
    path(kept.COUNTS.route, counts, name="counts"),
    path(kept.RECENT.route, recent, name="recent"),
]
