"""A reader's one vote and one report: hers wherever she signs in, whatever she did there before."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from comments.models import Comment, Report, Vote
from comments.services.sessions import open_session
from project.tokens import new_voter_token
from tests.api.test_readers import Speaker
from tests.comments.invariants import check_site
from tests.factories import CY, make_article, make_comment, make_site

pytestmark = pytest.mark.django_db


def vote(headers: dict[str, str], comment: Comment, value: int) -> Any:
    path = f"/api/v1/comments/{comment.pk}/vote"
    return Client().put(path, {"value": value}, content_type="application/json", headers=headers)


def votes_of(headers: dict[str, str], comment: Comment) -> Any:
    return Client().get(f"/api/v1/thread/mine?article={comment.article_id}", headers=headers).json()["votes"]


def guest() -> dict[str, str]:
    return {"X-Afterword-Voter": new_voter_token()}


def test_reader_has_one_vote_wherever_she_signs_in() -> None:
    comment = make_comment(make_article())
    ben = Speaker(comment.site)
    elsewhere = {"Authorization": f"Bearer {open_session(ben.reader, 'email').token}"}
    assert vote(ben.headers, comment, 1).json()["up"] == 1
    assert votes_of(elsewhere, comment) == {str(comment.pk): 1}
    answer = vote({**elsewhere, **guest()}, comment, -1).json()
    assert (answer["up"], answer["down"], answer["value"]) == (0, 1, -1)
    assert Vote.objects.get().network_key == ""
    check_site(comment.site)


@pytest.mark.parametrize("first", [1, -1])
@pytest.mark.parametrize("then", [1, 0, -1])
def test_vote_before_she_signed_in_becomes_hers(first: int, then: int) -> None:
    comment = make_comment(make_article())
    ben, token = Speaker(comment.site), guest()
    vote(token, comment, first)
    both = {**ben.headers, **token}
    assert votes_of(both, comment) == {str(comment.pk): first}
    answer = vote(both, comment, then).json()
    assert (answer["up"], answer["down"]) == (int(then == 1), int(then == -1))
    assert votes_of(ben.headers, comment) == ({str(comment.pk): then} if then else {})
    assert votes_of(token, comment) == {}
    assert Vote.objects.count() == (1 if then else 0)
    check_site(comment.site)


def test_vote_of_hers_and_one_of_her_token_are_one() -> None:
    comment = make_comment(make_article())
    ben, token = Speaker(comment.site), guest()
    vote(ben.headers, comment, 1)
    vote(token, comment, 1)
    both = {**ben.headers, **token}
    version = vote(both, comment, 1).json()["version"]
    answer = vote(both, comment, 1).json()
    assert (answer["up"], answer["version"]) == (1, version)
    assert Vote.objects.count() == 1
    check_site(comment.site)


def test_limit_of_a_network_is_for_guests_alone() -> None:
    comment = make_comment(make_article(make_site(votes_per_network=1)))
    assert vote(guest(), comment, 1).status_code == 200
    assert vote(guest(), comment, 1).json()["code"] == "vote_limit"
    for address in ("dora@example.org", CY):
        assert vote(Speaker(comment.site, address, name="").headers, comment, 1).status_code == 200
    check_site(comment.site)


def test_site_may_leave_voting_to_readers() -> None:
    comment = make_comment(make_article(make_site(anonymous_votes=False)))
    assert vote(guest(), comment, 1).json()["code"] == "votes_off"
    assert vote(Speaker(comment.site).headers, comment, 1).json()["up"] == 1


def test_nobody_votes_on_her_own_comment() -> None:
    article = make_article()
    ben = Speaker(article.site)
    own = Comment.objects.get(pk=ben.post(article).json()["id"])
    assert vote(ben.headers, own, 1).json()["code"] == "vote_own_comment"
    token = guest()
    body = {"article": article.pk, "body": "As a guest.", "author": {"name": "Somebody"}}
    posted = Client().post("/api/v1/comments", body, content_type="application/json", headers=token).json()
    before = Comment.objects.get(pk=posted["id"])
    assert vote({**ben.headers, **token}, before, 1).json()["code"] == "vote_own_comment"


def test_session_of_another_site_or_one_that_is_over_casts_no_vote_as_a_guest() -> None:
    comment = make_comment(make_article())
    elsewhere = Speaker(make_site())
    for headers in (elsewhere.headers, {"Authorization": "Bearer aws_none"}):
        assert vote({**headers, **guest()}, comment, 1).status_code == 401
    assert Vote.objects.count() == 0


def test_reader_reports_once_wherever_she_signs_in() -> None:
    comment = make_comment(make_article())
    ben = Speaker(comment.site)
    for headers in (ben.headers, {**ben.headers, **guest()}):
        path = f"/api/v1/comments/{comment.pk}/reports"
        sent = Client().post(path, {"reason": "abuse"}, content_type="application/json", headers=headers)
        assert sent.status_code == 202
    assert Report.objects.get().reader_id == ben.reader.pk
