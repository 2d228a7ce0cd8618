"""`POST visits`, the report of what came of shares, and the way of a reference through the API."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from articles.models import ApiKey, Article
from sharing import networks
from sharing.models import CreditedComment, Follow, Visit
from sharing.references import reference
from tests.factories import ADA, make_api_key, make_article, make_site

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
FACEBOOK = networks.NETWORKS[0]
EXPORT = ApiKey.Scope.EXPORT
pytestmark = pytest.mark.django_db


@pytest.fixture
def article() -> Article:
    return make_article(title="Fish & Chips")


@pytest.fixture
def reader() -> Client:
    return Client(headers={"User-Agent": FIREFOX})


def post(reader: Client, path: str, body: Any, **headers: str) -> Any:
    return reader.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)


def arrive(reader: Client, ref: Any, **headers: str) -> Any:
    return post(reader, "visits", {"ref": ref}, **headers)


def report(article: Article, query: str = "", file: str = "") -> Any:
    key = make_api_key(article.site, EXPORT)
    return Client().get(f"/api/v1/sharing-report{file}{query}", headers={"Authorization": f"Bearer {key}"})


def test_the_address_given_to_a_network_leads_to_a_visit(reader: Client, article: Article) -> None:
    target = reader.get(f"/s/facebook/{article.pk}")["Location"]
    (shared,) = parse_qs(urlsplit(target).query)["u"]
    (ref,) = parse_qs(urlsplit(shared).query)["aw_ref"]
    for _ in range(2):
        answer = arrive(reader, ref, Origin="https://news.example.org")
        assert (answer.status_code, answer.content, answer["Cache-Control"]) == (204, b"", "no-store")
        assert "Set-Cookie" not in answer
    assert Visit.objects.get().network == "facebook"


def test_a_forged_reference_is_answered_alike_and_counts_nothing(reader: Client, article: Article) -> None:
    ref = reference(article.pk, FACEBOOK)
    forged = ref[:-1] + ("0" if ref[-1] != "0" else "1")
    nowhere = reference(10**12, FACEBOOK)
    for each in (forged, nowhere):
        assert (arrive(reader, each).status_code, arrive(reader, each).content) == (204, b"")
    assert not Visit.objects.exists()


@pytest.mark.parametrize("ref", ["", "x", "a b", 7, None, ["c.0123456789ab"], {"a": 1}, "c" * 10_000])
def test_what_is_no_reference_is_refused(reader: Client, article: Article, ref: Any) -> None:
    answer = arrive(reader, ref)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "facebookexternalhit/1.1"},
        {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
    ],
)
def test_robots_and_prefetchers_are_not_counted(reader: Client, article: Article, headers: dict[str, str]) -> None:
    assert arrive(reader, reference(article.pk, FACEBOOK), **headers).status_code == 204
    assert not Visit.objects.exists()


def test_pages_of_other_origins_cannot_count(reader: Client, article: Article) -> None:
    answer = arrive(reader, reference(article.pk, FACEBOOK), Origin="https://evil.example")
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert not Visit.objects.exists()


@pytest.mark.parametrize("visibility", ["hidden", "scheduled"])
def test_a_page_that_is_not_public_counts_nothing_and_says_nothing(reader: Client, visibility: str) -> None:
    article = make_article(visibility=visibility)
    assert arrive(reader, reference(article.pk, FACEBOOK)).status_code == 204
    assert not Visit.objects.exists()


def test_to_look_at_the_page_counts_nothing(reader: Client, article: Article) -> None:
    assert reader.get(f"/a/{article.pk}?aw_ref={reference(article.pk, FACEBOOK)}").status_code == 200
    assert not Visit.objects.exists()


def test_a_page_written_to_by_its_shared_address_is_the_same_page(reader: Client, article: Article) -> None:
    ref = reference(article.pk, FACEBOOK)
    body = {"site": article.site.slug, "url": f"{article.url}?aw_ref={ref}", "body": "Yes.", "author": {"name": "Ben"}}
    assert post(reader, "comments", {**body, "ref": ref}).status_code == 201
    new = {**body, "url": f"https://news.example.org/never-seen?aw_ref={ref}", "body": "No."}
    assert post(reader, "comments", new).status_code == 201
    assert Article.objects.count() == 2
    assert not Article.objects.filter(url__contains="aw_ref").exists()
    assert CreditedComment.objects.get().article_id == article.pk


@pytest.mark.parametrize("ref", ["x" * 10_000, 7, None, ["a"], {"a": 1}, "", "c.0123456789ab"])
def test_a_bad_reference_hinders_neither_a_comment_nor_a_follow(reader: Client, article: Article, ref: Any) -> None:
    said = {"article": article.pk, "body": "Yes.", "author": {"name": "Ben"}, "ref": ref}
    assert post(reader, "comments", said).status_code == 201
    assert post(reader, "follows", {"article": article.pk, "email": ADA, "ref": ref}).status_code == 202
    assert not CreditedComment.objects.exists()
    assert Follow.objects.get().reference == ""


def test_a_follow_keeps_its_reference_until_it_is_confirmed(reader: Client, article: Article) -> None:
    ref = reference(article.pk, FACEBOOK)
    assert post(reader, "follows", {"article": article.pk, "email": ADA, "ref": ref}).status_code == 202
    assert Follow.objects.get().reference == ref


def test_the_report_names_articles_and_networks(reader: Client, article: Article) -> None:
    arrive(reader, reference(article.pk, FACEBOOK))
    answer = report(article, "?days=1")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    numbers = {"shares": 0, "visits": 1, "comments": 0, "follows": 0}
    through = [{"network": "facebook", "label": "Facebook", **numbers}]
    found = answer.json()
    assert found["since"] == found["until"]
    assert (found["total"], found["networks"]) == (numbers, through)
    headline = {"id": article.pk, "url": article.url, "title": "Fish & Chips"}
    assert found["articles"] == [{"article": headline, **numbers, "networks": through}]


def test_a_report_is_of_ones_own_site(reader: Client, article: Article) -> None:
    elsewhere = make_article(make_site())
    arrive(reader, reference(elsewhere.pk, FACEBOOK))
    assert report(article).json()["articles"] == []
    assert report(article, f"?article={elsewhere.pk}").status_code == 404
    assert report(article, f"?article={article.pk}").status_code == 200


@pytest.mark.parametrize("query", ["?days=0", "?days=366", "?days=x", "?limit=0", "?limit=1001", "?article=-1"])
def test_a_query_is_bounded(article: Article, query: str) -> None:
    assert report(article, query).status_code == 400


def test_fewer_articles_can_be_asked_for(reader: Client, article: Article) -> None:
    for each in (article, make_article(article.site)):
        arrive(reader, reference(each.pk, FACEBOOK))
    found = report(article, "?limit=1").json()
    assert (len(found["articles"]), found["total"]["visits"]) == (1, 2)


def test_the_file_is_safe_to_open(reader: Client, article: Article) -> None:
    Article.objects.filter(pk=article.pk).update(title='=HYPERLINK("https://evil.example","a\nb")')
    arrive(reader, reference(article.pk, FACEBOOK))
    answer = report(article, file=".csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="sharing-')
    rows = list(csv.reader(io.StringIO(answer.content.decode(), newline="")))
    assert rows[0] == ["article", "url", "title", "network", "shares", "visits", "comments", "follows"]
    assert rows[1][:2] == [str(article.pk), article.url]
    assert rows[1][2].startswith("'=HYPERLINK")
    assert rows[1][3:] == ["facebook", "0", "1", "0", "0"]


def test_a_key_of_another_scope_is_refused(article: Article) -> None:
    key = make_api_key(article.site, ApiKey.Scope.MODERATE)
    for path in ("/api/v1/sharing-report", "/api/v1/sharing-report.csv"):
        assert Client().get(path, headers={"Authorization": f"Bearer {key}"}).status_code == 403
