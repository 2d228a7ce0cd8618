"""`_embed`: what the links of an answer lead to, read for all of its objects at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from articles.models import Article
from comments.models import Comment
from comments.selectors import wordpress as selectors
from comments.views.wordpress.door import Call
from comments.views.wordpress.errors import Refusal
from comments.views.wordpress.shapes import comment_data, post_data

Objects = list[dict[str, Any]]
ALL: Final = frozenset({"", "1", "true"})
MISSING: Final = Refusal("rest_cannot_read", "Sorry, you are not allowed to read this comment.", 401).document()
NO_POST: Final = Refusal("rest_post_invalid_id", "Invalid post ID.", 404).document()


def embed_in_comments(call: Call, rows: Sequence[Comment], objects: Objects) -> None:
    """Put the post, the comment answered and the latest answers into each comment, as far as they are asked for."""
    _embed(call, objects, {"up": _posts, "in-reply-to": _parents, "children": _children}, rows)


def embed_in_posts(call: Call, rows: Sequence[Article], objects: Objects) -> None:
    """Put the latest comments into each post, if they are asked for."""
    _embed(call, objects, {"replies": _replies}, rows)


def _embed(call: Call, objects: Objects, kinds: dict[str, Callable[..., dict[int, Any]]], rows: Sequence[Any]) -> None:
    if "_embed" not in call.arguments.data:
        return
    names = call.arguments.words("_embed")
    wanted = [rel for rel in kinds if set(names) <= ALL or rel in names]
    found = {rel: kinds[rel](call, rows) for rel in wanted}
    for row, data in zip(rows, objects, strict=True):
        embedded = {rel: [found[rel][row.pk]] for rel in wanted if rel in data["_links"]}
        if embedded:
            data["_embedded"] = embedded


def _posts(call: Call, rows: Sequence[Comment]) -> dict[int, Any]:
    articles = selectors.articles_of(call.site, Article.Visibility.values).in_bulk({row.article_id for row in rows})
    return {
        row.pk: post_data(articles[row.article_id], call, "embed") if row.article_id in articles else NO_POST
        for row in rows
    }


def _parents(call: Call, rows: Sequence[Comment]) -> dict[int, Any]:
    wanted = {row.parent_id for row in rows if row.parent_id}
    parents = selectors.comments_of(call.site, by_key=call.moderates).in_bulk(wanted)
    shown = {number: comment_data(parent, call, "embed") for number, parent in parents.items()}
    return {row.pk: shown.get(row.parent_id, MISSING) for row in rows if row.parent_id}


def _children(call: Call, rows: Sequence[Comment]) -> dict[int, Any]:
    found: dict[int, Any] = {row.pk: [] for row in rows}
    for reply in selectors.replies_to_each(call.site, list(found), by_key=call.moderates):
        found[reply.parent_id or 0].append(comment_data(reply, call, "embed"))
    return found


def _replies(call: Call, rows: Sequence[Article]) -> dict[int, Any]:
    found: dict[int, Any] = {row.pk: [] for row in rows}
    for comment in selectors.latest_of_each(call.site, list(found), by_key=call.moderates):
        found[comment.article_id].append(comment_data(comment, call, "embed"))
    return found
