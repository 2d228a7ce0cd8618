"""An import that is killed at any moment and run again ends as one that was left in peace."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from articles.models import Article, ArticleKey, Site
from comments.models import Comment, ExternalRef
from comments.services.intake_identity import COMMENTS_A_BATCH
from tests.comments.exports import disqus, dsq_post, dsq_thread, wp_comment, wp_item, wxr
from tests.comments.invariants import check_site
from tests.conftest import DRILL_SEED
from tests.factories import make_site
from tests.processes import MANAGE, ROOT, end, wait_until

pytestmark = [pytest.mark.live, pytest.mark.drill, pytest.mark.timeout(3_600)]

ROUNDS = 20
ARTICLES, COMMENTS = 60, 100


@pytest.fixture
def exports(tmp_path: Path) -> list[Path]:
    """A blog's export, and that of the forum which took over most of its comments: two batches and a half each."""
    assert ARTICLES * COMMENTS > COMMENTS_A_BATCH
    draw = random.Random(DRILL_SEED)
    items, posts = [], []
    for article in range(1, ARTICLES + 1):
        own = [article * 1_000 + number for number in range(COMMENTS)]
        items.append(wp_item(*(_comment(draw, number, own) for number in own), path=f"/{article}/", post_id=article))
        for number in own:
            known = {"id": f"wp_id={number}"} if draw.random() < 0.8 else {}
            posts.append(dsq_post(number + 10**6, article, f"<p>Post {number}.</p>", **known, **_answers(draw, own)))
    threads = [dsq_thread(article, f"/{article}/") for article in range(1, ARTICLES + 1)]
    draw.shuffle(posts)
    blog, forum = tmp_path / "blog.xml", tmp_path / "forum.xml"
    blog.write_text(wxr(*items), encoding="utf-8")
    forum.write_text(disqus(*threads, *posts), encoding="utf-8")
    return [blog, forum]


def _comment(draw: random.Random, number: int, own: list[int]) -> str:
    # Some answer what comes later, some themselves, some nobody, some in circles.
    parent = draw.choice([0, draw.choice(own), draw.choice(own), 999])
    return wp_comment(number, f"Comment {number}.", parent=parent, approved=draw.choice([1, 1, 1, 0, "spam", "trash"]))


def _answers(draw: random.Random, own: list[int]) -> dict[str, Any]:
    return {"parent": draw.choice(own) + 10**6} if draw.random() < 0.6 else {}


def start(path: Path, site: Site, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [*MANAGE, "import_comments", str(path), "--site", site.slug]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def everything(site: Site) -> list[Counter[tuple[Any, ...]]]:
    """All that the imports wrote, told without the ids of this database."""
    articles = dict(Article.objects.filter(site=site).values_list("id", "url"))
    names: dict[int, list[tuple[str, str, str]]] = {}
    for comment, *name in ExternalRef.objects.filter(site=site).values_list(
        "comment", "provider", "source", "external_id", "content_hash"
    ):
        name[1] = name[1] if not name[1].startswith("article:") else articles[int(name[1].removeprefix("article:"))]
        names.setdefault(comment, []).append(tuple(name))  # type: ignore[arg-type]
    known = {comment: tuple(sorted(found)) for comment, found in names.items()}
    fields = ("html", "status", "created_at", "provider", "depth", "reply_count", "shown_replies", "author_name")
    comments = Comment.objects.filter(site=site).values_list("id", "parent_id", "root_id", "article_id", *fields)
    keys = ArticleKey.objects.filter(site=site).values_list("article_id", "kind", "key")
    return [
        Counter((known[own], known.get(parent), known[root], articles[article], *rest)
                for own, parent, root, article, *rest in comments),
        Counter((articles[article], *rest) for article, *rest in keys),
        Counter(Article.objects.filter(site=site).values_list("url", "title", "visibility", "published_at")),
    ]  # fmt: skip


def test_killed_imports_are_completed_by_running_them_again(
    exports: list[Path], beside: dict[str, str], drill_scale: float
) -> None:
    clean = make_site()
    began = time.monotonic()
    for path in exports:
        assert start(path, clean, beside).wait(300) == 0
    each = (time.monotonic() - began) / 2
    check_site(clean)
    expected = everything(clean)
    draw, halves = random.Random(DRILL_SEED), 0
    for _ in range(max(1, int(ROUNDS * drill_scale))):
        site = make_site()
        for path in exports:
            before = Comment.objects.filter(site=site).count()
            # Once after a batch is written, once at any moment.
            running = start(path, site, beside)
            wait_until(
                lambda: running.poll() is not None or Comment.objects.filter(site=site).count() > before,  # noqa: B023
                "a batch or the end",
                300,
            )
            time.sleep(draw.uniform(0, each / 10))
            halves += _killed(running)
            running = start(path, site, beside)
            time.sleep(draw.uniform(0, each))
            _killed(running)
            assert start(path, site, beside).wait(300) == 0
        assert everything(site) == expected
        check_site(site)
    assert halves, "every import was over before it was killed"


def _killed(running: subprocess.Popen[bytes]) -> bool:
    """kill -9; False where it had ended by itself."""
    if running.poll() is not None:
        return False
    end(running, signal.SIGKILL)
    return True
