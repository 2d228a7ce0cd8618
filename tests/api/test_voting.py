"""POST voter and PUT vote as clients send them, and the reader's own votes in thread/mine."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from comments.models import Comment, Vote
from project.tokens import edit_token, new_voter_token
from tests.factories import make_api_key, make_article, make_comment, make_site
from tests.reading import code, get

pytestmark = pytest.mark.django_db


def put(client: Client, comment: Comment | int, value: Any = 1, *, voter: str | None = None, **headers: str) -> Any:
    number = comment if isinstance(comment, int) else comment.pk
    token = {"X-Afterword-Voter": new_voter_token() if voter is None else voter}
    address = f"/api/v1/comments/{number}/vote"
    return client.put(address, {"value": value}, content_type="application/json", headers=token | headers)


def mine(client: Client, comment: Comment, voter: str, **headers: str) -> Any:
    return get(client, "thread/mine", article=comment.article_id, headers={"X-Afterword-Voter": voter} | headers).json()


class TestVoter:
    def test_each_gets_a_token_of_her_own_that_votes(self, client: Client) -> None:
        answers = [client.post("/api/v1/voter", {}, content_type="application/json") for _ in range(2)]
        assert {answer.status_code for answer in answers} == {201}
        assert answers[0]["Cache-Control"] == "no-store"
        assert not answers[0].cookies
        comment = make_comment(make_article())
        tokens = [answer.json()["voter"] for answer in answers]
        assert all(token.startswith("awv_") for token in tokens)
        assert [put(client, comment, voter=token).json()["up"] for token in tokens] == [1, 2]

    def test_a_body_is_not_needed_but_is_json(self, client: Client) -> None:
        assert client.generic("POST", "/api/v1/voter").status_code == 201
        assert code(client.post("/api/v1/voter", {"a": "form"})) == (415, "unsupported_media_type")
        assert code(client.post("/api/v1/voter", "{", content_type="application/json")) == (400, "malformed_json")

    def test_asking_stores_nothing(self, client: Client, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            client.post("/api/v1/voter", {}, content_type="application/json")


class TestVote:
    def test_up_down_and_back(self, client: Client) -> None:
        comment, voter = make_comment(make_article()), new_voter_token()
        answers = [put(client, comment, value, voter=voter) for value in (1, 1, -1, 0)]
        assert [answer.json() for answer in answers] == [
            {"up": 1, "down": 0, "score": 1, "value": 1, "version": 2},
            {"up": 1, "down": 0, "score": 1, "value": 1, "version": 2},
            {"up": 0, "down": 1, "score": -1, "value": -1, "version": 3},
            {"up": 0, "down": 0, "score": 0, "value": 0, "version": 4},
        ]
        assert answers[0].status_code == 200
        assert answers[0]["Cache-Control"] == "no-store"

    def test_a_reader_who_comes_back_hears_of_it(self, client: Client) -> None:
        article = make_article()
        other, comment = make_comment(article), make_comment(article)
        voted = put(client, comment).json()
        changes = get(client, "thread/changes", article=article.pk, since=2).json()
        assert (changes["version"], changes["added"], changes["removed"]) == (voted["version"], [], [])
        assert [(each["id"], each["up"], each["score"]) for each in changes["changed"]] == [(comment.pk, 1, 1)]
        page = get(client, "thread", article=article.pk, at_least=voted["version"]).json()
        assert {each["id"]: each["up"] for each in page["comments"]} == {other.pk: 0, comment.pk: 1}

    def test_closed_comments_may_still_be_judged(self, client: Client) -> None:
        assert put(client, make_comment(make_article(comments_open=False))).status_code == 200

    @pytest.mark.parametrize("value", [True, False, "1", 1.0, 0.0, 2, -2, 2**63 - 1, [1], {"value": 1}, "", 0.5])
    def test_any_other_value_is_refused(self, client: Client, value: Any) -> None:
        comment = make_comment(make_article())
        answer = put(client, comment, value)
        assert code(answer) == (400, "validation_failed")
        assert [(each["field"], each["code"]) for each in answer.json()["errors"]] == [("value", "unknown_choice")]
        assert not Vote.objects.exists()

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b"{}", (400, "validation_failed")),
            (b'{"value": null}', (400, "validation_failed")),
            (b" ", (400, "malformed_json")),
            (b"1", (400, "malformed_json")),
            (b'{"value": 1e999}', (400, "malformed_json")),
            (b'{"value": 99999999999999999999}', (400, "malformed_json")),
            (b'{"value": 1, "value": -1}', (400, "malformed_json")),
        ],
    )
    def test_bodies_that_say_nothing(self, client: Client, body: bytes, expected: tuple[int, str]) -> None:
        address = f"/api/v1/comments/{make_comment(make_article()).pk}/vote"
        assert code(client.put(address, body, content_type="application/json")) == expected

    @pytest.mark.parametrize("number", [0, 12, 10**18, 10**30])
    def test_a_comment_that_is_not_there(self, client: Client, number: int) -> None:
        assert code(put(client, number)) == (404, "not_found")

    def test_a_comment_that_nobody_may_see(self, client: Client) -> None:
        hidden = make_comment(make_article(visibility="hidden"))
        held = make_comment(make_article(), status="pending")
        tombstone = make_comment(make_article(), status="removed")
        make_comment(tombstone.article, tombstone)
        for comment in (hidden, held, tombstone):
            assert code(put(client, comment)) == (404, "not_found")

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("https://news.example.org", 200),
            (settings.PUBLIC_URL, 200),
            ("https://evil.example.net", 403),
            ("null", 403),
        ],
    )
    def test_browsers_vote_from_the_sites_pages(self, client: Client, origin: str, status: int) -> None:
        assert put(client, make_comment(make_article()), Origin=origin).status_code == status

    def test_a_form_cannot_vote(self, client: Client) -> None:
        address = f"/api/v1/comments/{make_comment(make_article()).pk}/vote"
        form = "application/x-www-form-urlencoded"
        assert code(client.put(address, "value=1", content_type=form)) == (415, "unsupported_media_type")
        assert client.post(address, {"value": 1}).status_code == 405
        assert client.get(address).status_code == 405
        assert client.options(address)["Access-Control-Allow-Methods"] == "PUT"

    def test_few_queries(self, client: Client, django_assert_num_queries: Any) -> None:
        comment = make_comment(make_article())
        # The comment with article and site, the origin, the lock, the vote with its numbers, the last statement; and
        # the savepoint pair that stands here for BEGIN and COMMIT.
        with django_assert_num_queries(7):
            assert put(client, comment, Origin="https://news.example.org").status_code == 200


class TestWhoMay:
    def test_a_voter_token_must_be_ours(self, client: Client) -> None:
        comment, good = make_comment(make_article()), new_voter_token()
        forged = [
            "",
            "awv_",
            "x",
            good[:-1],
            good + "A",
            good.replace("awv_", "awe_"),
            f"{good},{good}",
            "awv_" + "A" * 5000,
        ]
        forged += [good[:9] + ("A" if good[9] != "A" else "B") + good[10:], edit_token(comment.pk, comment.nonce.hex)]
        for token in forged:
            answer = put(client, comment, voter=token)
            assert code(answer) == (401, "voter_required"), token
            assert answer["WWW-Authenticate"] == "Bearer"
        assert not Vote.objects.exists()

    def test_the_token_travels_beside_authorization_not_in_it(self, client: Client) -> None:
        comment = make_comment(make_article())
        answer = put(client, comment, voter="", Authorization=f"Bearer {new_voter_token()}")
        assert code(answer) == (401, "voter_required")

    def test_a_key_changes_nothing_and_a_false_one_is_told(self, client: Client) -> None:
        comment, voter = make_comment(make_article()), new_voter_token()
        key = make_api_key(comment.site)
        assert put(client, comment, voter=voter).json()["up"] == 1
        assert put(client, comment, voter=voter, Authorization=f"Bearer {key}").json()["up"] == 1
        assert code(put(client, comment, voter=voter, Authorization="Bearer awk_no")) == (401, "unauthorized")

    @pytest.mark.parametrize("header", ["Authorization", "X-Afterword-Edit-Tokens"])
    def test_not_the_author_by_her_edit_token(self, client: Client, header: str) -> None:
        comment = make_comment(make_article())
        token = edit_token(comment.pk, comment.nonce.hex)
        shown = f"Bearer {token}" if header == "Authorization" else f"awe_1.{'A' * 22}, {token}"
        assert code(put(client, comment, **{header: shown})) == (403, "vote_own_comment")
        assert put(client, comment, **{header: shown.replace(token, token[:-1] + "~")}).status_code == 200

    def test_not_the_author_by_the_token_that_she_posted_with(self, client: Client) -> None:
        article, voter = make_article(), new_voter_token()
        body = {"article": article.pk, "body": "Well said.", "author": {"name": "Ben"}}
        headers = {"X-Afterword-Voter": voter}
        posted = client.post("/api/v1/comments", body, content_type="application/json", headers=headers)
        assert posted.status_code == 201
        assert voter not in posted.content.decode()
        assert code(put(client, posted.json()["id"], voter=voter)) == (403, "vote_own_comment")
        assert put(client, posted.json()["id"]).status_code == 200

    def test_a_voter_token_that_is_none_loses_no_comment(self, client: Client) -> None:
        body = {"article": make_article().pk, "body": "Well said.", "author": {"name": "Ben"}}
        headers = {"X-Afterword-Voter": "awv_old"}
        posted = client.post("/api/v1/comments", body, content_type="application/json", headers=headers)
        assert (posted.status_code, Comment.objects.get().voter_key) == (201, "")

    def test_no_vote_where_the_site_takes_none(self, client: Client) -> None:
        comment = make_comment(make_article(make_site(anonymous_votes=False)))
        assert code(put(client, comment)) == (403, "votes_off")

    def test_a_network_is_an_address_or_a_household(self) -> None:
        comment = make_comment(make_article(make_site(votes_per_network=2)))
        here = [Client(REMOTE_ADDR=f"2001:db8:1:2::{number:x}") for number in range(4)]
        assert [put(client, comment).status_code for client in here] == [200, 200, 403, 403]
        assert code(put(here[0], comment)) == (403, "vote_limit")
        for address in ("2001:db8:1:3::1", "192.0.2.1", "192.0.2.2"):
            assert put(Client(REMOTE_ADDR=address), comment).status_code == 200

    def test_a_forwarded_address_of_a_stranger_is_no_address(self, client: Client) -> None:
        comment = make_comment(make_article(make_site(votes_per_network=1)))
        answers = [put(client, comment, **{"X-Forwarded-For": f"192.0.2.{number}"}) for number in range(2)]
        assert [answer.status_code for answer in answers] == [200, 403]


class TestMine:
    def test_her_votes_of_this_thread(self, client: Client) -> None:
        site = make_site(votes_per_network=0)
        article, voter = make_article(site), new_voter_token()
        liked, not_liked, left, forgotten = (make_comment(article) for _ in range(4))
        elsewhere = make_comment(make_article(site))
        for comment, value in ((liked, 1), (not_liked, -1), (forgotten, 1), (forgotten, 0), (elsewhere, 1)):
            put(client, comment, value, voter=voter)
        put(client, left)
        found = mine(client, liked, voter)
        votes = {str(liked.pk): 1, str(not_liked.pk): -1}
        assert found == {"votes": votes, "editable": [], "pending": [], "muted": []}
        assert mine(client, elsewhere, voter)["votes"] == {str(elsewhere.pk): 1}

    def test_others_have_none(self, client: Client) -> None:
        comment = make_comment(make_article())
        put(client, comment)
        for voter in ("", "awv_x", "junk", new_voter_token()):
            assert mine(client, comment, voter)["votes"] == {}

    def test_not_of_a_comment_that_has_gone(self, client: Client) -> None:
        comment, voter = make_comment(make_article()), new_voter_token()
        put(client, comment, voter=voter)
        Comment.objects.update(status="removed")
        assert mine(client, comment, voter)["votes"] == {}

    def test_one_query_for_votes_and_one_for_what_is_held(self, client: Client, django_assert_num_queries: Any) -> None:
        article, voter = make_article(), new_voter_token()
        comments = [make_comment(article) for _ in range(20)]
        held = make_comment(article, status="pending")
        for comment in comments:
            put(client, comment, voter=voter)
        # The article; the votes; with an edit token her held comments too.
        for headers, queries in (({}, 2), ({"Authorization": f"Bearer {edit_token(held.pk, held.nonce.hex)}"}, 3)):
            with django_assert_num_queries(queries):
                found = mine(client, held, voter, **headers)
            assert len(found["votes"]) == 20
        with django_assert_num_queries(1):
            mine(client, held, "")


def test_the_sites_are_apart(client: Client) -> None:
    """One token, two sites: what is stored in one cannot be found by what is stored in the other."""
    one, two = make_comment(make_article()), make_comment(make_article())
    voter = new_voter_token()
    for comment in (one, two):
        put(client, comment, voter=voter)
    votes = list(Vote.objects.all())
    assert {(each.site_id, each.article_id, each.comment_id) for each in votes} == {
        (each.site_id, each.article_id, each.pk) for each in (one, two)
    }
    assert len({each.voter_key for each in votes}) == len({each.network_key for each in votes}) == 2
    assert mine(client, one, voter)["votes"] == {str(one.pk): 1}
