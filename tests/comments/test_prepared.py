"""Statements that a connection keeps: planned once, the same answers as before, and none where nobody may keep any."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from articles.models import Article, Site
from comments.models import Comment, Provider
from comments.selectors import read_comment, read_replies, read_thread
from comments.services.orders import keep_order
from project.errors import Problem
from tests.factories import make_article
from tests.sketch import ids, plant

pytestmark = pytest.mark.django_db(transaction=True)

PLANS = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%comments_comment%'"


@pytest.fixture
def keeping() -> Iterator[None]:
    """Let this connection prepare what it runs a second time, as those of web processes do."""
    connection.ensure_connection()
    connection.connection.prepare_threshold = 1
    yield
    connection.close()


def plans() -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(PLANS)
        found: list[tuple[int, int]] = cursor.fetchall()
    return found


def roots(article: Article) -> int:
    return Comment.objects.filter(article=article, parent=None).count()


def test_a_page_is_planned_once(keeping: None) -> None:
    article = make_article()
    plant(article, [None, 0, 1, None])
    for number in range(1, 8):
        read_thread(article, sort="newest", limit=number)
    assert plans() == [(6, 0)]


@pytest.mark.parametrize("sort", Site.Sort.values)
def test_kept_statements_read_what_new_ones_do(keeping: None, sort: str) -> None:
    articles = [make_article(), make_article()]
    for number, article in enumerate(articles):
        plant(article, [None, 0, 1, *[None] * (7 + number)])
    for article in articles * 3:
        for provider in (None, Provider.NATIVE, Provider.DISQUS):
            shown, cursor = [], None
            for _ in range(9):
                page = read_thread(article, sort=sort, cursor=cursor, limit=2, provider=provider)
                keep_order(page)
                shown += ids(page.branches)
                if (cursor := page.next) is None:
                    break
            assert len(shown) == len(set(shown)) == (0 if provider == Provider.DISQUS else roots(article))
    assert plans()


def test_a_refusal_leaves_a_connection_that_reads_on(keeping: None) -> None:
    article = make_article()
    root = plant(article, [None, 0, 0])[0].pk
    for _ in range(3):
        with pytest.raises(Problem, match="no comment"):
            read_comment(root + 1_000)
        assert len(read_comment(root).branch.replies) == len(read_replies(root).branches) == 2


def test_nothing_is_kept_unless_the_connection_may() -> None:
    article = make_article()
    plant(article, [None])
    for _ in range(8):
        read_thread(article)
    assert plans() == []
