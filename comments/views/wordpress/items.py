"""One comment and one article of WordPress' REST API: reading for all, changes for a key that moderates the site."""

from __future__ import annotations

from typing import Final

from articles.models import Article
from comments.models import Comment
from comments.selectors import wordpress as selectors
from comments.services.editing import Editor, delete_comment, edit_comment
from comments.services.erasure import erase_comment
from comments.services.moderation import Moderator, decide, undo
from comments.views.wordpress.door import Call, Reply
from comments.views.wordpress.embedding import embed_in_comments, embed_in_posts
from comments.views.wordpress.errors import Refusal, invalid_params
from comments.views.wordpress.shapes import comment_data, post_data
from comments.views.wordpress.writing import content_of, shown
from project.errors import Problem
from project.transactions import in_transaction

Status = Comment.Status
STATUSES: Final[dict[str, str]] = {
    **dict.fromkeys(("approved", "approve", "1"), Status.APPROVED),
    **dict.fromkeys(("hold", "0"), Status.PENDING),
    "spam": Status.SPAM,
    "trash": Status.REMOVED,
}
# From where each leads back to the status before.
BACK: Final[dict[str, tuple[str, ...]]] = {"unspam": (Status.SPAM,), "untrash": (Status.REMOVED, Status.REJECTED)}
# What is part of a comment for good; the same value again may be sent.
FIXED: Final = ("author_name", "author_email", "author_url", "parent", "date", "date_gmt")


def read_comment(call: Call, comment_id: int) -> Reply:
    """Answer with one comment that is public, or any to a key that moderates the site."""
    context = call.context(may_edit=call.moderates)
    comment = _comment(call, comment_id)
    call.arguments.check()
    data = comment_data(comment, call, context)
    embed_in_comments(call, [comment], [data])
    return Reply(data)


def read_post(call: Call, post_id: int) -> Reply:
    """Answer with one article."""
    context = call.context(may_edit=call.publishes)
    call.arguments.check()
    visible = Article.Visibility.values if call.publishes else (Article.Visibility.PUBLIC,)
    article = selectors.articles_of(call.site, visible).filter(pk=post_id).first()
    if article is None:
        raise Refusal("rest_post_invalid_id", "Invalid post ID.", 404)
    data = post_data(article, call, context)
    embed_in_posts(call, [article], [data])
    return Reply(data)


def update_comment(call: Call, comment_id: int) -> Reply:
    """Give a comment another text, another status, or both: each a change of its own, the text first."""
    comment = _to_change(call, comment_id, "rest_cannot_edit", "Sorry, you are not allowed to edit this comment.")
    status = _check_changes(call, comment)
    moderator = Moderator(api_key=call.key)
    if call.arguments.data.get("content") is not None:
        edit_comment(comment, Editor(moderator), content_of(call))
    if status in BACK:
        _take_back(call, comment, status)
    elif status:
        decide(call.site, comment.pk, STATUSES[status], moderator)
    return Reply(shown(call, comment.pk))


def remove_comment(call: Call, comment_id: int) -> Reply:
    """Move a comment to the trash; with `force` its words and its author are gone for good."""
    comment = _to_change(call, comment_id, "rest_cannot_delete", "Sorry, you are not allowed to delete this comment.")
    if call.arguments.flag("force"):
        previous = comment_data(comment, call, "edit")
        delete_comment(comment, Editor(Moderator(api_key=call.key)))
        in_transaction(lambda: erase_comment(comment.pk, texts=True))
        return Reply({"deleted": True, "previous": previous})
    if comment.status == Status.REMOVED:
        raise Refusal("rest_already_trashed", "The comment has already been trashed.", 410)
    delete_comment(comment, Editor(Moderator(api_key=call.key)))
    return Reply(shown(call, comment.pk))


def _comment(call: Call, comment_id: int) -> Comment:
    """Return a comment that the caller may see. Refusal: rest_comment_invalid_id, rest_cannot_read."""
    comment = selectors.comments_of(call.site, by_key=True).filter(pk=comment_id).first()
    if comment is None:
        raise Refusal("rest_comment_invalid_id", "Invalid comment ID.", 404)
    if not call.moderates and not (comment.is_approved and comment.article.is_public):
        raise call.forbidden("rest_cannot_read", "Sorry, you are not allowed to read this comment.")
    return comment


def _to_change(call: Call, comment_id: int, code: str, message: str) -> Comment:
    comment = selectors.comments_of(call.site, by_key=True).filter(pk=comment_id).first()
    if comment is None:
        raise Refusal("rest_comment_invalid_id", "Invalid comment ID.", 404)
    if not call.moderates:
        raise call.forbidden(code, message)
    return comment


def _check_changes(call: Call, comment: Comment) -> str:
    """Return the status that is asked for, "" for none. Refusal: whatever cannot be changed."""
    arguments = call.arguments
    old = comment_data(comment, call, "edit")
    if arguments.has("type") and arguments.data["type"] != old["type"]:
        raise Refusal("rest_comment_invalid_type", "Sorry, you are not allowed to change the comment type.", 404)
    if arguments.has("post") and arguments.number("post", 0) != comment.article_id:
        raise Refusal("rest_comment_invalid_post_id", "Invalid post ID.", 403)
    for name in FIXED:
        if arguments.data.get(name) is not None and str(arguments.data[name]) != str(old[name]):
            arguments.reasons[name] = f"{name} cannot be changed."
    status = arguments.choice("status", (*STATUSES, *BACK), "") if arguments.has("status") else ""
    arguments.check()
    return status


def _take_back(call: Call, comment: Comment, wish: str) -> None:
    """Take back the decision that made a comment spam or trash; without one it waits for a moderator again."""
    if comment.status not in BACK[wish]:
        raise invalid_params({"status": f"The comment is not what {wish} takes back."})
    moderator = Moderator(api_key=call.key)
    try:
        undo(call.site, comment.pk, moderator)
    except Problem:
        decide(call.site, comment.pk, Status.PENDING, moderator)
