"""Every process tells what is so within one second, whoever changed it, with the broker and without it."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from articles.models import Article, ArticleKey, Site
from articles.services.sites import note_settings_change
from comments.models import Comment
from tests.comments.exports import BLOG, import_text, wp_comment, wp_item, wxr
from tests.factories import make_api_key, make_article, make_comment, make_site
from tests.processes import WebProcess
from tests.servers import Servers
from tests.webs import Pair, ask, write

pytestmark = pytest.mark.live

# What an origin may be behind (contract 3).
SECOND = 1.0
_words = count(1)


@dataclass
class World:
    """A site with a key; each case makes pages of its own."""

    site: Site = field(default_factory=make_site)
    key: str = ""

    def __post_init__(self) -> None:
        self.key = make_api_key(self.site)

    def page(self, **fields: Any) -> Article:
        return make_article(self.site, **fields)


@dataclass
class Case:
    """One kind of change: which answer shows it, what must stand in it before and afterwards, and how it is made."""

    name: str
    target: str
    before: Callable[[Any], bool]
    after: Callable[[Any], bool]
    change: Callable[[WebProcess], Any]


def of_url(article: Article) -> str:
    return f"/api/v1/thread?site={article.site.slug}&url={quote(article.url, safe='')}"


def of_id(article: Article) -> str:
    return f"/api/v1/thread?article={article.pk}"


def texts(data: Any) -> list[str]:
    return [comment["html"].strip() for comment in data["comments"]]


def posted(world: World) -> Case:
    article = world.page()
    make_comment(article)
    body = {"article": article.pk, "body": "A new thought.", "author": {"name": "Dora"}}
    return Case(
        "a comment is posted",
        of_url(article),
        lambda data: len(texts(data)) == 1,
        lambda data: len(texts(data)) == 2,
        lambda web: write(web, "POST", "/api/v1/comments", body),
    )


def first_posted(world: World) -> Case:
    """The page was unknown: it has no row and no version before."""
    url = f"https://news.example.org/unheard-of/{next(_words)}"
    body = {"site": world.site.slug, "url": url, "body": "The very first.", "author": {"name": "Dora"}}
    return Case(
        "the first comment of a page",
        f"/api/v1/thread?site={world.site.slug}&url={quote(url, safe='')}",
        lambda data: data["version"] == 0 and texts(data) == [],
        lambda data: data["version"] == 1 and len(texts(data)) == 1,
        lambda web: write(web, "POST", "/api/v1/comments", body),
    )


def decided(world: World, status: str) -> Case:
    article = world.page()
    comment = make_comment(article)
    path = f"/api/v1/moderation/comments/{comment.pk}/decision"
    return Case(
        f"a comment is {status}",
        of_id(article),
        lambda data: len(texts(data)) == 1,
        lambda data: texts(data) == [] and data["article"]["counts"]["total"] == 0,
        lambda web: write(web, "POST", path, {"status": status}, world.key),
    )


def approved(world: World) -> Case:
    article = world.page()
    comment = make_comment(article, status="pending")
    path = f"/api/v1/moderation/comments/{comment.pk}/decision"
    return Case(
        "a held comment is approved",
        of_id(article),
        lambda data: texts(data) == [],
        lambda data: len(texts(data)) == 1,
        lambda web: write(web, "POST", path, {"status": "approved"}, world.key),
    )


def pinned(world: World) -> Case:
    article = world.page()
    oldest = make_comment(article)
    make_comment(article)
    path = f"/api/v1/moderation/comments/{oldest.pk}/pin"
    return Case(
        "a comment is pinned",
        of_id(article),
        lambda data: not any(comment["pinned"] for comment in data["comments"]),
        lambda data: data["comments"][0]["id"] == oldest.pk and data["comments"][0]["pinned"],
        lambda web: write(web, "POST", path, {"pinned": True}, world.key),
    )


def put(world: World, name: str, fields: dict[str, Any], after: Callable[[Any], bool]) -> Case:
    article = world.page(title="Before")
    make_comment(article)
    body = {"site": world.site.slug, "url": article.url, "title": "Before", **fields}
    return Case(
        name,
        of_url(article),
        lambda data: data["article"]["title"] == "Before" and len(texts(data)) == 1,
        after,
        lambda web: write(web, "PUT", "/api/v1/articles", body, world.key),
    )


def deleted(world: World) -> Case:
    article = world.page()
    make_comment(article)
    return Case(
        "an article is deleted",
        of_url(article),
        lambda data: len(texts(data)) == 1,
        lambda data: texts(data) == [],
        lambda web: write(web, "DELETE", f"/api/v1/articles/{article.pk}", None, world.key),
    )


def moved(world: World) -> Case:
    """A reader's write registered the address; then the publisher says whose it is."""
    registered = world.page()
    ArticleKey.objects.filter(article=registered).update(given_by=ArticleKey.GivenBy.READER)
    make_comment(registered, body="Of the page that was.")
    named = world.page(url="", identifier=f"story-{next(_words)}")
    make_comment(named, body="Of the page that is.")
    body = {"site": world.site.slug, "identifier": named.identifier, "url": registered.url, "title": "Named"}
    return Case(
        "an address moves to another article",
        of_url(registered),
        lambda data: data["article"]["id"] == registered.pk,
        lambda data: data["article"]["id"] == named.pk and texts(data) == ["<p>Of the page that is.</p>"],
        lambda web: write(web, "PUT", "/api/v1/articles", body, world.key),
    )


def named(world: World) -> Case:
    """Asked for by a known address and an unknown identifier; then the identifier gets an article of its own."""
    article = world.page()
    make_comment(article)
    identifier = f"name-{next(_words)}"
    body = {"site": world.site.slug, "identifier": identifier, "title": "Of that name"}
    return Case(
        "an identifier becomes known",
        f"{of_url(article)}&identifier={identifier}",
        lambda data: data["article"]["id"] == article.pk,
        lambda data: data["article"]["title"] == "Of that name" and texts(data) == [],
        lambda web: write(web, "PUT", "/api/v1/articles", body, world.key),
    )


def imported(world: World) -> Case:
    site = make_site(origins=("blog.example.org",))
    article = make_article(site, url=f"{BLOG}/one/")
    make_comment(article)
    return Case(
        "an import",
        of_url(article),
        lambda data: len(texts(data)) == 1,
        lambda data: "<p>From elsewhere.</p>" in texts(data),
        lambda web: bring_in(site, wxr(wp_item(wp_comment(1, "From elsewhere.")))),
    )


def bring_in(site: Site, export: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        import_text(Path(folder), export, site)


def sorted_otherwise(world: World) -> Case:
    """A site of its own: its version moves the pages of all its threads."""
    site = make_site(default_sort="newest")
    article = make_article(site)
    first, second = make_comment(article), make_comment(article)

    def change(web: WebProcess) -> None:
        Site.objects.filter(pk=site.pk).update(default_sort="oldest")
        note_settings_change(site)

    return Case(
        "a setting of the site",
        of_id(article),
        lambda data: [comment["id"] for comment in data["comments"]] == [second.pk, first.pk],
        lambda data: [comment["id"] for comment in data["comments"]] == [first.pk, second.pk],
        change,
    )


def voted(world: World) -> Case:
    article = world.page()
    comment = make_comment(article)

    def change(web: WebProcess) -> None:
        voter = write(web, "POST", "/api/v1/voter", {})["voter"]
        answer = web.request("PUT", f"/api/v1/comments/{comment.pk}/vote", {"value": 1}, {"X-Afterword-Voter": voter})
        assert answer.status == 200, answer.text

    return Case(
        "a vote",
        of_id(article),
        lambda data: data["comments"][0]["up"] == 0,
        lambda data: data["comments"][0]["up"] == 1,
        change,
    )


def counted(world: World) -> Case:
    article = world.page()
    comment = make_comment(article)
    path = f"/api/v1/moderation/comments/{comment.pk}/decision"
    return Case(
        "a number of comments",
        f"/api/v1/counts?site={world.site.slug}&url={quote(article.url, safe='')}",
        lambda data: data["counts"][0]["total"] == 1,
        lambda data: data["counts"][0]["total"] == 0,
        lambda web: write(web, "POST", path, {"status": "spam"}, world.key),
    )


def listed(world: World) -> Case:
    site = make_site()
    article = make_article(site)
    comment = make_comment(article)
    key = make_api_key(site)
    path = f"/api/v1/moderation/comments/{comment.pk}/decision"
    return Case(
        "the latest comments of a site",
        f"/api/v1/recent?site={site.slug}",
        lambda data: len(data["comments"]) == 1,
        lambda data: data["comments"] == [],
        lambda web: write(web, "POST", path, {"status": "removed"}, key),
    )


def answered(world: World, name: str) -> Case:
    """A reply changes its parent's permalink and the list of its replies."""
    article = world.page()
    comment = make_comment(article)
    body = {"article": article.pk, "parent": comment.pk, "body": "A reply.", "author": {"name": "Dora"}}
    of_comment = f"/api/v1/comments/{comment.pk}"
    return Case(
        f"a reply, in {name}",
        f"{of_comment}/replies" if name == "replies" else of_comment,
        lambda data: "A reply." not in str(data),
        lambda data: "A reply." in str(data),
        lambda web: write(web, "POST", "/api/v1/comments", body),
    )


def told(world: World) -> Case:
    article = world.page()
    make_comment(article)
    body = {"article": article.pk, "body": "One more.", "author": {"name": "Dora"}}
    return Case(
        "changes since a version",
        f"/api/v1/thread/changes?article={article.pk}&since=1",
        lambda data: data["added"] == [],
        lambda data: len(data["added"]) == 1,
        lambda web: write(web, "POST", "/api/v1/comments", body),
    )


def all_cases(world: World) -> list[Case]:
    return [
        posted(world),
        first_posted(world),
        *(decided(world, status) for status in ("rejected", "spam", "removed")),
        approved(world),
        pinned(world),
        put(world, "a new title", {"title": "After"}, lambda data: data["article"]["title"] == "After"),
        put(world, "comments are closed", {"comments_open": False}, lambda data: not data["article"]["comments_open"]),
        put(world, "an article is hidden", {"published_at": None}, lambda data: texts(data) == []),
        put(world, "an article is put off", {"published_at": "2099-01-01T00:00:00Z"}, lambda data: texts(data) == []),
        deleted(world),
        moved(world),
        named(world),
        imported(world),
        sorted_otherwise(world),
        voted(world),
        counted(world),
        listed(world),
        answered(world, "permalink"),
        answered(world, "replies"),
        told(world),
    ]


@contextmanager
def readers(pair: Pair, targets: list[str]) -> Iterator[None]:
    """Keep asking both for all of it, so that each change meets an answer that was checked a moment ago."""
    done = threading.Event()
    faults: list[str] = []

    def read(web: WebProcess) -> None:
        while not done.is_set():
            for target in targets:
                if (status := ask(web, target).status) >= 500:
                    faults.append(f"{status} {target}")

    threads = [threading.Thread(target=read, args=(web,)) for web in pair]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert faults == []


def check_within_a_second(pair: Pair, cases: list[Case]) -> None:
    """Make every change; whoever asks a second after it was answered must see it, at either process."""
    for case in cases:
        for web in pair:
            assert case.before(ask(web, case.target).json()), case.name
    with readers(pair, [case.target for case in cases]):
        made = []
        for number, case in enumerate(cases):
            case.change(pair[number % 2])
            made.append(time.monotonic())
        wrong = []
        for case, made_at in zip(cases, made, strict=True):
            time.sleep(max(0.0, made_at + SECOND - time.monotonic()))
            answers = [ask(web, case.target) for web in pair]
            wrong += [(case.name, number) for number, answer in enumerate(answers) if not case.after(answer.json())]
    assert wrong == []


def test_within_a_second_every_process_tells_what_is_so(pair: Pair) -> None:
    check_within_a_second(pair, all_cases(World()))


def test_without_the_broker_too(pair: Pair, servers: Servers) -> None:
    servers.stop_valkey()
    try:
        check_within_a_second(pair, all_cases(World()))
    finally:
        servers.start_valkey()


def test_a_broker_that_came_back_is_heard_again(pair: Pair, servers: Servers) -> None:
    servers.stop_valkey()
    servers.start_valkey()
    check_within_a_second(pair, all_cases(World()))


def test_her_own_write_is_shown_at_once_at_every_process(pair: Pair) -> None:
    article = make_article()
    make_comment(article)
    for web in pair:
        assert ask(web, of_id(article)).status == 200
    for number in range(20):
        here, there = pair if number % 2 else pair[::-1]
        body = {"article": article.pk, "body": f"Thought {number}.", "author": {"name": "Dora"}}
        version = write(here, "POST", "/api/v1/comments", body)["version"]
        for web in (there, here):
            answer = ask(web, f"{of_id(article)}&at_least={version}")
            assert answer.json()["version"] >= version
            assert f"<p>Thought {number}.</p>" in texts(answer.json())
            assert answer.header("cache-control") == "public, max-age=0, s-maxage=1, must-revalidate"


def test_a_version_that_is_still_to_come_gets_the_page_of_now_and_is_kept_by_nobody(pair: Pair) -> None:
    article = make_article()
    make_comment(article)
    plain = ask(pair[0], of_id(article)).json()
    for at_least in (2, 10**6, 2**63 - 1):
        answer = ask(pair[0], f"{of_id(article)}&at_least={at_least}")
        assert (answer.status, answer.header("cache-control"), answer.json()) == (200, "no-store", plain)
    # The version is reached by a later write, and then it is an answer as any other.
    comment = make_comment(article)
    answer = ask(pair[0], f"{of_id(article)}&at_least=2")
    assert answer.json()["comments"][0]["id"] == comment.pk
    assert answer.header("cache-control") != "no-store"


def test_a_version_that_makes_no_sense_is_refused_as_ever(pair: Pair) -> None:
    article = make_article()
    make_comment(article)
    ask(pair[0], of_id(article))
    for at_least in ("-1", "x", "1.0", "9" * 30, "%31x", "0x1", "٣"):
        answer = ask(pair[0], f"{of_id(article)}&at_least={quote(at_least)}")
        assert (answer.status, answer.json()["code"]) == (400, "validation_failed"), at_least
    assert ask(pair[0], f"{of_id(article)}&at_least=").status == 400


def test_a_whole_branch_that_goes_is_gone_everywhere(pair: Pair) -> None:
    """A removed comment with replies stays as a tombstone, without its words."""
    site = make_site()
    article, key = make_article(site), make_api_key(site)
    parent = make_comment(article, body="Words to be taken back.")
    reply = make_comment(article, parent, body="I have read them.")
    targets = [of_id(article), f"/api/v1/comments/{parent.pk}", f"/api/v1/comments/{reply.pk}"]
    for web in pair:
        assert all("taken back" in ask(web, target).text for target in targets)
    write(pair[0], "POST", f"/api/v1/moderation/comments/{parent.pk}/decision", {"status": "removed"}, key)
    time.sleep(SECOND)
    for web in pair:
        assert not any("taken back" in ask(web, target).text for target in targets)
        assert ask(web, of_id(article)).json()["comments"][0]["status"] == Comment.Status.REMOVED
