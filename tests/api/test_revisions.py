"""The texts that a comment had, as moderators read them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from comments.models import Comment
from comments.services.editing import Editor, edit_comment
from comments.services.moderation import Moderator
from tests.factories import make_api_key, make_article, make_comment

pytestmark = pytest.mark.django_db


def revisions(comment: Comment, query: str = "") -> Any:
    headers = {"Authorization": f"Bearer {make_api_key(comment.site, 'moderate')}"}
    path = f"/api/v1/moderation/comments/{comment.pk}/revisions{query}"
    return Client().get(path, headers=headers).json()


def test_comment_that_was_never_edited_has_none() -> None:
    assert revisions(make_comment(make_article())) == {"revisions": [], "next": None}


def test_each_text_comes_with_what_it_changed_as_plain_text() -> None:
    comment = make_comment(make_article(), body="A <b>red</b> fish")
    edit_comment(comment, Editor(), "A <b>blue</b> fish")
    edit_comment(comment, Editor(Moderator()), "A <b>blue</b> fish!")
    found = revisions(comment)["revisions"]
    assert [(row["number"], row["editor"], row["by"]) for row in found] == [
        (3, "moderator", ""),
        (2, "author", ""),
        (1, "author", ""),
    ]
    assert found[2]["diff"] is None
    assert found[1]["diff"] == [
        {"op": "equal", "text": "A <b>"},
        {"op": "delete", "text": "red"},
        {"op": "insert", "text": "blue"},
        {"op": "equal", "text": "</b> fish"},
    ]
    assert found[0]["text_hash"] == hashlib.sha256(b"A <b>blue</b> fish!").hexdigest()
    assert found[2]["created_at"] == comment.created_at.isoformat().replace("+00:00", "Z")


def test_pages_lead_through_all_texts(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    comment = make_comment(make_article())
    for number in range(2, 46):
        edit_comment(comment, Editor(Moderator()), f"Text {number}")
    seen, query = [], ""
    while True:
        page = revisions(comment, query)
        assert all((row["diff"] is None) == (row["number"] == 1) for row in page["revisions"])
        seen += [row["number"] for row in page["revisions"]]
        if page["next"] is None:
            break
        query = f"?cursor={page['next']}"
    assert seen == list(range(45, 0, -1))
    headers = {"Authorization": f"Bearer {make_api_key(comment.site, 'moderate')}"}
    with django_assert_num_queries(3):  # the key, the comment, its texts
        Client().get(f"/api/v1/moderation/comments/{comment.pk}/revisions", headers=headers)
