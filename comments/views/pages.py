"""The door for comments from our own page's form; scripts use `POST /api/v1/comments`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from articles.origins import check_form_origin
from articles.selectors import article_of_page
from comments.inputs import read_draft
from comments.services.posting import Posted, post_comment
from comments.views.comment_form import CommentForm
from comments.views.following import within_share
from comments.views.thread_page import view_token
from project.errors import Problem
from project.forms import read_form
from project.languages import asked_for
from project.routes import allows
from project.throttling import spend, spend_for_site
from project.visitors import client_prefix


@csrf_exempt
@allows("POST")
def post_from_page(request: HttpRequest, article_id: int) -> HttpResponse:
    """Post a comment and lead to it on the page (303); the page again, with all that was typed, if it is refused."""
    check_form_origin(request)
    article = article_of_page(article_id)
    data = read_form(request)
    form = CommentForm.of(data)
    try:
        spend(request, "comments")
        spend_for_site("comments", article.site_id)
        draft = read_draft(form.draft(), network=client_prefix(request), language=asked_for(request))
        posted = post_comment(article, within_share(request, draft, data.get("altcha")))
    except Problem as problem:
        form.refuse(problem)
        page = render(
            request, "articles/article.html", {"article": article, "comment_form": form}, status=problem.status
        )
        page["Cache-Control"] = "private, no-store"
        return page
    return _see_other(article.get_absolute_url(), posted)


def _see_other(page: str, posted: Posted) -> HttpResponse:
    """Lead to the comment where it stands; to a view of her own for the author of one that waits."""
    comment = posted.comment
    query = f"at_least={posted.version}&comment={comment.pk}"
    if not comment.is_approved:
        query = f"mine={view_token(comment)}"
    headers = {"Location": f"{page}?{query}{comment.fragment}", "Cache-Control": "no-store"}
    return HttpResponse(status=303, headers=headers)


urlpatterns = [path("a/<int:article_id>/comments", post_from_page, name="post_from_page")]
