"""What a publisher does to an article, as readers of its thread see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from articles.models import Article, Site
from tests.factories import make_api_key, make_article, make_comment, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site("gazette")


@pytest.fixture
def article(site: Site) -> Article:
    article = make_article(site, title="Old")
    make_comment(article, body="A remark.")
    return article


@pytest.fixture
def put(client: Client, site: Site, article: Article) -> Callable[..., Any]:
    headers = {"Authorization": f"Bearer {make_api_key(site, 'articles')}"}

    def send(**fields: Any) -> Any:
        body = {"url": article.url, **fields}
        answer = client.put("/api/v1/articles", body, content_type="application/json", headers=headers)
        assert answer.status_code == 200, answer.content
        return answer.json()

    return send


def read(client: Client, article: Article) -> Any:
    return client.get("/api/v1/thread", {"site": article.site.slug, "url": article.url}).json()


def test_a_new_title_is_a_new_version_of_the_thread(client: Client, article: Article, put: Callable[..., Any]) -> None:
    before = read(client, article)
    put(title="New")
    after = read(client, article)
    assert (after["article"]["title"], after["version"]) == ("New", before["version"] + 1)
    put(title="New", summary="Nothing that a thread shows")
    assert read(client, article)["version"] == after["version"]


def test_a_hidden_article_takes_its_comments_out_of_every_answer(
    client: Client, site: Site, article: Article, put: Callable[..., Any]
) -> None:
    comment = article.comments.get().pk
    put(published_at=None)
    assert read(client, article)["comments"] == []
    assert client.get("/api/v1/thread", {"article": article.pk}).status_code == 404
    assert client.get(f"/api/v1/comments/{comment}").status_code == 404
    assert client.get(f"/api/v1/comments/{comment}/replies").status_code == 404
    assert client.get("/api/v1/recent", {"site": site.slug}).json()["comments"] == []
    counts = client.get("/api/v1/counts", {"site": site.slug, "url": article.url}).json()["counts"]
    assert counts[0]["total"] == 0
    assert client.get(f"/api/v1/articles/{article.pk}/share-links").status_code == 404
    assert client.get(f"/s/linkedin/{article.pk}").status_code == 404
    assert client.get(f"/s/linkedin/{article.pk}/{comment}").status_code == 404
    body = {"article": article.pk, "body": "Hello?", "author": {"name": "Cy"}}
    write = client.post("/api/v1/comments", body, content_type="application/json")
    assert (write.status_code, write.json()["code"]) == (403, "comments_closed")
    put(published_at="2026-01-01T00:00:00Z")
    assert len(read(client, article)["comments"]) == 1


def test_closing_comments_leaves_them_readable(client: Client, article: Article, put: Callable[..., Any]) -> None:
    put(comments_open=False)
    page = read(client, article)
    assert page["article"]["comments_open"] is False and len(page["comments"]) == 1
    body = {"article": article.pk, "body": "Hello?", "author": {"name": "Cy"}}
    write = client.post("/api/v1/comments", body, content_type="application/json")
    assert (write.status_code, write.json()["code"]) == (403, "comments_closed")


def test_a_text_that_grows_beyond_bounds_when_it_is_closed_is_refused(client: Client, site: Site) -> None:
    headers = {"Authorization": f"Bearer {make_api_key(site, 'articles')}"}
    body = {"identifier": "1", "html": "<b>" * 300_000}
    answer = client.put("/api/v1/articles", body, content_type="application/json", headers=headers)
    assert answer.status_code == 400 and answer.json()["errors"][0]["code"] == "too_long"
