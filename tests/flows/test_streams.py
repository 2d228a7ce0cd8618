"""Live updates by real web processes: what a reader hears, how she resumes, and what goes wrong around her."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from articles.models import Article
from articles.services.news import tell_changed
from articles.services.pages import delete_article
from comments.models import Comment
from comments.services.moderation import Moderator, decide, pin, undo
from comments.services.posting import Author, Draft, post_comment
from comments.services.versions import Change, commit_change
from tests.audience import Audience, Event, Listener
from tests.conftest import DRILL_SEED
from tests.factories import make_article, make_comment, make_site
from tests.processes import WebProcess, wait_until
from tests.servers import Servers
from tests.webs import Pair, ask, write

pytestmark = pytest.mark.live

NOBODY = Moderator()
# A process without a processor may need longer than the ten seconds after which granian kills it; one that hangs always
# does.
ENDINGS = 3
PROVIDERS = ("native", "wordpress", "disqus", "webmention", "mastodon", "bluesky")


@pytest.fixture
def web(make_web: Callable[..., WebProcess]) -> WebProcess:
    return make_web(RATE_LIMITS="off")


@pytest.fixture
def audience() -> Iterator[Audience]:
    with Audience() as audience:
        yield audience


def post(article: Article, body: str, parent: Comment | None = None) -> Comment:
    return post_comment(article, Draft(body, Author("Ben"), parent.pk if parent else None)).comment


def numbers(native: int) -> dict[str, int]:
    return {"total": native, **dict.fromkeys(PROVIDERS, 0), "native": native}


def hears(listener: Listener, act: Callable[[], Any]) -> list[Event]:
    """Return the events that an act causes: all up to the counts that end it."""
    known = len(listener.events)
    act()
    wait_until(lambda: any(e.name in ("counts", "reset") for e in listener.events[known:]), "events")
    return listener.events[known:]


def told(events: list[Event]) -> list[tuple[str, Any, str]]:
    """Return names, ids of comments (or numbers) and ids of events."""
    return [(each.name, each.data.get("id", each.data), each.id) for each in events]


def path_of(article: Article) -> str:
    return f"/api/v1/articles/{article.pk}/stream"


# What is heard


def test_a_reader_hears_what_happens(web: WebProcess, audience: Audience) -> None:
    article = make_article()
    first = make_comment(article, body="before")
    reader = audience.add(article.pk, web)
    assert told(reader.events) == [("counts", numbers(1), "1")]
    assert 2 <= reader.retry <= 8
    assert hears(reader, lambda: post(article, "second"))[0].data["html"] == "<p>second</p>\n"
    second = reader.ids("comment")[0]
    site = article.site
    held = make_comment(article, status="pending")
    assert told(hears(reader, lambda: decide(site, held.pk, "approved", NOBODY))) == [
        ("comment", held.pk, ""),
        ("counts", numbers(3), "3"),
    ]
    assert told(hears(reader, lambda: decide(site, second, "spam", NOBODY))) == [
        ("remove", second, ""),
        ("counts", numbers(2), "4"),
    ]
    assert told(hears(reader, lambda: undo(site, second, NOBODY))) == [
        ("comment", second, ""),
        ("counts", numbers(3), "5"),
    ]
    assert told(hears(reader, lambda: pin(site, first.pk, pinned=True))) == [
        ("update", first.pk, ""),
        ("counts", numbers(3), "6"),
    ]
    shown = ask(web, f"/api/v1/comments/{first.pk}").json()
    shown.pop("ancestors")
    assert reader.of("update")[0].data == shown


def test_a_parent_that_is_removed_becomes_a_tombstone(web: WebProcess, audience: Audience) -> None:
    article = make_article()
    root = make_comment(article)
    make_comment(article, root)
    reader = audience.add(article.pk, web)
    heard = hears(reader, lambda: decide(article.site, root.pk, "removed", NOBODY))
    assert told(heard) == [("update", root.pk, ""), ("counts", numbers(1), "3")]
    assert (heard[0].data["status"], heard[0].data["html"], heard[0].data["author"]) == ("removed", None, None)


def test_a_vote_is_heard_of_too(web: WebProcess, audience: Audience) -> None:
    article = make_article()
    comment = make_comment(article)
    reader = audience.add(article.pk, web)
    token = write(web, "POST", "/api/v1/voter", {})["voter"]
    path = f"/api/v1/comments/{comment.pk}/vote"

    def vote() -> None:
        answer = web.request("PUT", path, {"value": 1}, {"X-Afterword-Voter": token})
        assert answer.status == 200, answer.text

    heard = hears(reader, vote)
    assert told(heard) == [("update", comment.pk, ""), ("counts", numbers(1), "2")]
    assert heard[0].data["up"] == 1


def test_nothing_is_heard_of_what_nobody_may_see(web: WebProcess, audience: Audience) -> None:
    article = make_article()
    reader = audience.add(article.pk, web)
    make_comment(article, status="pending", body="secret")
    make_comment(article, status="spam", body="secret")
    assert [each.name for each in hears(reader, lambda: post(article, "public"))] == ["comment", "counts"]


def test_only_the_last_event_of_a_version_has_its_number(web: WebProcess, audience: Audience) -> None:
    article = make_article()
    one, two, three = (make_comment(article, body=str(number)) for number in range(3))
    with transaction.atomic():
        Comment.objects.filter(pk__in=[one.pk, two.pk]).update(author_name="Benjamin")
        commit_change(Change(article, changed=[one.pk, two.pk]))
    post(article, "later", three)
    reader = audience.add(article.pk, web, query="?since=2")
    assert [(name, number) for name, _, number in told(reader.events)] == [
        ("comment", "3"),
        ("update", ""),
        ("update", "4"),
        ("comment", ""),
        ("counts", "5"),
    ]


# The way in


def test_the_first_bytes(web: WebProcess) -> None:
    article = make_article()
    head = ask(web, path_of(article), method="HEAD")
    assert (head.status, head.body, head.header("content-type")) == (200, b"", "text/event-stream")
    with Audience() as audience:
        headers = dict(audience.add(article.pk, web, headers={"Accept-Encoding": "gzip, br"}).answer_headers)
    assert headers["content-type"] == "text/event-stream"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert headers["access-control-allow-origin"] == "*"
    assert not {"set-cookie", "content-encoding", "content-length"} & set(headers)


def test_the_thread_page_names_its_stream(make_web: Callable[..., WebProcess]) -> None:
    article = make_article()
    web = make_web(PUBLIC_URL="https://talk.example")
    assert (
        ask(web, f"/api/v1/thread?article={article.pk}").json()["stream"] == f"https://talk.example{path_of(article)}"
    )
    unknown = f"/api/v1/thread?site={article.site.slug}&url=https://news.example.org/unheard-of"
    assert ask(web, unknown).json()["stream"] is None


def test_what_is_no_stream_is_refused(web: WebProcess) -> None:
    article, hidden = make_article(), make_article(visibility="hidden")
    for target in ("999999", str(hidden.pk), "9" * 18, "9" * 30, "0"):
        answer = ask(web, f"/api/v1/articles/{target}/stream")
        assert (answer.status, answer.json()["code"]) == (404, "not_found"), target
        assert answer.header("access-control-allow-origin") == "*"
    for target in ("-1", "1.5", "x", "%00", "%ff", "1%2Fstream", "\u0661".encode().decode("latin-1")):
        assert ask(web, f"/api/v1/articles/{target}/stream").status in (400, 404), target
    refused = ask(web, path_of(article), method="POST", body=b"{}")
    assert (refused.status, refused.header("allow")) == (405, "GET, HEAD")
    assert ask(web, path_of(article), method="OPTIONS").status == 204
    assert ask(web, path_of(article), [("Host", "elsewhere.example")]).status == 400


JUNK = ("-1", "x", "1.5", "1e3", " 1 2", "9" * 19, "9" * 5_000, "0x10", "\u00b2", "1;2", "null", "\u0663")


def test_a_version_that_is_none_is_refused(web: WebProcess) -> None:
    article = make_article()
    for junk in JUNK:
        escaped = "".join(f"%{byte:02x}" for byte in junk.encode())
        assert ask(web, f"{path_of(article)}?since={escaped}").json()["errors"][0]["field"] == "since"
        spelt = junk.encode().decode("latin-1")
        refused = ask(web, path_of(article), [("Last-Event-ID", spelt)])
        assert (refused.status, refused.json()["errors"][0]["field"]) == (400, "Last-Event-ID")


def test_a_version_of_the_future_means_read_again(web: WebProcess, audience: Audience) -> None:
    article = make_article()
    make_comment(article)
    reader = audience.add(article.pk, web, query="?since=2")
    assert told(reader.events) == [("reset", {"version": 1}, "1")]
    assert told(hears(reader, lambda: post(article, "next")))[-1] == ("counts", numbers(2), "2")


def test_too_many_changes_mean_read_again(web: WebProcess, audience: Audience) -> None:
    article = make_article()
    root = make_comment(article)
    rest: dict[str, Any] = {
        "source": "x",
        "html": "x",
        "text": "x",
        "renderer": 1,
        "status": "approved",
        "changed_version": 1,
    }
    rest["published_at"] = root.created_at
    Comment.objects.bulk_create(
        Comment(site=article.site, article=article, parent=root, root=root, depth=1, **rest) for _ in range(500)
    )
    assert told(audience.add(article.pk, web, query="?since=0").events) == [("reset", {"version": 1}, "1")]


def test_an_unchanged_page_needs_no_event_to_know_where_it_is(web: WebProcess, audience: Audience) -> None:
    article = make_article()
    make_comment(article)
    for _ in range(2):  # from the database, then from what the first reader was told
        reader = audience.add(article.pk, web, query="?since=1")
        assert (reader.events, reader.last_id) == ([], "1")
        assert told(audience.add(article.pk, web).events) == [("counts", numbers(1), "1")]


# Resuming


def test_resuming_loses_nothing_and_repeats_nothing(pair: Pair, audience: Audience) -> None:
    """Readers who lose their connection again and again, at two processes, while eight people write."""
    article = make_article()
    chance = random.Random(DRILL_SEED)
    readers = [audience.add(article.pk, *pair, is_hasty=True) for _ in range(12)]

    def write_some(person: int) -> list[int]:
        made = []
        for number in range(12):
            body = {"article": article.pk, "body": f"{person}.{number}", "author": {"name": f"P{person}"}}
            # However fast the machine is, connections are lost between two words.
            time.sleep(0.15)
            made.append(write(pair[person % 2], "POST", "/api/v1/comments", body)["id"])
        return made

    with ThreadPoolExecutor(8) as people:
        writing = [people.submit(write_some, person) for person in range(8)]
        while not all(each.done() for each in writing):
            audience.drop(chance.choice(readers))
            time.sleep(chance.uniform(0, 0.1))
        expected = sorted(number for each in writing for number in each.result())
    audience.all(lambda reader: reader.last_id == "96", "everybody to hear everything")
    for reader in readers:
        assert sorted(reader.ids("comment")) == expected
        assert not reader.of("update", "remove", "reset")
        versions = [int(event.id) for event in reader.events if event.id]
        assert versions == sorted(versions)
        assert reader.of("counts")[-1].data == numbers(96)
    assert sum(reader.connections for reader in readers) > 20


# What goes wrong


def test_without_the_broker_changes_are_heard_all_the_same(pair: Pair, audience: Audience, servers: Servers) -> None:
    article = make_article()
    readers = [audience.add(article.pk, web) for web in pair]
    servers.stop_valkey()
    try:
        made = post(article, "unheard of by the broker")
        audience.all(lambda reader: reader.ids("comment") == [made.pk], "the comment")
    finally:
        servers.start_valkey()
    later = post(article, "with the broker back")
    audience.all(lambda reader: reader.ids("comment") == [made.pk, later.pk], "the next one")
    assert [reader.connections for reader in readers] == [1, 1]


@pytest.fixture
def shut() -> Iterator[Callable[[], None]]:
    """Return a function that keeps everybody else out of the test's database, until it is called again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), current_database()")
        ours, name = cursor.fetchone()
    is_shut = False

    def turn() -> None:
        nonlocal is_shut
        is_shut = not is_shut
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as elsewhere:
            elsewhere.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {"false" if is_shut else "true"}')
            if is_shut:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
                elsewhere.execute(others, [name, ours])

    yield turn
    if is_shut:
        turn()


def test_a_database_that_is_away_ends_no_stream(web: WebProcess, audience: Audience, shut: Callable[[], None]) -> None:
    article = make_article()
    reader = audience.add(article.pk, web)
    shut()
    made = post(article, "while nobody could read")
    refused = ask(web, path_of(article), [("Last-Event-ID", "0")])
    assert (refused.status, refused.header("retry-after")) == (503, "5")
    assert reader.is_open
    shut()
    wait_until(lambda: reader.ids("comment") == [made.pk], "the comment, once the database is back")
    assert reader.connections == 1


def test_a_reader_who_takes_nothing_is_let_go_and_resumes(web: WebProcess, audience: Audience) -> None:
    article = make_article()
    slow = audience.add(article.pk, web, buffer=4096, is_hasty=True)
    quick = audience.add(article.pk, web)
    slow.is_reading = False
    made: list[int] = []
    for _ in range(9):
        made.extend([post(article, f"{len(made) + number} {'&' * 9_900}").pk for number in range(20)])
        wait_until(lambda: sorted(quick.ids("comment")) == sorted(made), "the quick reader to hear everything")
    memory = web.memory()
    slow.is_reading = True
    wait_until(lambda: slow.ids("comment") == made, "the slow reader to hear everything, each once")
    assert slow.connections == 2
    assert slow.ends == 0
    assert memory < 250 * 1024 * 1024


def test_a_hidden_article_ends_its_streams(web: WebProcess, audience: Audience) -> None:
    article, gone = make_article(), make_article()
    readers = [audience.add(each.pk, web, is_hasty=True) for each in (article, gone)]
    with transaction.atomic():
        Article.objects.filter(pk=article.pk).update(visibility="hidden")
        article.refresh_from_db()
        tell_changed(article)
    delete_article(gone.site, gone.pk)
    audience.all(lambda reader: reader.status == 404, "both to be refused when they come back")
    for reader in readers:
        assert told(reader.events)[-1] == ("reset", {"version": None}, "")
        assert reader.ends == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_streams_do_not_keep_a_process_from_ending(web: WebProcess, audience: Audience, number: signal.Signals) -> None:
    articles = [make_article() for _ in range(3)]
    for _ in range(ENDINGS):
        there = [audience.add(article.pk, web, wait=False) for article in articles * 20]
        wait_until(lambda: all(reader.last_id for reader in there), "all to be there")  # noqa: B023
        there[0].is_reading = False
        said = len(web.output())
        assert web.stop(number) == 0
        wait_until(lambda: all(reader.ends == 1 for reader in there[1:]), "every stream to end whole")  # noqa: B023
        if "refused to gracefully stop" not in web.output()[said:]:
            return
        web.start()
    raise AssertionError(f"the process had to be killed {ENDINGS} times")


def test_there_is_room_for_so_many(make_web: Callable[..., WebProcess], audience: Audience) -> None:
    article = make_article()
    web = make_web(RATE_LIMITS="on", STREAMS="3", STREAMS_PER_CLIENT="1", TRUSTED_PROXIES="127.0.0.1")

    def come(client: str) -> Listener:
        return audience.add(article.pk, web, headers={"X-Forwarded-For": client})

    first = come("9.9.9.9")
    assert first.status == 200
    assert come("9.9.9.9").status == 429
    assert [come("2620:fe::1").status, come("2620:fe::2").status] == [200, 429]
    assert come("192.168.1.7").status == 200
    full = come("192.168.1.7")
    assert full.status == 503
    assert ("retry-after", "5") in full.answer_headers
    audience.drop(first)
    wait_until(lambda: come("192.168.1.7").status == 200, "the room of the one who left")


def test_a_site_without_streams(make_web: Callable[..., WebProcess]) -> None:
    article = make_article(make_site("quiet"))
    assert ask(make_web(STREAMS="0"), path_of(article)).status == 503
