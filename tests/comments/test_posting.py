"""The one door for new comments: what it writes, what it refuses, and that parallel writers cannot miscount."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from articles.models import Article
from comments import signals
from comments.models import Comment, Thread, ThreadCount
from comments.services.posting import Author, Draft, Posted, post_comment
from project import tokens
from project.errors import Problem
from tests.factories import BEN, make_article, make_comment, make_site

pytestmark = pytest.mark.django_db


def draft(body: str = "Well said.", parent: Comment | None = None, **fields: Any) -> Draft:
    return Draft(body, Author("Ben", fields.pop("email", BEN)), parent.pk if parent else None, **fields)


def refused(work: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as caught:
        work()
    return caught.value


def test_post_is_public_counted_and_first_version() -> None:
    article = make_article()
    posted = post_comment(article, draft("Hello **you**"))
    comment = Comment.objects.get()
    assert comment == posted.comment
    assert (comment.status, comment.depth, comment.root_id) == ("approved", 0, comment.pk)
    assert comment.html == "<p>Hello <strong>you</strong></p>\n"
    assert (comment.text.strip(), comment.source) == ("Hello you", "Hello **you**")
    assert comment.published_at == comment.created_at == posted.comment.created_at
    assert comment.changed_version == comment.shown_version == posted.version == 1
    assert ThreadCount.objects.get().count == 1


def test_version_rises_by_one_with_each_post() -> None:
    article = make_article()
    assert [post_comment(article, draft(f"{n}")).version for n in range(4)] == [1, 2, 3, 4]


def test_reply_knows_its_place_and_counts_up_its_path() -> None:
    article = make_article()
    root = post_comment(article, draft("root")).comment
    reply = post_comment(article, draft("reply", root)).comment
    deep = post_comment(article, draft("deep", reply)).comment
    assert (deep.parent_id, deep.root_id, deep.depth) == (reply.pk, root.pk, 2)
    root.refresh_from_db()
    reply.refresh_from_db()
    assert (root.reply_count, root.shown_replies) == (2, 1)
    assert (reply.reply_count, reply.shown_replies) == (1, 1)


def test_change_of_the_reply_count_is_no_change_of_the_parent() -> None:
    article = make_article()
    root = post_comment(article, draft("root")).comment
    post_comment(article, draft("reply", root))
    root.refresh_from_db()
    assert root.changed_version == 1


def test_held_comment_moves_neither_version_nor_counter() -> None:
    article = make_article(make_site(moderation="all"))
    posted = post_comment(article, draft())
    assert (posted.comment.status, posted.comment.reason, posted.version) == ("pending", "moderation", 0)
    assert not ThreadCount.objects.exists()
    assert not Thread.objects.exists()
    assert posted.comment.published_at is None


def test_edit_token_opens_this_comment_only() -> None:
    article = make_article()
    posted = post_comment(article, draft())
    token = tokens.read_edit_token(posted.edit_token)
    assert token is not None
    assert token.comment_id == posted.comment.pk
    assert tokens.proves_edit(token, Comment.objects.get().nonce.hex)


def test_newcomer_is_known_by_the_token_of_an_approved_comment_not_by_an_address() -> None:
    site = make_site(moderation="newcomers")
    article = make_article(site)
    old = make_comment(article)
    token = tokens.edit_token(old.pk, old.nonce.hex)
    assert post_comment(article, draft("same address")).comment.status == "pending"
    assert post_comment(article, draft("with proof", edit_tokens=[token])).comment.status == "approved"
    elsewhere = make_article(make_site(moderation="newcomers"))
    assert post_comment(elsewhere, draft("other site", edit_tokens=[token])).comment.status == "pending"
    forged = token[:-4] + "AAAA"
    assert post_comment(article, draft("forged", edit_tokens=[forged])).comment.status == "pending"


def test_same_text_within_a_minute_is_a_duplicate_that_gives_no_token_away() -> None:
    article = make_article()
    first = post_comment(article, draft()).comment
    problem = refused(lambda: post_comment(article, draft()))
    assert (problem.code, problem.extra) == ("duplicate_comment", {"id": first.pk})
    assert post_comment(article, draft(email="cy@example.org")).version == 2
    Comment.objects.filter(pk=first.pk).update(created_at="2026-01-01T00:00:00Z")
    assert post_comment(article, draft()).version == 3


def test_parent_must_be_public_and_of_this_article() -> None:
    article = make_article()
    elsewhere = make_comment(make_article(article.site))
    held = make_comment(article, status="pending")
    assert refused(lambda: post_comment(article, draft(parent=elsewhere))).code == "parent_elsewhere"
    assert refused(lambda: post_comment(article, draft(parent=held))).code == "parent_unknown"
    assert refused(lambda: post_comment(article, Draft("x", Author("Ben"), 10**15))).code == "parent_unknown"
    assert Comment.objects.count() == 2


@pytest.mark.parametrize("fields", [{"comments_open": False}, {"visibility": "hidden"}])
def test_closed_and_hidden_articles_take_nothing(fields: dict[str, Any]) -> None:
    article = make_article(**fields)
    assert refused(lambda: post_comment(article, draft())).code == "comments_closed"


def test_signals_are_sent_inside_the_transaction_before_the_threads_row_is_locked() -> None:
    article = make_article()
    seen: list[tuple[str, bool, int]] = []

    def on_published(sender: object, *, comment: Comment, **_: Any) -> None:
        seen.append(("published", connection.in_atomic_block, Thread.objects.count()))

    def on_changed(sender: object, *, old: str | None, new: str, follow: str, **_: Any) -> None:
        seen.append((f"{old}->{new}:{follow}", connection.in_atomic_block, Thread.objects.count()))

    signals.comment_published.connect(on_published)
    signals.comment_changed.connect(on_changed)
    try:
        post_comment(article, draft())
    finally:
        signals.comment_published.disconnect(on_published)
        signals.comment_changed.disconnect(on_changed)
    assert seen == [("None->approved:", True, 0), ("published", True, 0)]


def test_post_and_reply_take_few_statements(django_assert_num_queries: Any) -> None:
    article = Article.objects.select_related("site").get(pk=make_article().pk)
    # The savepoint pair, the author's lock, the look around, the notification, and the last statement.
    with django_assert_num_queries(6):
        root = post_comment(article, draft("root")).comment
    # The parent's counters.
    with django_assert_num_queries(7):
        reply = post_comment(article, draft("reply", root)).comment
    # The root's counter.
    with django_assert_num_queries(8):
        post_comment(article, draft("deep", reply))


@pytest.mark.django_db(transaction=True)
def test_parallel_posts_get_versions_without_gap_and_exact_counters() -> None:
    article = make_article()
    root = post_comment(article, draft("root")).comment
    versions: list[int] = []

    def post(number: int) -> Posted:
        posted = post_comment(article, draft(f"reply {number}", root))
        versions.append(posted.version)
        return posted

    run_together(lambda number: post(number), 24)
    root.refresh_from_db()
    assert sorted(versions) == list(range(2, 26))
    assert (root.reply_count, root.shown_replies, ThreadCount.objects.get().count) == (24, 24, 25)


@pytest.mark.django_db(transaction=True)
def test_parallel_twins_leave_one_row() -> None:
    article = make_article()
    codes: list[str] = []

    def post(_: int) -> None:
        try:
            post_comment(article, draft("twice?"))
        except Problem as problem:
            codes.append(problem.code)

    run_together(post, 8)
    assert Comment.objects.count() == 1
    assert codes == ["duplicate_comment"] * 7


def run_together(work: Callable[[int], object], count: int, at_once: int = 8) -> None:
    """Run `work(0)` … `work(count - 1)` in `at_once` threads that start together; an error in one is raised here."""
    numbers = iter(range(count))
    lock, start, errors = threading.Lock(), threading.Barrier(at_once), []

    def worker() -> None:
        start.wait()
        try:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                work(number)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
