"""A reader asks what is held about her, and to be erased: by her session, without an operator."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from comments.models import Comment, Reader, ReaderSession
from sharing.models import Consent, Follow, Suppression
from tests.api.test_readers import Speaker, guest
from tests.comments.invariants import check_site
from tests.dump import dump_of_database
from tests.factories import BEN, CY, make_article, make_comment, make_follow

pytestmark = pytest.mark.django_db


def thread_of(article: Any) -> list[tuple[str, str]]:
    comments = Client().get(f"/api/v1/thread?article={article.pk}&sort=oldest").json()["comments"]
    return [(each["author"]["name"], each["status"]) for each in comments]


def test_export_has_what_is_hers_and_nobody_elses() -> None:
    article = make_article()
    ben, cy = Speaker(article.site, name="Ben"), Speaker(article.site, CY, name="Cy")
    ben.post(article, "Mine alone.")
    cy.post(article, "Of somebody else.")
    make_follow(article.site, BEN, article=article)
    answer = ben.call("GET", "export")
    held = answer.json()
    assert answer["Cache-Control"] == "private, no-store"
    assert held["reader"]["address"] == held["address"] == BEN
    assert [comment["source"] for comment in held["comments"]] == ["Mine alone."]
    assert (len(held["sessions"]), len(held["follows"])) == (1, 1)
    assert CY not in answer.content.decode()


@pytest.mark.parametrize(("wish", "left"), [("keep", [("Former reader", "approved")]), ("erase", [])])
def test_erasure_leaves_nothing_of_her(wish: str, left: list[tuple[str, str]]) -> None:
    article = make_article()
    ben = Speaker(article.site, name="Zq7who")
    ben.post(article, "Said.")
    make_follow(article.site, BEN, article=article)
    receipt = ben.call("POST", "erasure", {"texts": wish}).json()
    assert (receipt["rows"]["comments"], receipt["rows"]["follows"], receipt["unsettled"]) == (1, 1, 0)
    assert thread_of(article) == left
    assert not [line for line in dump_of_database() if "zq7who" in line.lower() or BEN in line]
    assert ben.call("GET").status_code == 401
    assert (ReaderSession.objects.count(), Follow.objects.count(), Suppression.objects.count()) == (0, 0, 1)
    check_site(article.site)


def test_reader_without_an_address_takes_nobody_with_her() -> None:
    """Guests without an address, and followers, have as little of one as she has."""
    article = make_article()
    nameless = Speaker(article.site, "", name="Dora")
    nameless.post(article, "Hers.")
    guest(article, "Somebody")
    make_comment(article, author_name="Another", author_email="")
    held = nameless.call("GET", "export").json()
    assert [comment["source"] for comment in held["comments"]] == ["Hers."]
    receipt = nameless.call("POST", "erasure", {"texts": "keep"}).json()
    assert (receipt["address_key"], receipt["rows"]["comments"]) == (None, 1)
    assert receipt["left"] == {"articles": 0, "members": 0}
    assert thread_of(article) == [(name, "approved") for name in ("Former reader", "Somebody", "Another")]
    assert Suppression.objects.count() == 0


@pytest.mark.parametrize("body", [{}, {"texts": "both"}, {"texts": True}, {"texts": None}])
def test_erasure_needs_a_word_about_her_texts(body: dict[str, Any]) -> None:
    article = make_article()
    ben = Speaker(article.site)
    ben.post(article, "Said.")
    answer = ben.call("POST", "erasure", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "texts")
    assert Reader.objects.get().address == BEN
    assert Comment.objects.get().author_name == "Ben"


def test_follows_of_her_address_are_hers_to_end() -> None:
    article = make_article(title="Bees")
    ben, cy = Speaker(article.site, name="Ben"), Speaker(article.site, CY, name="Cy")
    first = make_follow(article.site, BEN, article=article)
    make_follow(article.site, BEN, status="unsubscribed")
    others = make_follow(article.site, CY, article=article)
    elsewhere = make_follow(make_article().site, BEN)
    assert ben.call("GET", "follows").json() == {
        "follows": [
            {
                "id": first.pk,
                "target": "article",
                "name": None,
                "comment": None,
                "article": {"id": article.pk, "url": article.public_url, "title": "Bees"},
                "frequency": "immediate",
                "status": "confirmed",
                "created_at": f"{first.created_at:%Y-%m-%dT%H:%M:%S.%fZ}",
            }
        ]
    }
    for number, ended in ((others.pk, 0), (elsewhere.pk, 0), (first.pk, 1), (first.pk, 0), (10**18, 0)):
        assert ben.call("DELETE", f"follows/{number}").json() == {"ended": ended}
    assert ben.call("GET", "follows").json() == {"follows": []}
    assert [follow["id"] for follow in cy.call("GET", "follows").json()["follows"]] == [others.pk]
    assert Consent.objects.get(event="unsubscribed").door == "reader"


def test_reader_without_an_address_follows_nothing() -> None:
    article = make_article()
    make_follow(article.site, BEN, article=article)
    assert Speaker(article.site, "", name="Dora").call("GET", "follows").json() == {"follows": []}
