"""Answers of Disqus' API 3.0: JSON by somebody else, read into the records that an export gives.

Whatever has another type than documented is as if it were not there, a post that cannot be read is counted and left
out, and only an answer that is none is refused. The rules for values are those of the export (`disqus`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from comments.interchange.disqus import PostIds, article_of, comment_of
from comments.interchange.records import ArticleRecord, CommentRecord, Warnings
from comments.interchange.values import MOST_LETTERS, id_of, line_of

MOST_IDENTIFIERS: Final = 50


class NotUnderstood(Exception):  # noqa: N818  (a verdict on the answer, caught by name)
    """It is no answer as Disqus documents it; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Post:
    """A post as Disqus has it today; `is_edited` is what Disqus says of its text."""

    record: CommentRecord
    is_edited: bool


@dataclass(frozen=True)
class Page:
    """Posts in the order of the answer, the threads that came with them by id, and where the next page begins.

    `cursor` is "" where the answer names none.
    """

    posts: list[Post]
    threads: dict[str, ArticleRecord]
    cursor: str
    has_next: bool


def envelope(body: bytes) -> dict[str, Any]:
    """Return the outer object, which has a whole number `code`. NotUnderstood."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood("It answers with something that is no JSON.") from error
    if not isinstance(found, dict) or type(found.get("code")) is not int:
        raise NotUnderstood("It answers with something that is no answer of Disqus' API.")
    return found


def message_of(answer: dict[str, Any]) -> str:
    """Return what an error says: its `response` is a text."""
    return line_of(answer.get("response"))


def read_posts(answer: dict[str, Any], forum: str, warnings: Warnings) -> Page:
    """Read what `posts/list` answers; `related=thread` puts each post's thread in its place. NotUnderstood."""
    posts: list[Post] = []
    threads: dict[str, ArticleRecord] = {}
    for found in _rows(answer):
        post = _post(found, warnings)
        if post is not None:
            posts.append(post)
        thread = found.get("thread")
        if post is not None and isinstance(thread, dict) and post.record.article not in threads:
            threads[post.record.article] = _thread(thread, post.record.article, forum, warnings)
    cursor = answer.get("cursor")
    place: dict[str, Any] = cursor if isinstance(cursor, dict) else {}
    has_next = place.get("hasNext") is True or place.get("more") is True
    return Page(posts, threads, _cursor(place.get("next")), has_next)


def read_threads(answer: dict[str, Any], forum: str, warnings: Warnings) -> dict[str, ArticleRecord]:
    """Read what `threads/set` (a list) or `threads/details` (one) answers, by id. NotUnderstood."""
    one = answer.get("response")
    rows = [one] if isinstance(one, dict) else _rows(answer)
    named = {id_of(found.get("id")): found for found in rows}
    return {key: _thread(found, key, forum, warnings) for key, found in named.items() if key}


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found = answer.get("response")
    if not isinstance(found, list):
        raise NotUnderstood("It answers without a list.")
    return [row for row in found if isinstance(row, dict)]


def _post(found: dict[str, Any], warnings: Warnings) -> Post | None:
    thread = found.get("thread")
    own = id_of(found.get("id"))
    ids = PostIds(own, id_of(thread.get("id") if isinstance(thread, dict) else thread), id_of(found.get("parent")))
    where = f"post {own[:80]}"
    message = found.get("message")
    if not ids.own or not ids.thread or not isinstance(message, str):
        warnings.lose(where, "posts without an id, a thread or a text were skipped")
        return None
    author = found.get("author")
    person = _values(author if isinstance(author, dict) else {}, ("name", "username", "email"))
    # What a profile gives as its owner's own site; `profileUrl` is a page of Disqus'.
    person["link"] = line_of(author.get("url")) if isinstance(author, dict) else ""
    values = _values(found, ("createdAt", "isSpam", "isDeleted", "isApproved")) | {"message": message}
    return Post(comment_of(values, person, ids, where, warnings), found.get("isEdited") is True)


def _thread(found: dict[str, Any], key: str, forum: str, warnings: Warnings) -> ArticleRecord:
    values = _values(found, ("link", "title", "isDeleted", "isClosed", "createdAt"))
    named = found.get("identifiers")
    given = named[:MOST_IDENTIFIERS] if isinstance(named, list) else []
    identifiers = [line for line in map(line_of, given) if line]
    return article_of(values, key, identifiers, forum, f"thread {key[:80]}", warnings)


def _values(found: dict[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Return the named values as the export writes them; those that are null or no text, number or boolean are not."""
    values = {name: line_of(found.get(name)) for name in names if found.get(name) is not None}
    return {name: value for name, value in values.items() if value}


def _cursor(value: Any) -> str:
    line = value if isinstance(value, str) else ""
    return line if len(line) <= MOST_LETTERS and line.isascii() and line.isprintable() else ""
