"""What keeps announcements of links from becoming a burden: limits, a bounded queue, sites apart, and forgetting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from articles.models import Article
from comments.models import Comment, ExternalRef
from comments.services.editing import Editor, edit_comment
from comments.services.moderation import Moderator
from project import throttling
from project.throttling import InProcess, InValkey
from sharing.models import Webmention
from sharing.services import webmentions
from sharing.services.webmentions import verify_next
from tests.comments.invariants import check_site
from tests.dump import dump_of_database
from tests.factories import make_article, make_comment, make_site
from tests.far_side import FarSide, far_side
from tests.mentions import mention, reply, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def side() -> Iterator[FarSide]:
    with far_side() as found:
        yield found


@pytest.fixture
def article() -> Article:
    return make_article(make_site("gazette"), path="/story")


@pytest.fixture
def limits(settings: Any, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMITS = True
    settings.REDIS_URL = broker_url
    monkeypatch.setattr(throttling, "valkey", InValkey())
    monkeypatch.setattr(throttling, "here", InProcess())


def answers(count: int, source: str, article: Article) -> list[int]:
    return [send(source.format(number), article).status_code for number in range(count)]


@pytest.mark.usefixtures("limits")
def test_one_client_is_limited(article: Article) -> None:
    assert answers(61, "https://far-{}.example/", article) == [201] * 60 + [429]
    refused = send("https://far.example/", article)
    assert refused.json()["code"] == "rate_limited" and int(refused["Retry-After"]) > 0


@pytest.mark.usefixtures("limits")
def test_all_clients_together_are_limited_for_one_server(article: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        throttling.SCOPES, "webmentions", throttling.Scope("900/minute", site="900/hour", host="5/hour")
    )
    assert answers(7, "https://victim.example/{}", article) == [201] * 5 + [429] * 2
    assert send("https://other.example/", article).status_code == 201


@pytest.mark.usefixtures("limits")
def test_one_site_is_limited_and_others_go_on(article: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        throttling.SCOPES, "webmentions", throttling.Scope("900/minute", site="5/hour", host="900/hour")
    )
    assert answers(6, "https://far.example/{}", article) == [201] * 5 + [429]
    other = make_article(make_site("echo", origins=("echo.example",)), url="https://echo.example/a")
    assert send("https://far.example/", other).status_code == 201


def test_so_many_wait_and_no_more(article: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webmentions, "MOST_WAITING", 3)
    assert answers(5, "https://far.example/{}", article) == [201] * 3 + [429] * 2
    other = make_article(make_site("echo", origins=("echo.example",)), url="https://echo.example/a")
    assert send("https://far.example/", other).status_code == 201


def test_a_page_is_not_fetched_again_within_a_minute(article: Article, side: FarSide) -> None:
    source = side.has("/note", reply(article, "<p>First.</p>"))
    mention(source, article)
    for _ in range(5):
        assert send(source, article).status_code == 201
        assert verify_next() is None
    assert side.requests() == ["/note"]
    row = Webmention.objects.get()
    assert row.due_at is not None and 0 < (row.due_at - row.changed_at).total_seconds() <= 60


def test_a_failing_page_is_not_asked_more_often_by_announcing_it(article: Article, side: FarSide) -> None:
    source = side.has("/note", "", 503)
    mention(source, article)
    for _ in range(5):
        send(source, article)
        assert verify_next() is None
    assert side.requests() == ["/note"]


def test_one_page_may_link_to_two_sites(article: Article, side: FarSide) -> None:
    other = make_article(make_site("echo", origins=("echo.example",)), url="https://echo.example/a")
    source = side.has("/note", reply(article, "<p>One.</p>") + reply(other, "<p>Two.</p>"))
    mention(source, article)
    mention(source, other)
    assert [(one.site.slug, one.text) for one in Comment.objects.order_by("pk")] == [
        ("gazette", "One."),
        ("echo", "Two."),
    ]
    side.has("/note", reply(other, "<p>Two.</p>"))
    mention(source, article)
    assert list(Comment.objects.order_by("pk").values_list("status", flat=True)) == ["removed", "approved"]


def erase(source: str, article: Article) -> int:
    out = StringIO()
    call_command("erase_mentions", source, "--site", article.site.slug, stdout=out)
    return int(json.loads(out.getvalue())["comments"])


def test_what_a_page_became_can_be_erased_and_stays_so(article: Article, side: FarSide) -> None:
    source = side.has("/zq7note", reply(article, "<p>zq7says</p>", name="zq7who"))
    mention(source, article)
    side.has("/zq7note", reply(article, "<p>zq7says more</p>", name="zq7who"))
    mention(source, article)
    make_comment(article, author_url=source + "/native")
    elsewhere = make_article(make_site("echo", origins=("echo.example",)), url="https://echo.example/a")
    assert erase(source, elsewhere) == 0
    assert erase(source, article) == 1
    left = [line for line in dump_of_database().splitlines() if "zq7" in line]
    assert len(left) == 1 and "/native" in left[0]
    assert ExternalRef.objects.get().content_hash == ""
    mention(source, article)
    comment = Comment.objects.get(provider="webmention")
    assert (comment.status, comment.text, comment.author_url) == ("removed", "", "")
    check_site(article.site)
    with pytest.raises(CommandError):
        erase("far.example", article)


def test_a_moderator_edits_what_came_as_html_and_her_text_stays(article: Article, side: FarSide) -> None:
    source = side.has("/note", reply(article, "<p>First <b>words</b>.</p>"))
    mention(source, article)
    comment = Comment.objects.get()
    edit_comment(comment, Editor(Moderator()), "<p>Only <b>these</b>.</p>")
    comment.refresh_from_db()
    assert comment.html == "<p>Only <b>these</b>.</p>"
    for words in ("First <b>words</b>.", "Third words."):
        side.has("/note", reply(article, f"<p>{words}</p>"))
        mention(source, article)
        comment.refresh_from_db()
        assert comment.text == "Only these."
    side.has("/note", "", 410)
    mention(source, article)
    comment.refresh_from_db()
    assert comment.status == "removed"


def test_the_thread_counts_mentions_apart(article: Article, side: FarSide) -> None:
    for number in range(3):
        mention(side.has(f"/{number}", reply(article, f"<p>Note {number}.</p>")), article)
    thread = Client().get("/api/v1/thread", {"article": article.pk}).json()
    assert thread["article"]["counts"]["webmention"] == 3
    assert {one["provider"] for one in thread["comments"]} == {"webmention"}
