"""`POST /wp/v2/comments`: a new comment, through the door that all comments take."""

from __future__ import annotations

from typing import Any, Final

import orjson

from articles.models import Article
from articles.services.idempotency import Answer, answer_once
from comments.authentication import reader_of
from comments.inputs import read_draft
from comments.models import Comment
from comments.selectors import wordpress as selectors
from comments.services.moderation import Moderator, decide
from comments.services.posting import Draft, post_comment
from comments.views.wordpress.door import Call, Reply
from comments.views.wordpress.errors import Refusal, flood, invalid_params
from comments.views.wordpress.shapes import comment_data
from project.errors import Problem
from project.languages import asked_for
from project.throttling import spend_for_site
from project.visitors import client_prefix

APPROVED: Final = frozenset({"approve", "approved", "1"})


def create(call: Call) -> Reply:
    """Store a comment (201), published or held as the site's rules say; a moderator's key may have it approved."""
    try:
        spend_for_site("comments", call.site.pk)
    except Problem as problem:
        raise flood(problem) from problem
    _check_rights(call)
    article = _article(call)
    _check_fields(call)
    draft = _draft(call)

    def work() -> Answer:
        comment = post_comment(article, draft).comment
        if call.arguments.has("status") and not comment.is_approved:
            decide(call.site, comment.pk, Comment.Status.APPROVED, Moderator(api_key=call.key))
        return Answer(shown(call, comment.pk), 201)

    try:
        done = answer_once(call.request, call.site.pk, work)
    except Problem as problem:
        raise _as_refusal(call, problem) from problem
    data = orjson.loads(done.content)
    return Reply(data, done.status_code, {"Location": f"{call.root}wp/v2/comments/{data['id']}"})


def shown(call: Call, comment_id: int) -> dict[str, Any]:
    """Return a comment as it is now, for whoever wrote or changed it."""
    comment = selectors.comments_of(call.site, by_key=True).get(pk=comment_id)
    return comment_data(comment, call, "edit" if call.moderates else "view")


def content_of(call: Call) -> str:
    """Return the text of a comment: `content`, or `raw` of it. Refusal: rest_invalid_param."""
    content = call.arguments.data.get("content")
    raw = content.get("raw") if isinstance(content, dict) else content
    if raw is not None and not isinstance(raw, str):
        raise invalid_params({"content": "content is not of type string."})
    # Browsers send line ends as CR LF, programs as LF.
    return (raw or "").replace("\r\n", "\n")


def with_scheme(url: str) -> str:
    """Return a web site as it was typed, with the scheme that WordPress takes it to have where none was."""
    return f"http://{url}" if url.strip() and ":" not in url else url


def _check_rights(call: Call) -> None:
    data = call.arguments.data
    if data.get("author") not in (None, "", 0, "0"):
        raise call.forbidden("rest_comment_invalid_author", "Sorry, you are not allowed to edit 'author' for comments.")
    if call.arguments.has("author_ip"):
        message = "Sorry, you are not allowed to edit 'author_ip' for comments."
        raise call.forbidden("rest_comment_invalid_author_ip", message)
    if call.arguments.has("status"):
        if not call.moderates:
            message = "Sorry, you are not allowed to edit 'status' for comments."
            raise call.forbidden("rest_comment_invalid_status", message)
        if call.arguments.text("status") not in APPROVED:
            raise invalid_params({"status": "A new comment is approved, or what the site's rules say."})


def _article(call: Call) -> Article:
    """Return the article that is written on. Refusal: rest_comment_invalid_post_id."""
    number = call.arguments.number("post", 0)
    call.arguments.check()
    article = selectors.articles_of(call.site).filter(pk=number).first()
    if article is None:
        message = "Sorry, you are not allowed to create this comment without a post."
        raise Refusal("rest_comment_invalid_post_id", message, 403)
    return article


def _check_fields(call: Call) -> None:
    if call.arguments.has("id"):
        raise Refusal("rest_comment_exists", "Cannot create existing comment.", 400)
    if call.arguments.data.get("type") not in (None, "", "comment"):
        raise Refusal("rest_invalid_comment_type", "Cannot create a comment with that type.", 400)


def _draft(call: Call) -> Draft:
    arguments = call.arguments
    author = {name: arguments.text(f"author_{name}") for name in ("name", "email")}
    author["url"] = with_scheme(arguments.text("author_url"))
    parent = arguments.number("parent", 0)
    body = content_of(call)
    arguments.check()
    data: dict[str, Any] = {"body": body, "author": author} | ({"parent": parent} if parent else {})
    return read_draft(
        data,
        network=client_prefix(call.request),
        reader=reader_of(call.request, call.site),
        language=asked_for(call.request),
    )


def _as_refusal(call: Call, problem: Problem) -> Exception:
    if problem.code == "identity_not_proven":
        return call.forbidden("rest_comment_invalid_author", problem.detail)
    return problem
