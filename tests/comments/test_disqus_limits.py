"""What goes wrong with Disqus' API: its limits, its errors, its silence, and what no answer of its may do."""

from __future__ import annotations

import json
import logging
import time
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest
from django.utils import timezone

from articles.models import Site
from comments.models import Comment, DisqusForum
from comments.services import disqus_client, disqus_sync
from comments.services.disqus_forums import Keys, add_forum, change_keys
from comments.services.disqus_sync import read_next_forum
from project.sealed import seal
from tests.disqus_server import FORUM, SECRET, TOKEN, DisqusServer, Say
from tests.factories import make_site
from tests.reading_disqus import KEYS, forum, read, server, site, texts

__all__ = ["forum", "server", "site"]

pytestmark = pytest.mark.django_db


def wait_of(forum: DisqusForum) -> timedelta:
    return forum.next_at - timezone.now()


def error(status: int, code: int, text: str = "no") -> Say:
    return Say(status, {"code": code, "response": text})


class TestLimits:
    def test_a_limit_that_is_reached_is_waited_for_and_then_it_goes_on(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        for number in range(1, 251):
            server.has_post(number, 1)
        server.left, server.reset_at = 1, int(time.time()) + 1800
        found = read(forum)
        assert (len(texts(site)), found.failures, found.is_caught_up) == (100, 0, False)
        assert timedelta(minutes=28) < wait_of(found) <= timedelta(minutes=30)
        assert len(server.calls()) == 1, "nothing is asked that would be refused"
        server.left = 1000
        assert read(forum).is_caught_up and len(texts(site)) == 250

    @pytest.mark.parametrize(("status", "code"), [(400, 13), (400, 14), (429, 13), (429, 1)])
    def test_a_refusal_names_its_reset(self, server: DisqusServer, forum: DisqusForum, status: int, code: int) -> None:
        server.next_says = [error(status, code, "You have exceeded your hourly limit of requests")]
        server.reset_at = int(time.time()) + 600
        found = read(forum)
        assert (found.failures, "hourly limit" in found.last_error) == (0, True)
        assert timedelta(minutes=9) < wait_of(found) <= timedelta(minutes=10)

    @pytest.mark.parametrize("status", [403, 429])
    def test_a_refusal_without_a_word_is_waited_for_too(
        self, server: DisqusServer, forum: DisqusForum, status: int
    ) -> None:
        server.next_says = [Say(status, b"<html>Forbidden</html>")]
        found = read(forum)
        assert found.failures == 0 and wait_of(found) > timedelta(minutes=14)
        server.next_says = [Say(status, b"", {"Retry-After": "3600"})]
        assert wait_of(read(forum)) > timedelta(minutes=59)

    @pytest.mark.parametrize("reset", ["soon", "-5", "1", "9" * 30, "99999999999999"])
    def test_a_reset_that_is_nonsense_is_waited_for_within_reason(
        self, server: DisqusServer, forum: DisqusForum, reset: str
    ) -> None:
        server.next_says = [Say(429, {"code": 13, "response": "no"}, {"X-Ratelimit-Reset": reset})]
        assert timedelta(seconds=20) < wait_of(read(forum)) <= timedelta(days=1)

    def test_reading_again_leaves_its_share_to_what_is_new(self, server: DisqusServer, forum: DisqusForum) -> None:
        server.has_post(1, 1)
        read(forum)
        DisqusForum.objects.update(whole_read_at=timezone.now() - timedelta(days=8))
        server.reset_at = int(time.time()) + 1800
        for left, lists in [(200, 1), (400, 2), (900, 3)]:
            server.calls()
            server.left = left
            found = read(forum)
            assert len(server.calls()) == lists and found.failures == 0

    def test_other_forums_go_on(self, server: DisqusServer, forum: DisqusForum) -> None:
        other = add_forum(make_site("other"), FORUM, KEYS)
        server.has_post(1, 1)
        server.next_says = [error(429, 13)]
        first, second = read_next_forum(), read_next_forum()
        assert first is not None and second is not None and read_next_forum() is None
        assert first.last_error and second == other and second.taken == 1


class TestErrors:
    @pytest.mark.parametrize(
        ("say", "sentence"),
        [
            (error(401, 5, "Invalid API key"), "the code 5: Invalid API key"),
            (error(400, 18, "Invalid access token"), "the code 18"),
            (error(403, 12, "You do not have permission"), "the code 12"),
            (error(200, 7, "odd"), "the code 7: odd"),
            (error(200, 7, ["no", "text"]), "the code 7: "),  # type: ignore[arg-type]
            (Say(500, b"oops"), "the status 500"),
            (Say(503, {"code": 15, "response": "down"}), "the status 503"),
            (Say(200, b"<html>"), "no JSON"),
            (Say(200, b"[" * 500_000), "no JSON"),
            (Say(200, b'{"code": ' + b"9" * 5000 + b"}"), "no JSON"),
            (Say(200, []), "no answer of Disqus' API"),
            (Say(200, {"code": "0", "response": []}), "no answer of Disqus' API"),
            (Say(200, {"code": 0, "response": "none"}), "without a list"),
            (Say(200, b" " * 8_100_000), "longer than"),
            (Say(302, b"", {"Location": "http://127.0.0.1/"}), "the status 302"),
            (Say(lose=True), "could not be asked"),
            (Say(200, {"code": 0, "response": [], "cursor": {"hasNext": True, "next": None}}), "but not where"),
            (Say(200, {"code": 0, "response": [], "cursor": {"hasNext": True, "next": "x" * 300}}), "but not where"),
        ],
    )
    def test_an_error_is_noted_and_asked_again_later_and_less_often(
        self, server: DisqusServer, forum: DisqusForum, site: Site, say: Say, sentence: str
    ) -> None:
        server.has_post(1, 1)
        for failures in range(1, 4):
            server.next_says = [say]
            found = read(forum)
            assert sentence in found.last_error and found.failures == failures
            pause = disqus_sync.EVERY * 2**failures
            assert pause - timedelta(minutes=2) < wait_of(found) <= pause
        found = read(forum)
        assert (found.failures, found.last_error, texts(site)) == (0, "", ["Post 1."])

    def test_an_error_in_the_middle_keeps_the_place(self, server: DisqusServer, forum: DisqusForum, site: Site) -> None:
        for number in range(1, 151):
            server.has_post(number, 1)
        usual, calls = server._list, iter([None, Say(502, b"")])
        server._list = lambda asked: next(calls, None) or usual(asked)  # type: ignore[method-assign]
        assert "502" in read(forum).last_error and len(texts(site)) == 100
        server._list = usual  # type: ignore[method-assign]
        server.calls()
        read(forum)
        assert len(texts(site)) == 150 and "cursor" in server.calls()[0]

    def test_a_slow_answer_is_not_waited_for(
        self, server: DisqusServer, forum: DisqusForum, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(disqus_client, "SECONDS", 0.3)
        server.next_says = [Say(200, {"code": 0, "response": []}, seconds=2)]
        assert "could not be asked" in read(forum).last_error

    def test_keys_are_in_no_error_no_log_and_no_row(
        self, server: DisqusServer, forum: DisqusForum, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        told = f"unknown key {SECRET} or token {TOKEN} in /api/3.0/posts/list.json?api_secret={quote_plus(SECRET)}"
        for say in (error(401, 5, told), Say(lose=True), Say(599, told.encode()), error(429, 13, told)):
            server.next_says = [say]
            found = read(forum)
            words = json.dumps([str(value) for value in found.__dict__.values()])
            for key in (SECRET, TOKEN, quote_plus(SECRET)):
                assert key not in words and key not in caplog.text

    def test_keys_that_cannot_be_unsealed_are_asked_for(self, server: DisqusServer, forum: DisqusForum) -> None:
        for damaged in (seal("x")[:-4], "", "nonsense"):
            DisqusForum.objects.update(keys=damaged)
            assert "enter them again" in read(forum).last_error
        change_keys(forum, Keys(f" {SECRET}\n", TOKEN))
        assert read(forum).last_error == "" and server.calls()


HOSTILE: list[Any] = [
    None,
    7,
    "text",
    [],
    {},
    {"id": "1"},
    {"id": "1", "thread": "1", "message": None},
    {"id": True, "thread": "1", "message": "x"},
    {"id": 1.5, "thread": "1", "message": "x"},
    {"id": "9" * 300, "thread": "1", "message": "x"},
    {"id": "\x00", "thread": "1", "message": "x"},
    {"id": "1", "thread": {"id": []}, "message": "x"},
    {"id": "1", "thread": None, "message": "x"},
]
ODD: list[dict[str, Any]] = [
    {"message": "a\x00b\ud800c", "author": {"name": "Be\x00n\ud800", "username": 7, "email": [], "url": {}}},
    {"createdAt": "2011-x09-30", "author": None},
    {"createdAt": 1e400, "author": "Ben"},
    {"createdAt": "9999-12-31T23:59:59", "author": {"url": "javascript:alert(1)", "name": "x" * 5000}},
    {"parent": "no number"},
    {"parent": {"id": 1}},
    {"parent": 10**40},
    {"isSpam": "maybe", "isDeleted": None, "isApproved": 7},
    {"isEdited": "yes", "message": "<p>" * 20_000 + "x"},
    {"message": "x" * 1_000_000},
    {"message": "<script>alert(1)</script><a href='javascript:x'>y</a>"},
    {"thread": {"id": "7", "link": "javascript:alert(1)", "identifiers": [None, 7, {}, "", "\x00", "y" * 3000]}},
    {"thread": {"id": "8", "link": 5, "title": ["x"], "identifiers": "none", "isDeleted": "perhaps"}},
    {"thread": {"id": "9", "link": "http://[::1", "title": "\ud83d" * 9000}},
]


class TestHostileAnswers:
    def test_posts_that_cannot_be_read_are_counted_and_the_others_come(
        self, server: DisqusServer, forum: DisqusForum, site: Site
    ) -> None:
        server.has_post(5, 1)
        (good,) = server.posts.values()
        rows = [*HOSTILE, good | {"thread": server.threads["1"]}]
        server.next_says = [Say(200, {"code": 0, "response": rows, "cursor": {"next": 5, "hasNext": "no"}})]
        found = read(forum)
        assert (found.last_error, texts(site)) == ("", ["Post 5."])
        assert found.skipped == sum(isinstance(row, dict) for row in HOSTILE)

    @pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
    def test_values_of_another_kind_are_as_if_they_were_not_there(
        self, server: DisqusServer, forum: DisqusForum, site: Site, odd: dict[str, Any]
    ) -> None:
        usual = {"id": "5", "thread": server.threads[server.has_thread(1)], "message": "words", "author": {}}
        server.next_says = [Say(200, {"code": 0, "response": [usual | odd], "cursor": None})]
        found = read(forum)
        assert found.last_error == "" and found.failures == 0
        comment = Comment.objects.get(site=site)
        assert "<script" not in comment.html and "javascript:" not in comment.html + comment.author_url
        assert comment.parent_id is None and len(comment.author_name) <= 200
        assert comment.created_at <= timezone.now()
