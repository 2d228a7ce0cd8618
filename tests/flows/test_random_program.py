"""A random program of writes and reads at two web processes, against what Django reads afresh a second later."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from articles.models import Article, Site
from comments.models import Comment
from tests.conftest import DRILL_SEED
from tests.factories import make_api_key, make_article, make_comment, make_site
from tests.processes import WebProcess
from tests.servers import Servers
from tests.webs import Pair, ask, write

pytestmark = pytest.mark.live

SECOND = 1.0
STEPS = 25
ROUNDS = 40


class Program:
    """Writes of every kind on a few threads of one site, each at one of two processes, between reads at both."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.random = random.Random(seed)
        self.pair = pair
        self.site = make_site()
        self.key = make_api_key(self.site)
        self.articles = [make_article(self.site, identifier=f"story-{number}") for number in range(3)]
        for article in self.articles:
            make_comment(article)
        self.posted = 0
        self.voter = write(pair[0], "POST", "/api/v1/voter", {})["voter"]
        # The highest version that each process has told of each thread.
        self.seen: dict[tuple[int, int], int] = {}

    def step(self) -> None:
        deeds: list[Callable[[WebProcess, Article], None]] = [self.post, self.reply, self.decide, self.pin, self.vote]
        article = self.random.choice(self.articles)
        weights = [5, 5, 4, 2, 4, 1, 1, 8]
        deed = self.random.choices([*deeds, self.put, self.hide, self.read], weights)[0]
        deed(self.random.choice(self.pair), article)

    def some_comment(self, article: Article) -> Comment:
        return self.random.choice(list(article.comments.order_by("pk")))

    def post(self, web: WebProcess, article: Article, parent: int | None = None) -> None:
        self.posted += 1
        body = {"article": article.pk, "parent": parent, "body": f"Word {self.posted}.", "author": {"name": "Dora"}}
        answer = web.request("POST", "/api/v1/comments", body)
        # A hidden article takes none, and a comment that is not public no reply.
        assert answer.status in {201, 400, 403, 404}, answer.text

    def reply(self, web: WebProcess, article: Article) -> None:
        self.post(web, article, self.some_comment(article).pk)

    def decide(self, web: WebProcess, article: Article) -> None:
        path = f"/api/v1/moderation/comments/{self.some_comment(article).pk}/decision"
        status = self.random.choice(["approved", "approved", "rejected", "spam", "removed"])
        write(web, "POST", path, {"status": status}, self.key)

    def pin(self, web: WebProcess, article: Article) -> None:
        path = f"/api/v1/moderation/comments/{self.some_comment(article).pk}/pin"
        answer = web.request(
            "POST", path, {"pinned": self.random.random() < 0.6}, {"Authorization": f"Bearer {self.key}"}
        )
        assert answer.status in {200, 409}, answer.text

    def vote(self, web: WebProcess, article: Article) -> None:
        path, value = f"/api/v1/comments/{self.some_comment(article).pk}/vote", self.random.choice([1, 0, -1])
        answer = web.request("PUT", path, {"value": value}, {"X-Afterword-Voter": self.voter})
        assert answer.status in {200, 403, 404, 409}, answer.text

    def put(self, web: WebProcess, article: Article) -> None:
        title = f"Title {self.random.random()}"
        self._put(web, article, title=title, comments_open=self.random.random() < 0.8)

    def hide(self, web: WebProcess, article: Article) -> None:
        self._put(web, article, published_at=self.random.choice([None, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]))

    def _put(self, web: WebProcess, article: Article, **fields: Any) -> None:
        body = {"site": self.site.slug, "identifier": article.identifier, **fields}
        write(web, "PUT", "/api/v1/articles", body, self.key)

    def read(self, web: WebProcess, article: Article) -> None:
        answer = ask(web, f"/api/v1/thread?article={article.pk}")
        assert answer.status in {200, 404}
        if answer.status == 200:
            place = (self.pair.index(web), article.pk)
            assert answer.json()["version"] >= self.seen.get(place, 0)
            self.seen[place] = answer.json()["version"]

    def targets(self) -> list[str]:
        found = [f"/api/v1/recent?site={self.site.slug}"]
        for article in self.articles:
            of_url = f"site={self.site.slug}&url={quote(article.url, safe='')}"
            found += [f"/api/v1/thread?article={article.pk}&sort={sort}&limit=3" for sort in Site.Sort.values]
            found += [f"/api/v1/thread?{of_url}", f"/api/v1/counts?{of_url}"]
            found.append(f"/api/v1/thread/changes?article={article.pk}&since=1")
            ids = sorted(article.comments.values_list("pk", flat=True))
            for comment in self.random.sample(ids, min(4, len(ids))):
                found += [f"/api/v1/comments/{comment}", f"/api/v1/comments/{comment}/replies"]
        return found

    def check(self) -> None:
        """Whoever asks a second after the last write is told what Django tells, which keeps nothing."""
        targets = self.targets()
        for web in self.pair:
            for target in targets:
                ask(web, target)
        # Each thread moves once more, under answers that both have just given, at one that the other must hear of.
        for article in self.articles:
            self._put(self.random.choice(self.pair), article, title=f"Last {self.random.random()}")
        time.sleep(SECOND)
        client = Client()
        wrong = []
        for target in targets:
            plain = client.get(target)
            expected = (plain.status_code, plain.content)
            answers = [ask(web, target) for web in self.pair]
            wrong += [(target, web) for web in (0, 1) if (answers[web].status, answers[web].plain) != expected]
        assert wrong == []


def test_a_random_program_ends_in_what_django_reads(pair: Pair) -> None:
    program = Program(pair, DRILL_SEED)
    for _ in range(2):
        for _ in range(2 * STEPS):
            program.step()
        program.check()


@pytest.mark.drill
def test_it_does_so_through_lost_brokers_and_killed_processes(pair: Pair, servers: Servers, drill_scale: float) -> None:
    program = Program(pair, DRILL_SEED + 1)
    faults = program.random
    try:
        for _ in range(max(3, int(ROUNDS * drill_scale))):
            for step in range(STEPS):
                if step == STEPS // 2:
                    _break_something(faults.choice(["stop", "start", "flush", "kill"]), servers, faults.choice(pair))
                program.step()
            program.check()
    finally:
        servers.start_valkey()


def _break_something(what: str, servers: Servers, web: WebProcess) -> None:
    if what == "stop":
        servers.stop_valkey()
    elif what == "kill":
        web.kill()
        web.start()
    else:
        servers.start_valkey()
        if what == "flush":
            import redis

            with redis.Redis.from_url(servers.valkey.url) as client:
                client.flushall()
