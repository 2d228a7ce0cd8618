"""Nothing that a publisher sends is a fault of ours."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from articles.serializers import ArticleInputSerializer
from tests.factories import make_api_key, make_site

pytestmark = pytest.mark.django_db

TEXTS = st.text(max_size=40) | st.sampled_from(
    [
        "https://news.example.org/a",
        "http://[::1]/",
        "https://xn--a/",
        "\u202e",
        "2026-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
BODIES = st.fixed_dictionaries(
    {}, optional={name: VALUES for name in ArticleInputSerializer().fields if name not in ("url", "site")}
)
ACCEPTABLE = {200, 201, 400, 409}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(url=st.sampled_from(["https://news.example.org/story"]) | VALUES, body=BODIES)
def test_any_json_is_stored_or_refused(client: Client, url: object, body: dict[str, object]) -> None:
    headers = {"Authorization": f"Bearer {make_api_key(make_site(), 'articles')}"}
    text = json.dumps({**body, "url": url})
    answer = client.generic("PUT", "/api/v1/articles", text, content_type="application/json", headers=headers)
    assert answer.status_code in ACCEPTABLE, answer.content
    if answer.status_code < 300:
        article = answer.json()["id"]
        for path in ("", "/related", "/share-links"):
            assert client.get(f"/api/v1/articles/{article}{path}").status_code in {200, 404}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.dictionaries(st.sampled_from(["site", "tag", "cursor", "limit", "x"]), TEXTS))
def test_any_query_is_answered_or_refused(client: Client, query: dict[str, str]) -> None:
    answer = client.get("/api/v1/articles", {"site": make_site().slug} | query)
    assert answer.status_code in {200, 400, 404}
