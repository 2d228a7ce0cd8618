"""Edits beside decisions, deletions and one another: real connections, in every order that locks allow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from articles.models import Article
from comments import signals
from comments.claims import Claim
from comments.models import Comment, Revision
from comments.selectors import thread_changes
from comments.selectors.revisions import comment_to_change
from comments.services.editing import Editor, delete_comment, edit_comment
from comments.services.moderation import Moderator, decide, undo
from comments.services.reporting import report_comment, reporter_of
from comments.services.visibility import locked
from project import tokens
from project.errors import Problem
from tests.comments.invariants import check_site
from tests.comments.test_posting import run_together
from tests.factories import make_article, make_comment, make_site

NOBODY = Moderator()


def author_of(comment: Comment) -> Editor:
    return Editor(claim=Claim([tokens.edit_token(comment.pk, comment.nonce.hex)]))


def edit(comment: Comment, body: str, revision: int | None = None) -> Comment:
    return edit_comment(comment_to_change(comment.pk), author_of(comment), body, revision=revision).comment


def delete(comment: Comment) -> int:
    return delete_comment(comment_to_change(comment.pk), author_of(comment))


def refusal(work: Callable[[], object]) -> str:
    try:
        work()
    except Problem as problem:
        return problem.code
    return ""


@contextmanager
def held_up(comment: Comment, *works: Callable[[], object]) -> Iterator[list[Any]]:
    """Let `works` begin, each on a connection of its own, and queue up one behind another for the comment's lock.

    They go on, in this order, when the body, which has the lock itself, ends.
    """
    results: list[Any] = [None] * len(works)

    def run(index: int) -> None:
        try:
            results[index] = works[index]()
        except Problem as problem:
            results[index] = problem.code
        finally:
            connection.close()

    threads = []
    with transaction.atomic():
        locked(Comment.objects.all(), comment.pk)
        for index in range(len(works)):
            thread = threading.Thread(target=run, args=(index,))
            thread.start()
            threads.append(thread)
            wait_for_waiting(index + 1)
        yield results
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def wait_for_waiting(number: int) -> None:
    """Return as soon as so many connections wait for a lock in this database."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(3_000):
        with connection.cursor() as cursor:
            # Statistics are otherwise those of the transaction's first look.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            if cursor.fetchone()[0] >= number:
                return
        threading.Event().wait(0.01)
    raise AssertionError(f"{number} connections should wait for the lock")


@pytest.mark.django_db(transaction=True)
def test_approval_of_the_text_before_does_not_publish_the_one_after() -> None:
    comment = make_comment(make_article(), status="pending", body="Harmless")
    approve = lambda: decide(comment.site, comment.pk, "approved", NOBODY, revision=1)  # noqa: E731
    with held_up(comment, lambda: edit(comment, "Buy this"), approve) as results:
        pass
    assert results[1] == "stale_revision"
    comment.refresh_from_db()
    assert (comment.status, comment.revision) == ("pending", 2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moderation", ["newcomers", "all"])
def test_edit_behind_an_approval_is_judged_as_one_of_a_public_comment(moderation: str) -> None:
    """The request began while the comment was pending; what it finds when it gets the lock decides."""
    comment = make_comment(make_article(make_site(moderation=moderation)), status="pending", body="Harmless")
    approve = lambda: decide(comment.site, comment.pk, "approved", NOBODY, revision=1)  # noqa: E731
    with held_up(comment, approve, lambda: edit(comment, "Buy this")):
        pass
    comment.refresh_from_db()
    assert (comment.status, comment.revision) == ("pending", 2)
    check_site(comment.site)


@pytest.mark.django_db(transaction=True)
def test_edit_behind_a_removal_does_not_reach_the_removed_comment() -> None:
    comment = make_comment(make_article())
    remove = lambda: decide(comment.site, comment.pk, "removed", NOBODY)  # noqa: E731
    with held_up(comment, remove, lambda: edit(comment, "Again")) as results:
        pass
    assert results[1] == "not_found"
    assert not Revision.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_edits_at_once_are_two_revisions_or_one_where_each_names_its_text() -> None:
    free, bound = make_comment(make_article()), make_comment(make_article())
    with held_up(free, lambda: edit(free, "One"), lambda: edit(free, "Two")):
        pass
    assert list(Revision.objects.filter(comment=free).order_by("number").values_list("number", "source")) == [
        (1, "Well said."),
        (2, "One"),
        (3, "Two"),
    ]
    with held_up(bound, lambda: edit(bound, "One", 1), lambda: edit(bound, "Two", 1)) as results:
        pass
    assert results[1] == "stale_revision"
    bound.refresh_from_db()
    assert (bound.source, bound.revision) == ("One", 2)


@pytest.mark.django_db(transaction=True)
def test_deleting_twice_at_once_takes_one_comment_away_once() -> None:
    article = make_article()
    comment = make_comment(article, make_comment(article))
    told: list[str] = []

    def on_changed(sender: object, *, new: str, **_: Any) -> None:
        told.append(new)

    signals.comment_changed.connect(on_changed)
    try:
        with held_up(comment, lambda: delete(comment), lambda: delete(comment)) as results:
            pass
    finally:
        signals.comment_changed.disconnect(on_changed)
    assert results == [3, 3]
    assert told == ["removed"]
    check_site(article.site)


@pytest.mark.django_db(transaction=True)
def test_reports_at_once_hold_a_comment_once() -> None:
    comment = make_comment(make_article(make_site(hold_after_reports=3)))
    comment.article.site.refresh_from_db()

    def report(number: int) -> None:
        report_comment(comment, reporter_of(comment.site_id, prefix=f"192.0.2.{number}"), "spam")

    run_together(report, 16)
    comment.refresh_from_db()
    assert comment.status == "pending"
    check_site(comment.site)


@pytest.mark.django_db(transaction=True)
def test_everything_at_once_on_one_branch_keeps_counters_true() -> None:
    article = make_article(make_site(held_words=["fish"]))
    top = make_comment(article)
    middle = make_comment(article, top)
    leaf = make_comment(article, middle)
    works = [
        lambda: refusal(lambda: edit(top, "About fish")),
        lambda: refusal(lambda: edit(leaf, "About fish too")),
        lambda: refusal(lambda: delete(middle)),
        lambda: refusal(lambda: decide(article.site, leaf.pk, "removed", NOBODY)),
        lambda: refusal(lambda: decide(article.site, top.pk, "approved", NOBODY)),
        lambda: refusal(lambda: edit(middle, "Better")),
    ]
    for _ in range(3):
        run_together(lambda number: works[number % len(works)](), 24, at_once=6)
        check_site(article.site)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "hold", "moderate", "delete", "undo", "approved", "removed", "rejected", "spam"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


def take(step: str, comment: Comment, number: int) -> None:
    site = comment.site
    if step in ("edit", "hold"):
        edit(comment, f"{'fish' if step == 'hold' else 'bird'} {number}")
    elif step == "moderate":
        edit_comment(comment_to_change(comment.pk), Editor(NOBODY), f"Moderated {number}")
    elif step == "delete":
        delete(comment)
    elif step == "undo":
        undo(site, comment.pk, NOBODY)
    else:
        decide(site, comment.pk, step, NOBODY)


def seen(article: Article) -> dict[int, str | None]:
    """Return what the public sees of a thread, the slow way: every shown comment with its text."""
    shown = Comment.objects.of(article).shown()
    return {comment.pk: comment.html if comment.is_approved else None for comment in shown}


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_order_of_edits_decisions_and_deletions_keeps_the_thread_true_and_is_told(
    steps: list[tuple[str, int]],
) -> None:
    article = make_article(make_site(held_words=["fish"]))
    comments: list[Comment] = []
    for above in (None, 0, 1, 0, None, 4):
        comments.append(make_comment(article, None if above is None else comments[above]))
    known, version = seen(article), len(comments)
    for number, (step, index) in enumerate(steps):
        code = refusal(lambda step=step, index=index, number=number: take(step, comments[index], number))  # type: ignore[misc]
        assert code in ("", "not_found", "stale_revision")
        changes = thread_changes(article, since=version)
        now = seen(article)
        assert changes.version == version + (now != known), (step, "moves the version exactly if the public sees it")
        for row in [*changes.added, *changes.changed]:
            known[row.id] = row.html
        for removed in changes.removed:
            known.pop(removed, None)
        assert known == now, step
        version = changes.version
    check_site(article.site)
    for comment in Comment.objects.of(article):
        numbers = list(Revision.objects.filter(comment=comment).order_by("number").values_list("number", flat=True))
        assert numbers == ([] if comment.revision == 1 else list(range(1, comment.revision + 1)))
