"""`wp-comments-post.php`: the form below an article of an old theme, as plain HTML sends it.

Statuses and the name of the error page are WordPress' own; most mistakes of a reader are told with 200 there.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import path

from articles.models import Article, Site
from articles.origins import check_write_origin, own_origin
from articles.selectors import find_site, has_origin
from comments.inputs import read_draft
from comments.models import Comment
from comments.selectors.wordpress import articles_of
from comments.serializers import page_address
from comments.services.posting import post_comment
from comments.views.thread_page import view_token
from comments.views.wordpress.arguments import NUMBER
from comments.views.wordpress.writing import with_scheme
from project.addresses import canonical_origin, web_address
from project.errors import Problem
from project.forms import read_form
from project.languages import asked_for
from project.throttling import spend, spend_for_site
from project.visitors import client_prefix

# Where WordPress has another status for what we refuse; everything about a single field is 200.
STATUSES: Final = {
    "validation_failed": 200,
    "guests_off": 403,
    "parent_unknown": 403,
    "parent_elsewhere": 403,
}
# What WordPress' readers know, by our code, and for a field by its name and code.
SENTENCES: Final[dict[str | tuple[str, str], str]] = {
    "comments_closed": "Sorry, comments are closed for this item.",
    "guests_off": "Sorry, you must be logged in to comment.",
    "duplicate_comment": "Duplicate comment detected; it looks as though you’ve already said that!",
    "rate_limited": "You are posting comments too quickly. Slow down.",
    ("author.name", "blank"): "Please fill the required fields.",
    ("author.email", "email_invalid"): "Please enter a valid email address.",
    ("body", "blank"): "Please type your comment text.",
}


def post_comment_form(request: HttpRequest, site_slug: str) -> HttpResponse:
    """Post a comment and lead to it (302); an error page with the way back if it is refused."""
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"}, content_type="text/plain; charset=utf-8")
    site = find_site(site_slug)
    check_write_origin(request, site)
    form = read_form(request)
    article = articles_of(site).filter(pk=_number(form, "comment_post_ID")).first()
    if article is None:
        return HttpResponse(headers={"Cache-Control": "no-store"})
    try:
        spend(request, "comments")
        spend_for_site("comments", site.pk)
        draft = read_draft(_draft(form), network=client_prefix(request), language=asked_for(request))
        comment = post_comment(article, draft).comment
    except Problem as problem:
        return _failure(request, article, problem)
    location = _location(form.get("redirect_to", ""), article, comment)
    return HttpResponse(status=302, headers={"Location": location, "Cache-Control": "no-store"})


def _draft(form: QueryDict) -> dict[str, Any]:
    author = {"name": form.get("author", ""), "email": form.get("email", ""), "url": with_scheme(form.get("url", ""))}
    parent = _number(form, "comment_parent")
    # Browsers send line ends as CR LF (HTML, "form-data set"), the API's clients as LF.
    body = form.get("comment", "").replace("\r\n", "\n")
    return {"body": body, "author": author} | ({"parent": parent} if parent else {})


def _number(form: QueryDict, name: str) -> int:
    """Return a number of the form as PHP reads it: whatever is none is 0."""
    text = form.get(name, "").strip()
    return max(int(text), 0) if NUMBER.fullmatch(text) else 0


def _location(wish: str, article: Article, comment: Comment) -> str:
    """Return where the reader goes: to her comment, where she wished if that is the site's own."""
    page = _own(wish, article.site) or page_address(article)
    if not comment.is_approved:
        mark = "&" if urlsplit(page).query else "?"
        page += f"{mark}unapproved={comment.pk}&moderation-hash={view_token(comment)}"
    return f"{page}{comment.fragment}"


def _own(url: str, site: Site) -> str:
    """Return an address without its fragment if it is one of the site's origins or ours, "" for any other."""
    try:
        address = web_address(url).partition("#")[0] if url else ""
        origin = canonical_origin(address) if address else ""
    except Problem:
        return ""
    return address if origin and (origin == own_origin() or has_origin(site, origin)) else ""


def _failure(request: HttpRequest, article: Article, problem: Problem) -> HttpResponse:
    about = {"back": page_address(article), "sentence": _sentence(problem)}
    status = STATUSES.get(problem.code, problem.status)
    page = render(request, "comments/wordpress/failure.html", about, status=status)
    for name, value in ({"Cache-Control": "no-store"} | problem.headers).items():
        page[name] = value
    return page


def _sentence(problem: Problem) -> str:
    for error in problem.errors:
        return SENTENCES.get((error["field"], error["code"]), error["message"])
    return SENTENCES.get(problem.code, problem.detail)


post_comment_form.csrf_exempt = True  # type: ignore[attr-defined]
post_comment_form.methods = ("POST",)  # type: ignore[attr-defined]

urlpatterns = [path("wp/<slug:site_slug>/wp-comments-post.php", post_comment_form, name="wordpress_form")]
