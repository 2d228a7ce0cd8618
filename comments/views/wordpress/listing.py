"""`GET /wp/v2/comments` and `GET /wp/v2/posts`: the arguments of both lists, and who may use them."""

from __future__ import annotations

from typing import Final

from articles.models import Article
from comments.models import Comment, Provider
from comments.selectors import wordpress as selectors
from comments.selectors.wordpress import ArticleListing, CommentListing
from comments.views.wordpress.door import Call, Reply
from comments.views.wordpress.embedding import embed_in_comments, embed_in_posts
from comments.views.wordpress.errors import Refusal
from comments.views.wordpress.lists import narrowing_of, paging_headers, stretch_of
from comments.views.wordpress.shapes import POST_STATUSES, SLUG, comment_data, post_data
from project.throttling import spend

Status = Comment.Status
STATUSES: Final[dict[str, tuple[str, ...] | None]] = {
    "approve": (Status.APPROVED,),
    "approved": (Status.APPROVED,),
    "1": (Status.APPROVED,),
    "hold": (Status.PENDING,),
    "0": (Status.PENDING,),
    "all": (Status.APPROVED, Status.PENDING),
    "spam": (Status.SPAM,),
    "trash": (Status.REMOVED, Status.REJECTED),
    "any": None,
}
SAID_HERE: Final = tuple(provider.value for provider in Provider if provider != Provider.WEBMENTION)
# Trackbacks become webmentions like pingbacks, and are told as those.
TYPES: Final[dict[str, tuple[str, ...] | None]] = {
    "comment": SAID_HERE,
    "pingback": (Provider.WEBMENTION,),
    "pings": (Provider.WEBMENTION,),
    "trackback": (),
    "all": None,
}
# For keys alone; the defaults of the last two may be named by anybody.
PROTECTED: Final = {
    "author": "",
    "author_exclude": "",
    "author_email": "",
    "type": "comment",
    "status": "approve",
}
VISIBILITIES: Final = {status: visibility for visibility, status in POST_STATUSES.items()}


def list_comments(call: Call) -> Reply:
    """Answer with a page of comments; one beyond the end is empty."""
    arguments = call.arguments
    context = call.context(may_edit=call.moderates)
    _check_protected(call)
    listing = CommentListing(
        stretch_of(arguments, selectors.COMMENT_ORDERS, "date_gmt"),
        **narrowing_of(arguments),
        statuses=STATUSES[arguments.choice("status", STATUSES, "approve")],
        providers=TYPES[arguments.choice("type", TYPES, "comment")],
        authors=arguments.numbers("author"),
        not_authors=arguments.numbers("author_exclude"),
        email=_email(call),
        parents=arguments.numbers("parent"),
        not_parents=arguments.numbers("parent_exclude"),
        posts=arguments.numbers("post"),
        by_key=call.moderates,
    )
    # Posts with a password are never public here, so that none opens them.
    arguments.text("password")
    arguments.check()
    if 0 in listing.posts and not call.moderates:
        raise call.forbidden("rest_cannot_read", "Sorry, you are not allowed to read comments without a post.")
    _spend_search(call, listing.search)
    span = selectors.list_comments(call.site, listing)
    objects = [comment_data(row, call, context) for row in span.rows]
    embed_in_comments(call, span.rows, objects)
    return Reply(objects, headers=paging_headers(call, span, "wp/v2/comments", listing.stretch.length))


def list_posts(call: Call) -> Reply:
    """Answer with a page of articles; there is none beyond the end."""
    arguments = call.arguments
    context = call.context(may_edit=call.publishes)
    listing = ArticleListing(
        stretch_of(arguments, selectors.ARTICLE_ORDERS, "date"),
        **narrowing_of(arguments),
        visibilities=_visibilities(call),
        modified_after=arguments.moment("modified_after"),
        modified_before=arguments.moment("modified_before"),
        slugs=arguments.words("slug"),
    )
    for slug in listing.slugs:
        if not SLUG.fullmatch(slug):
            arguments.reasons["slug"] = "slug has characters that no slug has."
    arguments.check()
    _spend_search(call, listing.search)
    span = selectors.list_articles(call.site, listing)
    if not span.rows and "offset" not in arguments.data and arguments.number("page", 1) > 1:
        message = "The page number requested is larger than the number of pages available."
        raise Refusal("rest_post_invalid_page_number", message, 400)
    objects = [post_data(row, call, context) for row in span.rows]
    embed_in_posts(call, span.rows, objects)
    return Reply(objects, headers=paging_headers(call, span, "wp/v2/posts", listing.stretch.length))


def _check_protected(call: Call) -> None:
    if call.moderates:
        return
    data = call.arguments.data
    # What is asked for by default anyway may be said.
    used = [name for name, default in PROTECTED.items() if data.get(name, default) not in (default, "", None)]
    if used:
        raise call.forbidden("rest_forbidden_param", f"Query parameter not permitted: {', '.join(used)}")


def _email(call: Call) -> str:
    email = call.arguments.text("author_email")
    if email and "@" not in email:
        call.arguments.reasons["author_email"] = "Invalid email address."
    return email


def _visibilities(call: Call) -> list[str]:
    named = call.arguments.words("status") or ["publish"]
    if set(named) - {*VISIBILITIES, "any"}:
        call.arguments.reasons["status"] = f"status is not one of {', '.join((*VISIBILITIES, 'any'))}."
    elif named != ["publish"] and not call.publishes:
        call.arguments.reasons["status"] = "Status is forbidden."
    elif "any" in named:
        return list(Article.Visibility.values)
    else:
        return [VISIBILITIES[status] for status in named]
    return [Article.Visibility.PUBLIC]


def _spend_search(call: Call, search: str) -> None:
    if search:
        spend(call.request, "searches")
