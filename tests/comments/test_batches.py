"""Many decisions at once beside other batches and beside posts: nobody is caught in a circle of locks."""

from __future__ import annotations

from typing import Any

import pytest

from comments.models import Comment, Decision, ThreadCount
from comments.services.batches import decide_many
from comments.services.moderation import Moderator
from comments.services.posting import Author, Draft, post_comment
from project import transactions
from project.errors import Problem
from tests.comments.test_posting import run_together
from tests.factories import make_article, make_comment, make_site

pytestmark = pytest.mark.django_db(transaction=True)


def test_batches_in_any_order_beside_posts_need_no_second_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site()
    articles = [make_article(site) for _ in range(2)]
    roots = [post_comment(article, Draft(f"root {n}", Author("Ben"))).comment for n, article in enumerate(articles)]
    ids = [
        post_comment(root.article, Draft(f"{n}", Author("Cy"), root.pk)).comment.pk for n in range(6) for root in roots
    ]
    repeated: list[float] = []
    monkeypatch.setattr(transactions.time, "sleep", repeated.append)

    def work(number: int) -> Any:
        if number % 3 == 0:
            root = roots[number % 2]
            return post_comment(root.article, Draft(f"more {number}", Author("Ada"), root.pk))
        order = ids if number % 2 else ids[::-1]
        return decide_many(site, order, ("approved", "spam")[number % 4 // 2], Moderator())

    run_together(work, 24)
    assert repeated == [], "a deadlock was broken up and tried again"
    for article in articles:
        approved = Comment.objects.of(article).approved().count()
        assert ThreadCount.objects.get(article=article).count == approved
    for root in roots:
        root.refresh_from_db()
        assert root.reply_count == Comment.objects.approved().filter(root=root.pk, depth__gt=0).count()


def test_batch_with_a_foreign_comment_decides_nothing() -> None:
    site = make_site()
    held = make_comment(make_article(site), status="pending")
    foreign = make_comment(make_article(), status="pending")
    with pytest.raises(Problem) as caught:
        decide_many(site, [held.pk, foreign.pk], "approved", Moderator())
    assert caught.value.code == "not_found"
    assert not Decision.objects.exists()
