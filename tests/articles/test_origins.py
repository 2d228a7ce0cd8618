"""From which pages a browser may write, and who calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, RequestFactory

from articles.authentication import credential
from articles.models import Site
from articles.origins import check_form_origin, check_write_origin
from project.errors import Problem
from tests.factories import make_api_key, make_article, make_site

pytestmark = pytest.mark.django_db
OWN = settings.PUBLIC_URL


@pytest.fixture
def site() -> Site:
    return make_site(origins=("news.example.org", "dev.example.org:8080"))


def request(**headers: str) -> Any:
    return RequestFactory().post("/", headers=headers)


@pytest.mark.parametrize(
    "origin",
    [
        OWN,
        "https://news.example.org",
        "http://news.example.org",
        "https://NEWS.example.org:443",
        "http://dev.example.org:8080",
    ],
)
def test_pages_of_the_site_and_our_own_may_write(site: Site, origin: str) -> None:
    check_write_origin(request(Origin=origin), site)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "https://news.example.org.evil.example",
        "https://evil.example/https://news.example.org",
        "https://sub.news.example.org",
        "https://news.example.org:8443",
        "http://dev.example.org",
        "https://news.example.org@evil.example",
        "file://",
        "*",
    ],
)
def test_foreign_pages_may_not(site: Site, origin: str) -> None:
    with pytest.raises(Problem) as problem:
        check_write_origin(request(Origin=origin), site)
    assert problem.value.code == "origin_not_allowed"
    with pytest.raises(Problem):
        check_form_origin(request(Origin=origin))


def test_a_write_without_origin_is_no_browsers(site: Site, django_assert_num_queries: Callable[..., Any]) -> None:
    with django_assert_num_queries(0):
        check_write_origin(request(), site)
        check_write_origin(request(Origin=OWN), site)


def test_our_forms_need_our_origin_or_a_same_origin_fetch() -> None:
    check_form_origin(request(Origin=OWN))
    check_form_origin(request(**{"Sec-Fetch-Site": "same-origin"}))
    for headers in (
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://news.example.org"},
    ):
        with pytest.raises(Problem):
            check_form_origin(request(**headers))


def test_the_rule_holds_for_writes_with_a_key_and_not_for_reads(client: Client, site: Site) -> None:
    headers = {"Authorization": f"Bearer {make_api_key(site)}", "Origin": "https://evil.example"}
    put = client.put("/api/v1/articles", {"identifier": "1"}, content_type="application/json", headers=headers)
    assert (put.status_code, put.json()["code"]) == (403, "origin_not_allowed")
    moderated = client.post("/api/v1/moderation/decisions", {}, content_type="application/json", headers=headers)
    assert moderated.json()["code"] == "origin_not_allowed"
    assert client.get(f"/api/v1/articles/{make_article(site).pk}", headers=headers).status_code == 200


def test_credentials_are_told_apart(site: Site) -> None:
    plain = make_api_key(site, "articles")
    key = credential(request(Authorization=f"bearer  {plain}")).api_key
    assert key is not None and key.site == site
    tokens = credential(request(Authorization="Bearer awe_1.x", **{"X-Afterword-Edit-Tokens": "awe_2.y, junk,awe_3.z"}))
    assert (tokens.api_key, tokens.edit_tokens) == (None, ("awe_1.x", "awe_2.y", "awe_3.z"))
    for harmless in ("", "Bearer", "Basic awk_x", "Bearer aws_1"):
        assert credential(request(Authorization=harmless)).api_key is None
    with pytest.raises(Problem) as problem:
        credential(request(Authorization="Bearer awk_unknown"))
    assert problem.value.status == 401
