"""A reader with a session: she writes under her name, which nobody else may use; what is hers she sees and ends."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from articles.models import Article
from comments.models import Comment, Reader, ReaderSession, Thread
from comments.services import readers
from comments.services.sessions import open_session
from comments.tasks import refresh_readers
from project import addresses
from sharing.models import Delivery, Follow
from tests.comments.invariants import check_site
from tests.factories import ADA, BEN, CY, make_article, make_comment, make_follow, make_member, make_reader, make_site

pytestmark = pytest.mark.django_db


class Speaker:
    """A reader and the client in which she has signed in."""

    def __init__(self, site: Any, email: str = BEN, **fields: Any) -> None:
        self.reader = make_reader(site, email, **fields)
        self.headers = {"Authorization": f"Bearer {open_session(self.reader, 'email').token}"}
        self.client = Client()

    def call(self, method: str, path: str = "", body: Any = None) -> Any:
        address = path if path.startswith("/") else f"/api/v1/readers/me{path and '/'}{path}"
        return self.client.generic(method, address, json.dumps(body or {}), "application/json", headers=self.headers)

    def post(self, article: Article, body: str = "Said.", **fields: Any) -> Any:
        return self.call("POST", "/api/v1/comments", {"article": article.pk, "body": body, **fields})


def guest(article: Article, name: str = "Somebody", email: str = "", body: str = "Said.") -> Any:
    data = {"article": article.pk, "body": body, "author": {"name": name, "email": email}}
    return Client().post("/api/v1/comments", data, content_type="application/json")


def shown(article: Article) -> list[tuple[str, Any]]:
    thread = Client().get(f"/api/v1/thread?article={article.pk}&sort=oldest").json()
    return [(comment["author"]["name"], comment["author"]["role"]) for comment in thread["comments"]]


def version(article: Article) -> int:
    return int(Thread.objects.get(article=article).version)


def test_reader_writes_under_her_own_name_and_address(django_assert_num_queries: Any) -> None:
    article = make_article()
    ben = Speaker(article.site)
    with django_assert_num_queries(8):
        answer = ben.post(article, author={"name": "Another", "email": CY})
    assert answer.json()["author"] == {"name": "Ben", "url": None, "avatar": None, "role": "verified"}
    comment = Comment.objects.get()
    assert (comment.reader, comment.author_email, comment.author_key) == (ben.reader, BEN, addresses.email_key(BEN))
    assert shown(article) == [("Ben", "verified")]
    assert BEN not in Client().get(f"/api/v1/thread?article={article.pk}").content.decode()


def test_nameless_reader_says_her_name_once() -> None:
    article = make_article()
    ben = Speaker(article.site, name="")
    assert ben.post(article, "One").status_code == 400
    assert ben.post(article, "Two", author={"name": "Benjamin"}).status_code == 201
    assert ben.post(article, "Three").json()["author"]["name"] == "Benjamin"
    assert guest(article, "benjamin").json()["code"] == "identity_not_proven"


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("Ben Okri", ""),
        ("BEN  OKRI", ""),
        ("B\u0435n Okr\u0456", ""),
        ("Bén Ökri", ""),
        ("Ｂｅｎ Okri", ""),
        ("X", "BEN@example.org"),
    ],
)
def test_guest_cannot_sign_as_a_reader(name: str, email: str) -> None:
    article = make_article()
    make_reader(article.site, BEN, name="Ben Okri")
    answer = guest(article, name, email)
    assert (answer.status_code, answer.json()["code"]) == (403, "identity_not_proven")
    assert "sign in" in answer.json()["detail"]
    assert guest(make_article(make_site()), name, email).status_code == 201


@pytest.mark.parametrize(("name", "email"), [("Ada Byron", ""), ("ada byron", ""), ("X", "ADA@example.org")])
def test_guest_cannot_sign_as_member_or_author(name: str, email: str) -> None:
    of_member = make_article()
    make_member(of_member.site, ADA, first_name="Ada", last_name="Byron")
    of_author = make_article(author_name="Ada Byron", author_email=ADA)
    nobodys = make_article(author_name="Ada Byron")
    assert [guest(each, name, email).status_code for each in (of_member, of_author, nobodys)] == [403, 403, 201]


def test_guest_is_told_the_same_on_the_page_of_the_article(client: Client) -> None:
    article = make_article()
    make_reader(article.site)
    form = "application/x-www-form-urlencoded"
    headers = {"Sec-Fetch-Site": "same-origin"}
    page = client.generic("POST", f"/a/{article.pk}/comments", "name=Ben&body=Kept+text", form, headers=headers)
    assert page.status_code == 403 and "Kept text" in page.content.decode()


def test_site_without_guests_takes_readers_alone() -> None:
    article = make_article(make_site(guests=False))
    assert guest(article).json()["code"] == "guests_off"
    assert Speaker(article.site).post(article).status_code == 201


def test_reader_with_an_approved_comment_is_no_newcomer() -> None:
    article = make_article(make_site(moderation="newcomers"))
    ben = Speaker(article.site)
    assert ben.post(article, "First").status_code == 202
    Comment.objects.update(status="approved", published_at="2026-01-01T00:00:00Z")
    assert ben.post(article, "Second").status_code == 201


def test_badges_say_what_somebody_is_to_the_article() -> None:
    article = make_article(author_name="Ada", author_email=ADA)
    other = make_article(article.site)
    ada, cy = Speaker(article.site, ADA, name="Ada"), Speaker(article.site, CY, name="Cy", role="moderator")
    for each in (article, other):
        ada.post(each), cy.post(each)
    assert shown(article) == [("Ada", "author"), ("Cy", "moderator")]
    assert shown(other) == [("Ada", "verified"), ("Cy", "moderator")]


def test_another_name_moves_every_thread_in_which_she_is_shown() -> None:
    here = make_article()
    there = make_article(here.site)
    ben = Speaker(here.site)
    ben.post(here), ben.post(there), guest(there, "Dee")
    before = version(here), version(there)
    answer = ben.call("PATCH", "", {"name": "Benjamin", "url": "https://ben.example.org/"})
    assert (answer.status_code, answer.json()["name"]) == (200, "Benjamin")
    assert shown(here) == [("Benjamin", "verified")]
    assert shown(there) == [("Benjamin", "verified"), ("Dee", None)]
    assert (version(here), version(there)) == (before[0] + 1, before[1] + 1)
    ben.call("PATCH", "", {"name": "Benjamin"})
    assert version(here) == before[0] + 1
    check_site(here.site)


def test_what_is_left_of_a_change_is_found_by_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site()
    articles = [make_article(site) for _ in range(5)]
    ben = Speaker(site)
    for article in articles:
        ben.post(article)
    readers.change_profile(ben.reader, name="Benjamin", url="")
    assert not readers.spread(ben.reader.pk, 2)
    assert sum(shown(article) == [("Benjamin", "verified")] for article in articles) == 2
    assert readers.readers_to_spread(10) == [ben.reader.pk]
    Reader.objects.update(spread_from=F("spread_from") - timedelta(minutes=2))
    while not readers.spread(ben.reader.pk, 2):
        pass
    assert all(shown(article) == [("Benjamin", "verified")] for article in articles)
    assert readers.readers_to_spread(10) == []


def test_comment_that_was_being_posted_is_found_after_the_change() -> None:
    article = make_article()
    ben = Speaker(article.site)
    readers.change_profile(ben.reader, name="Benjamin", url="")
    assert readers.spread(ben.reader.pk)
    late = make_comment(article, reader=ben.reader, author_name="Ben", author_role="verified")
    assert readers.readers_to_spread(10) == [ben.reader.pk]
    assert readers.spread(ben.reader.pk)
    late.refresh_from_db()
    assert late.author_name == "Benjamin"


def test_member_who_comes_or_goes_is_shown_as_what_she_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    article = make_article()
    ada = Speaker(article.site, ADA, name="Ada")
    ada.post(article)
    monkeypatch.setattr("comments.tasks.spread_reader.wake", lambda number: readers.spread(number))
    member = make_member(article.site, ADA.upper())
    refresh_readers()
    assert shown(article) == [("Ada", "moderator")]
    member.delete()
    refresh_readers()
    assert shown(article) == [("Ada", "verified")]


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, 5, None, "a\nb", "Ada Byron", "ada byr\u043en"])
def test_name_that_will_not_do_is_refused_and_nothing_changes(name: Any) -> None:
    site = make_site()
    make_member(site, ADA, first_name="Ada", last_name="Byron")
    ben = Speaker(site)
    answer = ben.call("PATCH", "", {"name": name})
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert Reader.objects.get().name == "Ben"


def test_claim_takes_over_what_was_said_under_her_address() -> None:
    here = make_article()
    there, elsewhere = make_article(here.site), make_article(make_site())
    mine = make_comment(here, author_name="B.", provider="disqus")
    make_comment(here, mine, author_name="Cy", author_email=CY)
    held = make_comment(there, status="pending")
    make_comment(elsewhere)
    ben = Speaker(here.site)
    before = version(here)
    assert ben.call("POST", "claims").json() == {"claimed": 2}
    assert set(Comment.objects.filter(reader=ben.reader)) == {mine, held}
    assert shown(here) == [("Ben", "verified")]
    assert version(here) == before + 1
    assert ben.call("POST", "claims").json() == {"claimed": 0}
    assert version(here) == before + 1
    listed = ben.call("GET", "comments").json()
    assert [comment["id"] for comment in listed["comments"]] == [held.pk, mine.pk]
    for article in (here, there, elsewhere):
        check_site(article.site)


def test_reader_without_a_proven_address_claims_nothing() -> None:
    article = make_article()
    make_comment(article, author_email="")
    answer = Speaker(article.site, "").call("POST", "claims")
    assert (answer.status_code, answer.json()["code"]) == (403, "address_not_proven")


def test_sessions_are_listed_and_ended_by_their_reader_alone() -> None:
    site = make_site()
    ben, cy = Speaker(site), Speaker(site, CY, name="Cy")
    open_session(ben.reader, "sso", label="A telephone")
    other, own = ben.call("GET", "sessions").json()["sessions"]
    assert (other["label"], other["method"], other["current"], own["current"]) == ("A telephone", "sso", False, True)
    assert cy.call("DELETE", f"sessions/{other['id']}").json() == {"ended": 0}
    assert ben.call("DELETE", f"sessions/{other['id']}").json() == {"ended": 1}
    assert len(ben.call("GET", "sessions").json()["sessions"]) == 1
    assert ben.call("DELETE", "sessions").json() == {"ended": 1}
    assert ben.call("GET").status_code == 401
    assert cy.call("GET").status_code == 200
    assert ReaderSession.objects.filter(ended_at=None).count() == 1


@pytest.mark.parametrize("path", ["sessions/99999999999999999999", "mutes/99999999999999999999"])
def test_ids_beyond_all_numbers_are_nobodys(path: str) -> None:
    assert Speaker(make_site()).call("DELETE", path).status_code in {200, 204}


def test_reader_edits_and_deletes_in_her_session() -> None:
    article = make_article()
    ben, cy = Speaker(article.site), Speaker(article.site, CY, name="Cy")
    path = f"/api/v1/comments/{ben.post(article).json()['id']}"
    assert cy.call("PATCH", path, {"body": "Not mine"}).status_code in {403, 404, 401}
    assert ben.call("PATCH", path, {"body": "Better"}).status_code == 200
    mine = ben.call("GET", f"/api/v1/thread/mine?article={article.pk}").json()
    assert mine["editable"] == [Comment.objects.get().pk]
    assert ben.call("DELETE", path).status_code == 200


def test_muted_authors_are_named_by_their_comments_and_to_nobody_else() -> None:
    article = make_article()
    ben, cy = Speaker(article.site), Speaker(article.site, CY, name="Cy")
    of_cy = cy.post(article, "One").json()["id"]
    of_guest = make_comment(article, author_name="Dee", author_email="dee@example.org").pk
    nameless = make_comment(article, author_name="Nobody", author_email="").pk
    fine = make_comment(article, author_name="Fay", author_email="").pk
    for each in (of_cy, of_guest, nameless, nameless):
        assert ben.call("PUT", "mutes", {"comment": each}).status_code == 200
    later = cy.post(article, "Two").json()["id"]
    mine = ben.call("GET", f"/api/v1/thread/mine?article={article.pk}")
    assert set(mine.json()["muted"]) == {of_cy, of_guest, nameless, later}
    assert fine not in mine.json()["muted"]
    assert cy.call("GET", f"/api/v1/thread/mine?article={article.pk}").json()["muted"] == []
    mutes = ben.call("GET", "mutes").json()["mutes"]
    assert [mute["name"] for mute in mutes] == ["Nobody", "Dee", "Cy"]
    assert addresses.email_key("dee@example.org") not in str(mutes) + mine.content.decode()
    assert ben.call("DELETE", f"mutes/{mutes[0]['id']}").status_code == 204
    assert nameless not in ben.call("GET", f"/api/v1/thread/mine?article={article.pk}").json()["muted"]
    assert ben.call("PUT", "mutes", {"comment": ben.post(article, "Me").json()["id"]}).status_code == 400
    elsewhere = make_comment(make_article(make_site())).pk
    assert ben.call("PUT", "mutes", {"comment": elsewhere}).status_code == 404


def test_follow_of_a_proven_address_begins_at_once() -> None:
    article = make_article()
    ben = Speaker(article.site)
    assert ben.call("POST", "/api/v1/follows", {"article": article.pk, "email": BEN.upper()}).status_code == 202
    assert Follow.objects.get().status == "confirmed"
    ben.call("POST", "/api/v1/follows", {"article": article.pk, "email": CY})
    assert Follow.objects.get(follower__address=CY).status == "unconfirmed"
    assert list(Delivery.objects.values_list("address", flat=True)) == [CY]
    ben.post(article, follow="replies")
    assert Follow.objects.filter(status="confirmed", target_kind="comment").count() == 1


def test_ended_follow_begins_again_on_the_word_of_a_session() -> None:
    article = make_article()
    ended = make_follow(article.site, BEN, status="unsubscribed", article=article)
    Speaker(article.site).call("POST", "/api/v1/follows", {"article": article.pk, "email": BEN})
    ended.refresh_from_db()
    assert ended.status == "confirmed"
