"""GET thread/changes: polling that costs almost nothing, and brings an old page up to date exactly."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.test import Client

from articles.models import Article
from comments.models import Comment
from comments.services.moderation import Moderator, decide, pin
from comments.services.posting import Author, Draft, post_comment
from tests.factories import make_article, make_comment, make_site

pytestmark = pytest.mark.django_db

NOBODY = Moderator()


def changes(client: Client, article: Article, since: int) -> Any:
    answer = client.get(f"/api/v1/thread/changes?article={article.pk}&since={since}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def post(article: Article, body: str, parent: Comment | None = None) -> Comment:
    return post_comment(article, Draft(body, Author("Ben"), parent.pk if parent else None)).comment


def ids(comments: list[dict[str, Any]]) -> list[int]:
    return [comment["id"] for comment in comments]


def test_added_changed_and_removed(client: Client) -> None:
    article = make_article()
    root, gone, pinned = (post(article, text) for text in ("root", "gone", "pinned"))
    reply = post(article, "reply", root)
    decide(article.site, gone.pk, "removed", NOBODY)
    decide(article.site, root.pk, "removed", NOBODY)
    pin(article.site, pinned.pk, pinned=True)
    found = changes(client, article, 3)
    assert found["version"] == 7
    assert ids(found["added"]) == [reply.pk]
    assert [(each["id"], each["status"], each["html"]) for each in found["changed"]] == [
        (root.pk, "removed", None),
        (pinned.pk, "approved", "<p>pinned</p>\n"),
    ]
    assert found["removed"] == [gone.pk]
    assert found["added"][0]["replies"] == []


def test_nothing_new_is_nothing(client: Client) -> None:
    article = make_article()
    make_comment(article)
    make_comment(article, status="pending")
    assert changes(client, article, 1) == {"version": 1, "added": [], "changed": [], "removed": []}
    empty = client.get("/api/v1/thread/changes?site=press&url=https://news.example.org/fresh&since=0")
    assert empty.status_code == 404
    site = make_site("press")
    assert site.pk
    fresh = client.get("/api/v1/thread/changes?site=press&url=https://news.example.org/fresh&since=0")
    assert fresh.json() == {"version": 0, "added": [], "changed": [], "removed": []}


@pytest.mark.parametrize(("query", "status"), [("", 400), ("since=-1", 400), ("since=x", 400), ("since=2", 410)])
def test_since_is_a_version_of_the_past(client: Client, query: str, status: int) -> None:
    article = make_article()
    make_comment(article)
    assert client.get(f"/api/v1/thread/changes?article={article.pk}&{query}").status_code == status


def test_more_than_five_hundred_are_too_many(client: Client) -> None:
    article = make_article()
    root = make_comment(article)
    Comment.objects.bulk_create(
        Comment(
            site=article.site,
            article=article,
            parent=root,
            root=root,
            depth=1,
            author_name="Ben",
            source="x",
            html="x",
            text="x",
            renderer=1,
            status="approved",
            published_at=root.created_at,
            changed_version=1,
            shown_version=1,
        )
        for _ in range(500)
    )
    answer = client.get(f"/api/v1/thread/changes?article={article.pk}&since=0")
    assert (answer.status_code, answer.json()["code"]) == (410, "too_old")


def test_the_same_few_queries_and_an_etag(client: Client, django_assert_num_queries: Any) -> None:
    article = make_article()
    for number in range(30):
        make_comment(article, body=f"{number}")
    path = f"/api/v1/thread/changes?article={article.pk}&since=3"
    # The snapshot of a test's own transaction begins nothing; the article, the version, the comments.
    with django_assert_num_queries(3):
        answer = client.get(path)
    assert client.get(path, headers={"If-None-Match": answer["ETag"]}).status_code == 304


@pytest.mark.parametrize("seed", range(4))
def test_a_reader_who_applies_the_changes_sees_the_thread(client: Client, seed: int) -> None:
    chance = random.Random(seed)
    article = make_article()
    seen: dict[int, dict[str, Any]] = {}
    version = 0
    for number in range(60):
        shown = list(Comment.objects.shown().filter(article=article))
        if shown and chance.random() < 0.5:
            chosen = chance.choice(list(Comment.objects.filter(article=article)))
            decide(article.site, chosen.pk, chance.choice(["approved", "removed", "spam"]), NOBODY)
        else:
            post(article, f"{number}", chance.choice([None, *shown]))
        if chance.random() < 0.3:
            found = changes(client, article, version)
            version = found["version"]
            seen.update((each["id"], each) for each in found["added"] + found["changed"])
            for comment_id in found["removed"]:
                seen.pop(comment_id, None)
            public = Comment.objects.shown().filter(article=article)
            assert {key: value["status"] for key, value in seen.items()} == {
                comment.pk: "approved" if comment.is_approved else "removed" for comment in public
            }
