"""Whatever dies while comments come in: what was accepted is there once, and every counter is exact."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from articles.models import Article, IdempotencyRecord, Site
from comments.models import Comment, Vote
from comments.voters import voter_key
from project.embedded.running import read_record
from project.embedded.supervisor import TOO_OFTEN
from project.embedded.system import clean_up_after
from tests.comments.invariants import check_site
from tests.conftest import DRILL_SEED
from tests.factories import make_article, make_site
from tests.processes import LiveService, WebProcess, kill_group, wait_until
from tests.servers import Servers
from tests.writers import Writers

pytestmark = [pytest.mark.live, pytest.mark.drill, pytest.mark.timeout(3_600)]

KILLS, POSTS = 200, 10_000
RESTARTS = 40
WITHOUT_BROKER = 2_000


@pytest.fixture
def articles() -> list[Article]:
    site = make_site(votes_per_network=0)
    return [make_article(site) for _ in range(3)]


def expect_what_was_told(writers: Writers, site: Site) -> None:
    """The tables say what the journal says, and each counter what the rows say."""
    assert dict(Comment.objects.filter(site=site).values_list("id", "source")) == writers.comments
    assert IdempotencyRecord.objects.filter(site=site).count() == len(writers.comments)
    told = {(comment, voter_key(site.pk, voter)): value for (comment, voter), value in writers.votes.items()}
    cast = Vote.objects.filter(site=site).values_list("comment_id", "voter_key", "value")
    assert {(comment, voter): value for comment, voter, value in cast} == told
    check_site(site)


def test_killed_processes_lose_and_double_nothing(
    make_web: Callable[..., WebProcess], articles: list[Article], drill_scale: float
) -> None:
    """kill -9 of the web server or of the application at any moment, 200 times in 10,000 posts."""
    web = make_web(RATE_LIMITS="off")
    writers = Writers(web, [article.pk for article in articles], DRILL_SEED)
    draw, kills = random.Random(DRILL_SEED), int(KILLS * drill_scale)
    with writers.at_work():
        for _ in range(kills):
            time.sleep(draw.uniform(0, 0.4))
            if draw.random() < 0.5:
                kill_group(web.application)
                web.start_application()
            else:
                kill_group(web.process)
                web.start_front()
            wait_until(lambda: _posts(writers), "a comment to be taken again", 60)
        writers.wait_for(int(POSTS * drill_scale), 3_000)
    assert writers.attempts > len(writers.comments) + len(writers.votes)
    expect_what_was_told(writers, articles[0].site)
    assert "Traceback" not in web.output()


def _posts(writers: Writers) -> bool:
    """Say whether a comment has been taken since the service was last known to be away."""
    before = len(writers.comments)
    time.sleep(0.1)
    return len(writers.comments) > before


def test_without_the_broker_nothing_is_lost(
    make_web: Callable[..., WebProcess], articles: list[Article], servers: Servers, drill_scale: float
) -> None:
    """Valkey is stopped for the whole run."""
    servers.stop_valkey()
    try:
        web = make_web(RATE_LIMITS="off")
        writers = Writers(web, [article.pk for article in articles], DRILL_SEED)
        with writers.at_work():
            writers.wait_for(int(WITHOUT_BROKER * drill_scale), 1_200)
        expect_what_was_told(writers, articles[0].site)
    finally:
        servers.start_valkey()


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[LiveService]:
    """A whole service with a PostgreSQL that this test may ruin."""
    service = LiveService(tmp_path / "data", environment={"RATE_LIMITS": "off"})
    try:
        service.start()
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.stop()
        clean_up_after(service.data_dir)


REPORT = """
import json
from articles.models import Site
from comments.models import Comment, Vote
from tests.comments.invariants import check_site
site = Site.objects.get(slug="press")
check_site(site)
print(json.dumps([dict(Comment.objects.values_list("id", "source")), Vote.objects.count()]))
"""


def test_a_database_that_breaks_down_keeps_what_it_took(own_service: LiveService, drill_scale: float) -> None:
    """PostgreSQL is stopped as by `-m immediate` under load, recovers from its log, and nothing accepted is missing.

    `up` gives up on a child that ends too often, and is started again before that: clients wait for it, too.
    """
    own_service.manage("create_site", "The Press", "--slug", "press", "--origin", own_service.base)
    own_service.manage("shell", "-c", "from articles.models import Site; Site.objects.update(votes_per_network=0)")
    first = own_service.request(
        "POST",
        "/api/v1/comments",
        {"site": "press", "url": f"{own_service.base}/story", "body": "First.", "author": {"name": "Ada"}},
    ).json()
    thread = own_service.get(f"/api/v1/thread?site=press&url={own_service.base}/story").json()
    article = thread["article"]["id"]
    writers = Writers(own_service, [article], DRILL_SEED)
    draw = random.Random(DRILL_SEED)
    with writers.at_work():
        for number in range(int(RESTARTS * drill_scale)):
            if number and number % (TOO_OFTEN - 1) == 0:
                own_service.stop()
                own_service.log.unlink()
                own_service.start()
            time.sleep(draw.uniform(0, 0.5))
            before = _postgresql(own_service)
            os.kill(before, signal.SIGQUIT)
            wait_until(lambda: _postgresql(own_service) not in (0, before), "PostgreSQL to be started again", 60)  # noqa: B023
            wait_until(lambda: _posts(writers), "a comment to be taken again", 90)
    comments, votes = json.loads(own_service.manage("shell", "--verbosity", "0", "-c", REPORT).stdout.splitlines()[-1])
    assert {int(number): body for number, body in comments.items()} == {first["id"]: "First.", **writers.comments}
    assert votes == len(writers.votes)


def _postgresql(service: LiveService) -> int:
    record = read_record(service.data_dir)
    assert record is not None
    return next((child.identity.pid for child in record.children if child.name == "postgresql"), 0)
