"""The lists of a site for a front page: most discussed and most shared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from articles.models import Article, Site
from comments.models import Comment
from sharing.models import Share, ShareCount
from tests.factories import make_article, make_comment, make_site
from tests.reading import code, get

pytestmark = pytest.mark.django_db

LISTS = ("most-discussed", "most-shared")


@pytest.fixture
def site() -> Site:
    return make_site("here")


def talk(article: Article, *days_ago: float, **fields: Any) -> None:
    for days in days_ago:
        make_comment(article, created_at=timezone.now() - timedelta(days=days), **fields)


def share(article: Article, *days_ago: float, comment: Comment | None = None) -> None:
    for number, days in enumerate(days_ago):
        at = timezone.now() - timedelta(days=days)
        Share.objects.create(
            site=article.site,
            article=article,
            comment=comment,
            network="copy",
            day=at,
            visitor_hash=str(number),
            created_at=at,
        )
    event = {"site": article.site, "article": article, "comment": comment, "network": "copy"}
    ShareCount.objects.create(count=len(days_ago), **event)


def rows(client: Client, name: str, **query: Any) -> list[tuple[int, int, int]]:
    """Return (article, number of the days, total) of each line."""
    answer = get(client, name, site="here", **query)
    assert answer.status_code == 200, answer.content
    number = {"most-discussed": "comments", "most-shared": "shares"}[name]
    return [(each["article"]["id"], each[number], each["total"]) for each in answer.json()["articles"]]


def test_most_discussed_counts_public_comments_of_the_days(client: Client, site: Site) -> None:
    quiet, loud, old = make_article(site), make_article(site), make_article(site)
    talk(quiet, 1)
    talk(loud, 1, 2, 20, provider="disqus")
    talk(old, 100)
    talk(quiet, 1, 1, 1, status="pending")
    talk(quiet, 1, 1, 1, status="removed")
    talk(make_article(site, visibility="hidden"), 1, 1, 1, 1)
    talk(make_article(make_site()), 1, 1, 1, 1)
    assert rows(client, "most-discussed") == [(loud.pk, 2, 3), (quiet.pk, 1, 1)]
    assert rows(client, "most-discussed", days=30) == [(loud.pk, 3, 3), (quiet.pk, 1, 1)]
    assert (old.pk, 1, 1) in rows(client, "most-discussed", days=365)
    assert rows(client, "most-discussed", days=30, limit=1) == [(loud.pk, 3, 3)]


def test_most_shared_counts_shares_of_articles_of_the_days(client: Client, site: Site) -> None:
    some, many = make_article(site), make_article(site)
    share(some, 1, 100)
    share(many, 2, 3, 20)
    share(some, 1, 1, 1, 1, comment=make_comment(some))
    share(make_article(site, visibility="hidden"), 1, 1, 1, 1)
    share(make_article(make_site()), 1, 1, 1, 1)
    assert rows(client, "most-shared") == [(many.pk, 2, 3), (some.pk, 1, 2)]
    assert rows(client, "most-shared", days=365) == [(many.pk, 3, 3), (some.pk, 2, 2)]
    assert rows(client, "most-shared", limit=1) == [(many.pk, 2, 3)]


@pytest.mark.parametrize("name", LISTS)
def test_among_equals_the_newest_article_comes_first(client: Client, site: Site, name: str) -> None:
    now = timezone.now()
    undated, older, newer = (
        make_article(site, published_at=at) for at in (None, now - timedelta(days=3), now - timedelta(days=1))
    )
    for article in (older, newer, undated):
        talk(article, 1)
        share(article, 1)
    assert [article for article, *_ in rows(client, name)] == [newer.pk, older.pk, undated.pk]


@pytest.mark.parametrize("name", LISTS)
def test_an_answer_names_its_days_and_articles_in_two_statements(
    client: Client, site: Site, name: str, django_assert_num_queries: Any
) -> None:
    articles = [make_article(site) for _ in range(3)]
    for article in articles:
        talk(article, 1)
        share(article, 1)
    with django_assert_num_queries(2):
        answer = get(client, name, site="here")
    assert answer["Cache-Control"] == "public, max-age=0, s-maxage=1, must-revalidate"
    assert answer.json()["days"] == 7
    last = articles[-1]
    assert answer.json()["articles"][0]["article"] == {"id": last.pk, "url": last.url, "title": last.title}


@pytest.mark.parametrize("name", LISTS)
def test_numbers_out_of_range_are_refused(client: Client, site: Site, name: str) -> None:
    for query in (
        {"days": "0"},
        {"days": "366"},
        {"days": "x"},
        {"limit": "0"},
        {"limit": "101"},
        {"days": "9" * 5000},
    ):
        assert code(get(client, name, site="here", **query)) == (400, "validation_failed")
    assert code(get(client, name)) == (400, "validation_failed")
    assert code(get(client, name, site="nowhere")) == (404, "unknown_site")
