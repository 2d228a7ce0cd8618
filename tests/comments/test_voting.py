"""The one door for votes: one for each voter, exact however many come at once, and gone only with its comment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from articles.models import Site
from comments.models import Comment, Thread, Vote
from comments.selectors.votes import comment_to_vote_on, votes_of
from comments.services.moderation import Moderator, decide
from comments.services.posting import Author, Draft, post_comment
from comments.services.voting import Voted, vote
from comments.voters import Voter, voter_key, voter_of
from project.errors import Problem
from project.tokens import new_voter_token
from tests.comments.invariants import check_site
from tests.factories import make_article, make_comment, make_site

pytestmark = pytest.mark.django_db

VALUES = st.sampled_from([1, 0, -1])


def somebody(site: Site, prefix: str = "198.51.100.7") -> Voter:
    return voter_of(site.pk, new_voter_token(), prefix)


def crowd(site: Site, size: int) -> list[Voter]:
    return [somebody(site, f"203.0.113.{number}") for number in range(size)]


def code_of(work: Callable[..., object], *arguments: Any, **named: Any) -> str:
    """Return the code of the refusal, "" where there is none."""
    try:
        work(*arguments, **named)
    except Problem as problem:
        return problem.code
    return ""


def at_once(work: Callable[[int], Any], count: int) -> list[Any]:
    """Run `work(0)` to `work(count - 1)`, twenty at a time, each with a connection of its own."""

    def run(number: int) -> Any:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=20) as pool:
        return list(pool.map(run, range(count)))


def test_a_vote_counts_changes_and_is_taken_back() -> None:
    comment = make_comment(make_article())
    voter = somebody(comment.site)
    steps = [vote(comment, voter, value) for value in (1, 1, -1, -1, 0, 0, -1)]
    assert [astuple(step) for step in steps] == [
        (1, 0, 1, 2),
        (1, 0, 1, 2),
        (0, 1, -1, 3),
        (0, 1, -1, 3),
        (0, 0, 0, 4),
        (0, 0, 0, 4),
        (0, 1, -1, 5),
    ]
    assert Vote.objects.get().voter_key == voter.key
    check_site(comment.site)


def test_the_comment_is_stamped_and_nothing_else() -> None:
    article = make_article()
    root = make_comment(article)
    reply = make_comment(article, root)
    voted = vote(reply, somebody(article.site), 1)
    root.refresh_from_db()
    reply.refresh_from_db()
    assert (root.changed_version, reply.changed_version, reply.shown_version) == (1, voted.version, 2)


class TestAgainstAModel(TestCase):
    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), VALUES), max_size=25))
    def test_any_sequence_of_votes(self, steps: list[tuple[int, int, int]]) -> None:
        article = make_article()
        comments = [make_comment(article), make_comment(article)]
        voters = crowd(article.site, 4)
        model: dict[tuple[int, int], int] = {}
        version = 2
        for who, what, value in steps:
            version += model.get((who, what), 0) != value
            model[who, what] = value
            given = [each for (_, target), each in model.items() if target == what]
            expected = Voted(given.count(1), given.count(-1), value, version)
            assert vote(comments[what], voters[who], value) == expected
        for who, voter in enumerate(voters):
            expected_votes = {comments[w].pk: v for (by, w), v in model.items() if by == who and v}
            assert votes_of(article, voter.key) == expected_votes
        check_site(article.site)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_hundred_replays_of_one_vote_count_once(self) -> None:
        comment = make_comment(make_article())
        voter = somebody(comment.site)
        told = at_once(lambda _: vote(comment, voter, 1), 100)
        assert {(each.up, each.down, each.value, each.version) for each in told} == {(1, 0, 1, 2)}
        check_site(comment.site)

    def test_fifty_voters_are_fifty_votes(self) -> None:
        comment = make_comment(make_article())
        voters = crowd(comment.site, 50)
        told = at_once(lambda number: vote(comment, voters[number], -1 if number % 5 == 0 else 1), 50)
        assert sorted(each.version for each in told) == list(range(2, 52))
        comment.refresh_from_db()
        assert (comment.up, comment.down, comment.changed_version) == (40, 10, 51)
        check_site(comment.site)

    def test_one_voter_who_presses_everything(self) -> None:
        comments = [make_comment(make_article()) for _ in range(2)]
        voters = [somebody(comment.site) for comment in comments]
        at_once(lambda number: vote(comments[number % 2], voters[number % 2], number % 3 - 1), 90)
        for comment in comments:
            check_site(comment.site)
            assert vote(comment, voters[comments.index(comment)], 1).up == 1

    def test_votes_and_replies_and_decisions_wait_for_one_another(self) -> None:
        article = make_article()
        root = make_comment(article)
        reply = make_comment(article, root)
        voters = crowd(article.site, 60)

        def work(number: int) -> str:
            if number % 3 == 0:
                draft = Draft(f"{number}", Author("Ben"), parent=root.pk)
                return code_of(post_comment, article, draft)
            if number % 3 == 1:
                status = "removed" if number % 2 else "approved"
                return code_of(decide, article.site, reply.pk, status, Moderator())
            return code_of(vote, (root, reply)[number % 2], voters[number], 1)

        assert set(at_once(work, 60)) <= {"", "not_found"}
        check_site(article.site)

    def test_a_network_has_no_more_than_its_votes(self) -> None:
        comment = make_comment(make_article())
        voters = [somebody(comment.site) for _ in range(20)]
        codes = at_once(lambda number: code_of(vote, comment, voters[number], 1), 20)
        assert sorted(codes) == [""] * 3 + ["vote_limit"] * 17
        assert Vote.objects.count() == 3
        check_site(comment.site)


class TestTheLimitOfANetwork:
    def test_it_never_keeps_a_vote_from_being_changed_or_taken_back(self) -> None:
        comment = make_comment(make_article(make_site(votes_per_network=1)))
        first, second = somebody(comment.site), somebody(comment.site)
        vote(comment, first, 1)
        assert code_of(vote, comment, second, -1) == "vote_limit"
        assert vote(comment, second, 0) == Voted(1, 0, 0, 2)
        assert vote(comment, first, -1) == Voted(0, 1, -1, 3)
        assert vote(comment, first, 0) == Voted(0, 0, 0, 4)
        assert vote(comment, second, -1) == Voted(0, 1, -1, 5)
        assert code_of(vote, comment, first, 1) == "vote_limit"

    def test_a_limit_that_is_lowered_leaves_what_was_given(self) -> None:
        comment = make_comment(make_article(make_site(votes_per_network=2)))
        voters = [somebody(comment.site) for _ in range(2)]
        for voter in voters:
            vote(comment, voter, 1)
        Site.objects.update(votes_per_network=1)
        comment = comment_to_vote_on(comment.pk)
        assert vote(comment, voters[1], -1) == Voted(1, 1, -1, 4)
        assert code_of(vote, comment, somebody(comment.site), 1) == "vote_limit"

    def test_other_networks_and_other_comments_have_their_own(self) -> None:
        article = make_article(make_site(votes_per_network=1))
        one, two = make_comment(article), make_comment(article)
        for comment in (one, two):
            vote(comment, somebody(article.site), 1)
            assert vote(comment, somebody(article.site, "198.51.100.8"), 1).up == 2

    def test_nought_is_no_limit(self) -> None:
        comment = make_comment(make_article(make_site(votes_per_network=0)))
        assert [vote(comment, somebody(comment.site), 1).up for _ in range(9)] == list(range(1, 10))


class TestRefusals:
    def test_a_site_may_take_none(self) -> None:
        comment = make_comment(make_article(make_site(anonymous_votes=False)))
        assert code_of(vote, comment, somebody(comment.site), 1) == "votes_off"

    @pytest.mark.parametrize("status", ["pending", "rejected", "spam", "removed"])
    def test_what_is_not_public_has_no_votes(self, status: str) -> None:
        article = make_article()
        comment = make_comment(article, status=status)
        make_comment(article, comment)  # a tombstone now
        assert code_of(comment_to_vote_on, comment.pk) == "not_found"
        assert code_of(vote, comment, somebody(article.site), 1) == "not_found"
        assert not Vote.objects.exists()

    def test_a_comment_removed_after_it_was_read(self) -> None:
        comment = make_comment(make_article())
        read = comment_to_vote_on(comment.pk)
        decide(comment.site, comment.pk, "removed", Moderator())
        assert code_of(vote, read, somebody(comment.site), 1) == "not_found"
        assert Thread.objects.get().version == 2

    def test_nobody_votes_on_what_she_wrote(self) -> None:
        article = make_article()
        token = new_voter_token()
        posted = post_comment(article, Draft("Well said.", Author("Ben"), voter=token))
        other = post_comment(article, Draft("Well said.", Author("Cy"), voter=new_voter_token()))
        author = voter_of(article.site_id, token, "198.51.100.7")
        stranger = somebody(article.site)
        mine = [other.edit_token, posted.edit_token]
        for value in (1, -1):
            assert code_of(vote, posted.comment, author, value) == "vote_own_comment"
            assert code_of(vote, posted.comment, stranger, value, edit_tokens=mine) == "vote_own_comment"
        assert vote(posted.comment, stranger, 1, edit_tokens=[other.edit_token]).up == 1
        assert vote(other.comment, author, 1).up == 1


class TestVotesStay:
    def test_moderation_leaves_votes_alone(self) -> None:
        comment = make_comment(make_article())
        voter, later = crowd(comment.site, 2)
        vote(comment, voter, 1)
        for status in ("removed", "approved", "spam"):
            decide(comment.site, comment.pk, status, Moderator())
            check_site(comment.site)
            known = votes_of(comment.article, voter.key)
            assert known == ({comment.pk: 1} if status == "approved" else {})
        decide(comment.site, comment.pk, "approved", Moderator())
        assert vote(comment_to_vote_on(comment.pk), later, 1).up == 2

    def test_they_go_with_their_comment(self) -> None:
        comment = make_comment(make_article())
        vote(comment, somebody(comment.site), 1)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM comments_comment WHERE id = %s", [comment.pk])
        assert not Vote.objects.exists()


class TestNames:
    def test_a_voter_has_another_name_in_each_site(self) -> None:
        token = new_voter_token()
        one, two = voter_of(1, token, "198.51.100.7"), voter_of(2, token, "198.51.100.7")
        assert one.key != two.key
        assert one.network != two.network
        assert voter_of(1, token, "198.51.100.8") == Voter(
            one.key, voter_of(1, new_voter_token(), "198.51.100.8").network
        )

    def test_nothing_that_is_stored_tells_token_or_address(self) -> None:
        comment = make_comment(make_article())
        token = new_voter_token()
        vote(comment, voter_of(comment.site_id, token, "198.51.100.7"), 1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT v::text FROM comments_vote AS v")
            (row,) = cursor.fetchone()
        assert "198.51" not in row
        assert token[4:26] not in row

    def test_a_token_that_is_none_has_no_name(self) -> None:
        for token in ("", "awv_", new_voter_token()[:-1], new_voter_token().replace("awv_", "awe_")):
            assert voter_key(1, token) == ""
            assert code_of(voter_of, 1, token, "") == "voter_required"

    def test_the_database_holds_one_vote_of_a_voter_and_no_other_value(self) -> None:
        comment = make_comment(make_article())
        row = {"site": comment.site, "article": comment.article, "comment": comment, "voter_key": "a" * 32}
        Vote.objects.create(**row, value=1)
        for wrong in (row | {"value": -1}, row | {"value": 2, "voter_key": "b" * 32}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Vote.objects.create(**wrong)


def test_every_way_in_gives_the_score_of_its_date() -> None:
    held = make_article(make_site(moderation="all"))
    for article in (make_article(), held):
        posted = post_comment(article, Draft("Well said.", Author("Ben")))
        stored = Comment.objects.get(pk=posted.comment.pk)
        assert stored.hot == pytest.approx(stored.created_at.timestamp() / 45_000)
        check_site(article.site)


def test_a_vote_takes_few_queries(django_assert_num_queries: Any) -> None:
    comment = make_comment(make_article())
    voter = somebody(comment.site)
    # The lock, the vote with its numbers, the last statement (of a replay: the version); and the savepoint pair that
    # stands here for BEGIN and COMMIT.
    for value in (1, 1, -1, 0, 0):
        with django_assert_num_queries(5):
            vote(comment, voter, value)
