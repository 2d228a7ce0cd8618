"""Decisions: what they change, what they record, and that the tree's counters stay exact whatever the order."""

from __future__ import annotations

import random
from typing import Any

import pytest

from articles.models import Article
from comments import signals
from comments.models import Comment, Decision, ThreadCount
from comments.services.moderation import Moderator, decide, pin, undo
from comments.services.posting import Author, Draft, post_comment
from project.errors import Problem
from tests.comments.test_posting import run_together
from tests.factories import make_article, make_comment, make_member, make_site

pytestmark = pytest.mark.django_db

NOBODY = Moderator()


def assert_counters_are_true(article: Article) -> None:
    """Compare every stored counter of a thread with one computed from statuses and parents alone."""
    comments = {comment.pk: comment for comment in Comment.objects.filter(article=article)}
    children: dict[int | None, list[Comment]] = {}
    for comment in comments.values():
        children.setdefault(comment.parent_id, []).append(comment)
    shown: dict[int, bool] = {}
    for comment in sorted(comments.values(), key=lambda each: -each.depth):
        shown_replies = sum(shown[child.pk] for child in children.get(comment.pk, []))
        assert comment.shown_replies == shown_replies, comment.pk
        shown[comment.pk] = comment.is_approved or shown_replies > 0
    for comment in comments.values():
        if comment.depth:
            public = [child for child in children.get(comment.pk, []) if child.is_approved]
        else:
            public = [c for c in comments.values() if c.root_id == comment.pk and c.depth and c.is_approved]
        assert comment.reply_count == len(public), comment.pk
    approved = sum(comment.is_approved for comment in comments.values())
    counts = ThreadCount.objects.filter(article=article)
    assert sum(count.count for count in counts) == approved


def test_approval_publishes_once_and_says_so() -> None:
    article = make_article()
    comment = make_comment(article, status="pending")
    published: list[int] = []

    def on_published(sender: object, *, comment: Comment, **_: Any) -> None:
        published.append(comment.pk)

    signals.comment_published.connect(on_published)
    try:
        assert decide(article.site, comment.pk, "approved", NOBODY).version == 1
        assert decide(article.site, comment.pk, "removed", NOBODY).version == 2
        assert decide(article.site, comment.pk, "approved", NOBODY).version == 3
    finally:
        signals.comment_published.disconnect(on_published)
    assert published == [comment.pk]
    comment.refresh_from_db()
    assert (comment.changed_version, comment.shown_version) == (3, 3)


def test_decision_is_recorded_with_who_why_and_which_text() -> None:
    member = make_member(make_site())
    comment = make_comment(make_article(member.site), status="pending")
    decide(member.site, comment.pk, "spam", Moderator(user=member.user), reason="an advertisement")
    row = Decision.objects.get()
    assert (row.old_status, row.status, row.reason, row.user, row.revision) == (
        "pending",
        "spam",
        "an advertisement",
        member.user,
        1,
    )


def test_same_decision_again_changes_nothing() -> None:
    comment = make_comment(make_article())
    version = decide(comment.site, comment.pk, "approved", NOBODY).version
    assert version == comment.changed_version
    assert not Decision.objects.exists()


def test_decision_about_an_older_text_is_refused() -> None:
    comment = make_comment(make_article(), status="pending")
    Comment.objects.update(revision=2)
    with pytest.raises(Problem) as caught:
        decide(comment.site, comment.pk, "approved", NOBODY, revision=1)
    assert caught.value.code == "stale_revision"
    assert decide(comment.site, comment.pk, "approved", NOBODY, revision=2).comment.is_approved


def test_comment_of_another_site_is_not_found() -> None:
    comment = make_comment(make_article(), status="pending")
    with pytest.raises(Problem) as caught:
        decide(make_site(), comment.pk, "approved", NOBODY)
    assert caught.value.code == "not_found"


def test_decision_between_hidden_states_moves_no_version() -> None:
    comment = make_comment(make_article(), status="pending")
    assert decide(comment.site, comment.pk, "rejected", NOBODY).version == 0
    assert decide(comment.site, comment.pk, "spam", NOBODY).version == 0


def test_tombstone_appears_and_vanishes_with_what_stands_below() -> None:
    article = make_article()
    top = make_comment(article)
    middle = make_comment(article, top)
    leaf = make_comment(article, middle)
    decide(article.site, top.pk, "removed", NOBODY)
    decide(article.site, middle.pk, "removed", NOBODY)
    assert set(Comment.objects.shown()) == {top, middle, leaf}
    version = decide(article.site, leaf.pk, "removed", NOBODY).version
    assert not Comment.objects.shown().exists()
    stamped = Comment.objects.filter(changed_version=version)
    assert set(stamped) == {top, middle, leaf}
    version = decide(article.site, leaf.pk, "approved", NOBODY).version
    assert set(Comment.objects.filter(shown_version=version)) == {top, middle, leaf}
    assert_counters_are_true(article)


def test_undo_gives_the_former_status_back() -> None:
    comment = make_comment(make_article())
    decide(comment.site, comment.pk, "spam", NOBODY)
    assert undo(comment.site, comment.pk, NOBODY).comment.status == "approved"
    assert [row.status for row in Decision.objects.order_by("id")] == ["spam", "approved"]
    with pytest.raises(Problem, match="not_found"):
        undo(comment.site, make_comment(make_article(comment.site)).pk, NOBODY)


def test_five_public_roots_can_be_pinned() -> None:
    article = make_article()
    roots = [make_comment(article) for _ in range(6)]
    for root in roots[:5]:
        pin(article.site, root.pk, pinned=True)
    with pytest.raises(Problem, match="pin_not_possible"):
        pin(article.site, roots[5].pk, pinned=True)
    pin(article.site, roots[0].pk, pinned=False)
    assert pin(article.site, roots[5].pk, pinned=True).comment.pinned_at
    with pytest.raises(Problem, match="pin_not_possible"):
        pin(article.site, make_comment(article, roots[1]).pk, pinned=True)


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_posts_and_decisions_keeps_counters_true(seed: int) -> None:
    chance = random.Random(seed)
    article = make_article()
    for number in range(60):
        shown = list(Comment.objects.shown().filter(article=article))
        if shown and chance.random() < 0.5:
            chosen = chance.choice(list(Comment.objects.filter(article=article)))
            decide(article.site, chosen.pk, chance.choice(Comment.Status.values), NOBODY)
        else:
            parent = chance.choice([None, *shown])
            post_comment(article, Draft(f"{number}", Author("Ben"), parent.pk if parent else None))
    assert_counters_are_true(article)


@pytest.mark.django_db(transaction=True)
def test_parallel_decisions_up_and_down_one_branch_keep_counters_true() -> None:
    article = make_article()
    branch = [make_comment(article)]
    for _ in range(7):
        branch.append(make_comment(article, branch[-1]))
    chance = random.Random(7)
    plan = [(chance.choice(branch).pk, chance.choice(["approved", "removed"])) for _ in range(80)]
    run_together(lambda number: decide(article.site, plan[number][0], plan[number][1], NOBODY), len(plan))
    assert_counters_are_true(article)
